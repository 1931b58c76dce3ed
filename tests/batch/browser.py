"""Walks through the pages of a batch and of a machine in a real browser: by mouse, by keyboard alone, in light and dark, narrow, on
paper and without JavaScript. usage: browser.py FOLDER (job.html, running.html, web01.html) [SHOTS: folder for pictures of them]
or, for the page of any batch: browser.py --walk JOB (report.html and all that it leads to; its profile goes to $TMPDIR)"""
import base64
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from webdriver import Browser  # noqa: E402

WALK = sys.argv[1] == "--walk"
FOLDER = os.path.abspath(sys.argv[2 if WALK else 1])
SHOTS = sys.argv[2] if len(sys.argv) > 2 and not WALK else None
with open(os.path.join(os.path.dirname(__file__), "..", "support", "audit.js"), encoding="utf-8") as file:
    AUDIT = file.read()
SHOWN = "return Array.from(document.querySelectorAll('tbody.machine')).filter(m => !m.hidden)"
own = tempfile.TemporaryDirectory(prefix="rehost-browser-")
b = Browser(own.name)


def same(got, expected, what):
    if got != expected:
        raise AssertionError(f"{what}: {got!r}, {expected!r} expected")


def true(got, what):
    same(bool(got), True, what)


def open_page(name):
    b.go(f"file://{FOLDER}/{name}")
    same(b.js("return window.hacked"), None, f"{name}: a script of the report's words ran")


def quiet(name):
    """Nothing was said on the console, nothing was asked for but the page itself and what is inside it."""
    same(b.messages(), [], f"{name}: console")
    strangers = [u for u in b.requests() if not u.startswith((f"file://{FOLDER}/", "data:"))]
    same(strangers, [], f"{name}: requests")


def focused(selector):
    return b.js("return document.activeElement && document.activeElement.matches(arguments[0])", selector)


def visible_focus(where):
    outline = b.js("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]")
    true(outline[0] != "none" and outline[1] >= 2, f"{where}: focus can be seen on "
         + b.js("return document.activeElement.outerHTML.slice(0, 80)"))


def tab_to(selector, most=300):
    for _ in range(most):
        b.press("Tab")
        visible_focus(selector)
        if focused(selector):
            return
    raise AssertionError(f"{selector}: not reached by {most} tabs")


def names():
    return b.js(SHOWN + ".map(m => m.querySelector('th').textContent)")


def choose(value):
    """As a mouse would, which has no hold on the list that headless Chromium opens."""
    b.js("const s = document.getElementById('state'); s.value = arguments[0]; s.dispatchEvent(new Event('input', {bubbles: true}))", value)


def clear_text():
    b.js("const t = document.getElementById('text'); t.value = ''; t.dispatchEvent(new Event('input', {bubbles: true})); t.focus()")


# ---- a batch ----

def by_mouse():
    open_page("job.html")
    same(b.js("return document.querySelectorAll('tbody.machine').length"), 60, "machines")
    same(b.js("return document.getElementById('shown').textContent"), "60 of 60 machines", "count")
    same(b.js("return document.getElementById('live').hidden"), True, "an ended batch loads nothing anew")
    b.click("#by-seconds")
    times = b.js(SHOWN + ".map(m => Number(m.querySelector('[data-key=seconds]').dataset.value))")
    same(times, sorted(times), "sorted by time")
    same(b.js("return document.querySelector('th[data-key=seconds]').ariaSort"), "ascending", "aria-sort")
    b.click("#by-seconds")
    times = b.js(SHOWN + ".map(m => Number(m.querySelector('[data-key=seconds]').dataset.value))")
    same(times, sorted(times, reverse=True), "sorted by time, the other way")
    b.click("#by-name")
    same(names()[:3], ["app01", "app02", "app03"], "sorted by name")
    choose("failed")
    same(names(), ["db06", "web08"], "only those that failed")
    choose("")
    b.click("#text")
    b.type("esx1 app0")
    same(names(), ["app02", "app04", "app06", "app08"], "found by words from two places")
    same(b.js("return document.getElementById('shown').textContent"), "4 of 60 machines", "count")
    clear_text()
    b.type("kernel panic")
    same(names(), ["db06"], "found by its error")
    clear_text()


def opens_a_machine():
    same(b.js("return document.getElementById('d3').hidden"), True, "closed at first")
    b.click("#b3")
    same(b.js("return document.getElementById('d3').hidden"), False, "opened")
    picture = "document.querySelector('#d3 .shot:last-of-type img')"
    same(b.js(f"return [{picture}.naturalWidth, {picture}.naturalHeight, {picture}.complete]"), [720, 400, True], "its screenshot")
    small = b.js(f"return {picture}.clientWidth")
    b.click("#d3 .shot:last-of-type summary")
    true(b.js(f"return {picture}.clientWidth") > 2 * small, "a click enlarges it")
    b.js("location.hash = 'state=failed&sort=-no%22%5D'")
    b.until("return document.getElementById('state').value === 'failed'", "a link with a column that is none")
    b.js("location.hash = 'm14'")
    b.until("return !document.getElementById('d14').hidden", "a link to a machine opens it")
    true(b.js("return document.getElementById('m14').textContent.includes('<script>window.hacked')"), "hostile words are words")
    quiet("job.html")


def by_keyboard():
    open_page("job.html")
    b.press("Tab")
    true(focused("a.skip"), "the first stop leads to the machines")
    b.press("Enter")
    tab_to("#state")
    b.press("Down", "Down")
    same(b.js("return document.getElementById('state').value"), "failed", "chosen by arrow keys")
    tab_to("#text")
    b.type("db0")
    same(names(), ["db06"], "filtered by typing")
    tab_to("#by-host")
    b.press("Enter")
    same(b.js("return document.querySelector('th[data-key=host]').ariaSort"), "ascending", "sorted by Enter")
    tab_to("button.open")
    b.press("Space")
    same(b.js("return document.activeElement.ariaExpanded"), "true", "opened by Space")
    b.press("Shift+Tab")
    open_page("job.html#d2")
    b.until("return document.activeElement.id === 'b2'", "a link leads the keyboard to the machine")
    tab_to("#d2 summary")
    b.press("Enter")
    same(b.js("return document.querySelector('#d2 .shot').open"), True, "enlarged by Enter")
    quiet("job.html by keyboard")


def keeps_its_state_when_it_loads_anew():
    open_page("running.html")
    same(b.js("return document.getElementById('live').hidden"), False, "a running batch")
    b.click("#by-read")
    b.click("#by-read")
    choose("done")
    b.click("#b3")
    before = names()
    b.js("window.before = 1; document.activeElement.blur()")
    b.until("return window.before === undefined && document.readyState === 'complete'", "the page loads itself again")
    same(names(), before, "sorted and filtered as before")
    same(b.js("return [document.getElementById('state').value, document.getElementById('d3').hidden]"), ["done", False], "as before")
    b.click("#refresh")
    b.js("window.before = 1")
    time.sleep(6)
    same(b.js("return window.before"), 1, "it stops when it is told to")
    quiet("running.html")


# ---- a machine ----

def machine():
    open_page("web01.html")
    same(b.js("return document.querySelector('.verdict').textContent"), "MAY NOT BOOT", "verdict")
    same(b.js("return Array.from(document.images, i => i.naturalWidth)"), [720, 720, 720], "screenshots")
    tab_to("#proof summary")
    small = b.js("return document.activeElement.querySelector('img').clientWidth")
    b.press("Enter")
    true(b.js("return document.activeElement.querySelector('img').clientWidth") > 2 * small, "Enter enlarges a picture")
    tab_to("#open-all")
    b.press("Enter")
    same(b.js("return Array.from(document.querySelectorAll('details.change'), d => d.open)"), [True] * 4, "all changes open")
    same(b.js("return document.getElementById('open-all').textContent"), "Close all", "and may be closed")
    b.click("#finding-1 a")
    same(b.js("return document.querySelector(':target').textContent"), "W-BOOT-NO-LOADER", "an id leads to its meaning")
    true(b.js("return document.querySelector('.plot polyline').points.length") > 30, "a plot")
    quiet("web01.html")


# ---- both ----

def audited(name):
    """Open, in light and dark, and as narrow as a telephone."""
    open_page(name)
    b.js("document.querySelectorAll('tr.details').forEach(d => { d.hidden = false; d.dataset.open = ''; });"
         "document.querySelectorAll('details').forEach(d => { d.open = true; })")
    least = []
    for scheme in ("light", "dark"):
        b.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        found = b.js(AUDIT)
        same(found["complaints"], [], f"{name}, {scheme}")
        true(found["measured"] > 50, f"{name}: {found['measured']} texts measured")
        least.append(f"{scheme} {found['least']:.1f}")
    b.cdp("Emulation.setEmulatedMedia", features=[])
    b.cdp("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=False)
    same(b.js("return document.documentElement.scrollWidth"), 360, f"{name}: no wider than a narrow window")
    b.cdp("Emulation.clearDeviceMetricsOverride")
    quiet(name)
    return ", ".join(least)


def on_paper(name):
    open_page(name)
    true(base64.b64decode(b.printed()).startswith(b"%PDF"), "printed")
    same(b.js("return Array.from(document.querySelectorAll('tr.details, details:not(.shot)')).filter(d => d.hidden || d.open === false)"
              ".length"), 0, f"{name}: everything is open on paper")


def without_javascript():
    b.cdp("Emulation.setScriptExecutionDisabled", value=True)
    b.go(f"file://{FOLDER}/job.html")
    same(b.js("return [document.getElementById('filter').hidden, document.getElementById('d60').checkVisibility()]"), [True, True],
         "without JavaScript all machines are open")
    b.cdp("Emulation.setScriptExecutionDisabled", value=False)


def policy_holds():
    open_page("job.html")
    b.js("const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s);"
         "const i = document.createElement('img'); i.src = 'x.png'; document.body.append(i);"
         "document.body.setAttribute('onclick', 'window.hacked = 1'); document.body.click()")
    same(b.js("return window.hacked"), None, "the policy lets no other script run")
    refused = [m for m in b.messages() if "Content Security Policy" in m]
    true(len(refused) >= 3, f"the policy refuses a script, a handler and a picture: {refused}")


# ---- the page of any batch ----

def walk_machine(n):
    """Opens it by its button; its screenshots are there."""
    b.js("document.getElementById(arguments[0]).scrollIntoView({block: 'center'})", f"b{n}")
    b.click(f"#b{n}")
    same(b.js("return document.getElementById(arguments[0]).checkVisibility()", f"d{n}"), True, f"machine {n} opens")
    widths = b.js("return Array.from(document.querySelectorAll(arguments[0]), i => i.naturalWidth)", f"#d{n} img")
    true(all(widths), f"machine {n}: widths of screenshots: {widths}")
    return len(widths)


def walk():
    open_page("report.html")
    machines = b.js("return document.querySelectorAll('tbody.machine').length")
    for key in b.js("return Array.from(document.querySelectorAll('thead button'), k => k.id).filter(id => id.startsWith('by-'))"):
        b.click("#" + key)
        same(len(names()), machines, f"sorted by {key}")
    counts = dict(b.js("return Array.from(document.querySelectorAll('.counts li'), l => [l.classList[1], Number(l.firstChild.textContent)])"))
    for state, count in counts.items():
        choose(state)
        same(len(names()), count, f"machines that are {state}")
    choose("")
    shots = sum(walk_machine(n) for n in range(1, machines + 1))
    quiet("report.html")
    links = b.js("return Array.from(document.querySelectorAll('.details a[href^=\"./\"]'), a => a.getAttribute('href'))")
    for link in [link[2:] for link in links]:
        open_page(link)
        true(b.js("return document.querySelector('.verdict')"), f"{link} is the page of a machine")
        quiet(link)
    audited("report.html")
    print(f"{machines} machines, {shots} screenshots, {len(links)} pages of machines: {counts}")


def picture_for_manual(page, name, prepare, width, height):
    b.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    open_page(page)
    b.js(prepare)
    with open(os.path.join(SHOTS, name), "wb") as out:
        out.write(base64.b64decode(b.screenshot()))
    b.cdp("Emulation.clearDeviceMetricsOverride")


try:
    if SHOTS:
        picture_for_manual("job.html", "report-batch.png", "document.getElementById('by-seconds').click(); document.getElementById('b1').click();"
                           "document.getElementById('machines').scrollIntoView()", 1000, 900)
        picture_for_manual("web01.html", "report-machine.png", "", 1000, 1100)
    elif WALK:
        walk()
    else:
        by_mouse()
        opens_a_machine()
        by_keyboard()
        keeps_its_state_when_it_loads_anew()
        machine()
        contrast = [audited("job.html"), audited("running.html"), audited("web01.html")]
        on_paper("job.html")
        on_paper("web01.html")
        without_javascript()
        policy_holds()
        print(f"least contrast: batch {contrast[0]}; machine {contrast[2]}")
finally:
    b.close()
    own.cleanup()
