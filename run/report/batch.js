/* Sorting, filtering and opening machines; the page works without it, with all of them open. What was chosen stands in
 * the address behind '#', so that it outlives a reload. */
"use strict";
(function () {
	const RELOAD_MS = 5000, SILENT_MS = 600000;
	const order = ["failed", "blocked", "running", "waiting", "done"];
	const byId = (id) => document.getElementById(id);
	const table = byId("table"), form = byId("filter"), state = byId("state"), text = byId("text");
	const machines = Array.from(table.tBodies);
	const words = new Map(machines.map((m) => [m, m.textContent.toLowerCase()]));
	let sort = "", descending = false;

	const details = (m) => m.querySelector("tr.details");
	const opener = (m) => m.querySelector("button.open");
	const isOpen = (m) => !details(m).hidden;
	const collator = new Intl.Collator(undefined, { numeric: true });

	function setOpen(m, open) {
		details(m).hidden = !open;
		details(m).toggleAttribute("data-open", open);
		opener(m).setAttribute("aria-expanded", String(open));
	}

	function value(m, key) {
		const cell = m.querySelector(`[data-key="${key}"]`);
		if (key === "state")
			return order.indexOf(m.dataset.state);
		if ("value" in cell.dataset)
			return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
		return cell.textContent.trim();
	}

	/* What is not known stands last, whichever way it is sorted. */
	function compare(a, b) {
		const lacksA = a === "" || Number.isNaN(a), lacksB = b === "" || Number.isNaN(b);
		if (lacksA || lacksB)
			return lacksA - lacksB;
		const way = typeof a === "number" ? a - b : collator.compare(a, b);
		return descending ? -way : way;
	}

	function applySort() {
		for (const th of table.tHead.rows[0].cells)
			th.setAttribute("aria-sort", th.dataset.key !== sort ? "none" : descending ? "descending" : "ascending");
		if (sort)
			table.append(...machines.map((m) => [value(m, sort), m]).sort((a, b) => compare(a[0], b[0])).map((pair) => pair[1]));
	}

	function applyFilter() {
		const wanted = text.value.trim().toLowerCase().split(/\s+/);
		let n = 0;
		for (const m of machines) {
			m.hidden = (state.value !== "" && m.dataset.state !== state.value) || !wanted.every((word) => words.get(m).includes(word));
			n += !m.hidden;
		}
		byId("shown").textContent = `${n} of ${machines.length} machines`;
	}

	function remember() {
		const p = new URLSearchParams();
		const open = machines.filter(isOpen).map((m) => m.id.slice(1));
		const at = document.activeElement && document.activeElement.id;
		if (state.value) p.set("state", state.value);
		if (text.value) p.set("text", text.value);
		if (sort) p.set("sort", (descending ? "-" : "") + sort);
		if (open.length) p.set("open", open.join(","));
		if (at) p.set("at", at);
		if (!byId("refresh").checked) p.set("refresh", "no");
		history.replaceState(null, "", "#" + p);
	}

	/* A link to a machine: it is opened and shown, whatever is filtered. */
	function goTo(m) {
		if (m.hidden) {
			state.value = text.value = "";
			applyFilter();
		}
		setOpen(m, true);
		m.scrollIntoView();
		opener(m).focus();
		remember();
	}

	function recall() {
		const hash = location.hash.slice(1);
		const linked = /^[md]\d+$/.test(hash) && byId("m" + hash.slice(1));
		const p = new URLSearchParams(linked || !hash.includes("=") ? "" : hash);
		const by = p.get("sort") || "", known = Array.from(table.tHead.rows[0].cells, (th) => th.dataset.key);
		state.value = p.get("state") || "";
		text.value = p.get("text") || "";
		descending = by.startsWith("-");
		sort = known.find((key) => key === by.replace("-", "")) || "";
		byId("refresh").checked = p.get("refresh") !== "no";
		for (const n of (p.get("open") || "").split(","))
			if (byId("m" + n))
				setOpen(byId("m" + n), true);
		applySort();
		applyFilter();
		if (linked)
			goTo(linked);
		else if (p.get("at") && byId(p.get("at")))
			byId(p.get("at")).focus({ preventScroll: true });
	}

	function button(inside, id, name) {
		const b = document.createElement("button");
		b.type = "button";
		b.id = id;
		if (name)
			b.className = name;
		b.append(...inside.childNodes);
		inside.replaceChildren(b);
		return b;
	}

	function begin() {
		for (const th of table.tHead.rows[0].cells)
			button(th, "by-" + th.dataset.key).addEventListener("click", () => {
				descending = sort === th.dataset.key && !descending;
				sort = th.dataset.key;
				applySort();
				remember();
			});
		for (const m of machines) {
			const cell = m.querySelector("th");
			const link = cell.querySelector("a.open");
			link.replaceWith(...link.childNodes);
			const b = button(cell, "b" + m.id.slice(1), "open");
			b.setAttribute("aria-controls", details(m).id);
			setOpen(m, false);
			b.addEventListener("click", () => {
				setOpen(m, !isOpen(m));
				remember();
			});
		}
		form.hidden = false;
		form.addEventListener("submit", (e) => e.preventDefault());
		form.addEventListener("input", () => {
			applyFilter();
			remember();
		});
		document.addEventListener("click", (e) => {
			const a = e.target.closest && e.target.closest('a[href^="#m"]');
			const m = a && byId(a.getAttribute("href").slice(1));
			if (m && m.classList.contains("machine")) {
				e.preventDefault();
				goTo(m);
			}
		});
		window.addEventListener("hashchange", recall);
		window.addEventListener("beforeprint", () => machines.forEach((m) => setOpen(m, true)));
	}

	/* While a batch runs. Nobody's typing is broken off, and a page that nobody writes any more stays. */
	function refresh() {
		const typing = document.activeElement === text || document.activeElement === state;
		if (byId("refresh").checked && !typing) {
			remember();
			location.reload();
		} else {
			setTimeout(refresh, RELOAD_MS);
		}
	}

	function follow() {
		const written = Date.parse(document.body.dataset.written);
		if (document.body.dataset.running !== "true")
			return;
		byId("live").hidden = false;
		byId("refresh").addEventListener("change", remember);
		if (Date.now() - written > SILENT_MS)
			byId("stale").textContent = "Nothing was written for over 10 minutes: the run has stopped, or its host is gone.";
		else
			setTimeout(refresh, RELOAD_MS);
	}

	begin();
	recall();
	follow();
})();
