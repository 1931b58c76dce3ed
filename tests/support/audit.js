/* What a page lacks for people who read it with a keyboard, a screen reader or weak eyes: a list of sentences. */
const complaints = [];
const complain = (node, what) => complaints.push(`${what}: ${node.outerHTML.slice(0, 120).replace(/\s+/g, " ")}`);
const all = (selector) => Array.from(document.querySelectorAll(selector));
const shown = (node) => node.checkVisibility ? node.checkVisibility() : node.getClientRects().length > 0;

/* ---- structure ---- */

if (!document.documentElement.lang) complaints.push("the page has no language");
if (!document.title.trim()) complaints.push("the page has no title");
for (const [selector, n] of [["main", 1], ["header", 1], ["footer", 1], ["h1", 1]])
	if (all(selector).length !== n) complaints.push(`${all(selector).length} <${selector}>, ${n} expected`);
let level = 0;
for (const h of all("h1, h2, h3, h4, h5, h6").filter(shown)) {
	const now = Number(h.tagName[1]);
	if (now > level + 1) complain(h, `a heading of level ${now} behind one of level ${level}`);
	if (!h.textContent.trim()) complain(h, "a heading without words");
	level = now;
}
const ids = all("[id]").map((node) => node.id);
for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) complaints.push(`id '${id}' twice`);

/* ---- names ---- */

function name(node) {
	const by = node.getAttribute("aria-labelledby");
	if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ").trim();
	if (node.getAttribute("aria-label")) return node.getAttribute("aria-label").trim();
	if (node.labels?.length) return node.labels[0].textContent.trim();
	const alts = Array.from(node.querySelectorAll("img[alt]"), (img) => img.alt).join(" ");
	return (node.tagName === "IMG" ? node.alt : node.textContent + alts).trim();
}

for (const node of all("a[href], button, input, select, textarea, summary, img, section, [role=img], [role=region], [role=search], nav"))
	if (!(node.tagName === "INPUT" || node.tagName === "SELECT" ? node.labels.length || node.getAttribute("aria-label") : name(node)))
		complain(node, "no name");
for (const node of all("[aria-controls], [aria-labelledby], a[href^='#']"))
	for (const id of (node.getAttribute("aria-controls") || node.getAttribute("aria-labelledby") || node.getAttribute("href").slice(1)).split(" "))
		if (!document.getElementById(id)) complain(node, `nothing has the id '${id}'`);
for (const table of all("table")) {
	if (!table.querySelector("th")) complain(table, "a table without heads");
	for (const th of table.querySelectorAll("th")) if (!th.scope) complain(th, "a table's head without scope");
}
for (const node of all("[tabindex]")) if (node.tabIndex > 0) complain(node, "an order of focus of its own");
for (const node of all(".wide")) if (node.tabIndex !== 0) complain(node, "scrolls, but not by keyboard");

/* ---- contrast (WCAG 2.1, 1.4.3) ---- */

function colour(text) {
	const parts = text.match(/[\d.]+/g).map(Number);
	return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
}

function luminance(rgb) {
	const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function behind(node) {
	for (let at = node; at; at = at.parentElement) {
		const c = colour(getComputedStyle(at).backgroundColor);
		if (c.alpha === 1) return c.rgb;
		if (c.alpha > 0) complain(at, "a background that shines through");
	}
	return [255, 255, 255];
}

let least = 21, measured = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
	const node = walker.currentNode.parentElement;
	if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(node.tagName) || !shown(node)) continue;
	const style = getComputedStyle(node);
	const a = luminance(colour(node.closest("svg") ? style.fill : style.color).rgb), b = luminance(behind(node));
	const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	least = Math.min(least, contrast);
	measured++;
	if (contrast < 4.5) complain(node, `contrast ${contrast.toFixed(2)}`);
}
return { complaints, least, measured };
