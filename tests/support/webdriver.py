"""A browser driven through chromedriver (W3C WebDriver over HTTP), with Python's own library only."""
import http.client
import json
import os
import re
import subprocess
import time

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " ", "Shift": "\ue008", "Escape": "\ue00c", "Down": "\ue015"}
WAIT = 120  # seconds for anything that a page does by itself; the machine may be busy


class Browser:
    """Headless Chromium without the network: no host name has an address."""

    def __init__(self, folder):
        self.log = open(os.path.join(folder, "chromedriver.log"), "w+", encoding="utf-8")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=self.log, stderr=self.log)
        self.port = self._port()
        arguments = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                     "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--window-size=1200,900",
                     "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + os.path.join(folder, "profile")]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox can't be made by root
        options = {"args": arguments}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = None
        self.session = self._begin({"capabilities": {"alwaysMatch": wanted}})
        self.go("about:blank")
        self.requests()  # of the page for new tabs, which it began with

    def _begin(self, wanted):
        """A browser's first start on a cold machine may take longer than its driver waits."""
        for attempt in range(3):
            try:
                return self._call("POST", "/session", wanted)["sessionId"]
            except RuntimeError:
                if attempt == 2:
                    raise

    def _port(self):
        for _ in range(WAIT * 10):
            self.log.flush()
            with open(self.log.name, encoding="utf-8") as text:
                found = re.search(r"started successfully on port (\d+)", text.read())
            if found:
                return int(found.group(1))
            time.sleep(0.1)
        raise RuntimeError("chromedriver did not start")

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        where = path if self.session is None else f"/session/{self.session}{path}"
        connection.request(method, where, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{path}: {answer['error']}: {answer['message'][:500]}")
        return answer

    def close(self):
        try:
            if self.session:
                self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.log.close()

    def go(self, url):
        self._call("POST", "/url", {"url": url})

    def js(self, script, *args):
        """The value of a script's `return`."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def cdp(self, command, **params):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def press(self, *names):
        """Presses keys one after the other; "Shift+Tab" holds the first one."""
        actions = []
        for name in names:
            keys = [KEYS.get(key, key) for key in name.split("+")]
            actions += [{"type": "keyDown", "value": key} for key in keys]
            actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def type(self, text):
        self.press(*text)

    def click(self, selector):
        end = time.monotonic() + WAIT
        while True:
            element = self._call("POST", "/element", {"using": "css selector", "value": selector})
            try:
                self._call("POST", f"/element/{next(iter(element.values()))}/click", {})
                return
            except RuntimeError as why:  # the page may have been loaded anew between the two
                if "stale element reference" not in str(why) or time.monotonic() > end:
                    raise

    def messages(self):
        """What the console said since it was last asked."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """Addresses that were asked for since it was last asked."""
        urls = []
        for entry in self._call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def screenshot(self):
        return self._call("GET", "/screenshot")

    def printed(self):
        """The page as PDF, in base64."""
        return self._call("POST", "/print", {})

    def until(self, script, what):
        for _ in range(WAIT * 10):
            if self.js(script):
                return
            time.sleep(0.1)
        raise AssertionError(f"never: {what}")
