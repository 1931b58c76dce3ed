/* Opens and closes all changes at once, and opens them for a printer; the page works without it. */
"use strict";
(function () {
	const all = Array.from(document.querySelectorAll("details"));
	const changes = all.filter((d) => d.classList.contains("change"));
	const button = document.getElementById("open-all");

	function show() {
		const open = changes.every((d) => d.open);
		button.textContent = open ? "Close all" : "Open all";
		return open;
	}

	if (button && changes.length) {
		button.hidden = false;
		show();
		button.addEventListener("click", () => {
			const open = show();
			changes.forEach((d) => { d.open = !open; });
			show();
		});
		changes.forEach((d) => d.addEventListener("toggle", show));
	}
	window.addEventListener("beforeprint", () => all.forEach((d) => { d.open = true; }));
})();
