"""A headless Chromium that tests talk to through its debugging pipe."""

import base64
import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The program; None if none is installed."""


class Tab:
    """A page in a browser.

    Attributes:
        messages: What its console printed, and the errors of its scripts.
        requests: The addresses that it asked for.
    """

    def __init__(self, read, write):
        self._read, self._write, self._last, self._session = read, write, 0, None
        self._received, self._is_loaded = bytearray(), False
        self.messages, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Call a method of the DevTools protocol, and return its result."""
        self._last += 1
        request = {"id": self._last, "method": method, "params": params}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        while True:
            message = self._receive()
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]

    def open(self, path):
        """Open a file, and wait until it is loaded."""
        self._is_loaded = False  # the event may arrive before the answer
        self.call("Page.navigate", url=path.as_uri())
        while not self._is_loaded:
            self._receive()

    def run(self, script):
        """Return the value of an expression of JavaScript."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key):
        """Press a key and release it."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = {"Enter": 13, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39}.get(key) or ord(key.upper())
        shared = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def tap(self, x, y):
        """Tap on a place of the window with a finger."""
        self.run("window.tapped = new Promise((done) => addEventListener('click', () => done(true), {once: true})), 0")
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.call("Runtime.evaluate", expression="window.tapped", awaitPromise=True)

    def resize(self, width, height=900):
        """Give the page another width."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, scheme="light", media="screen"):
        """Show the page in a color scheme, on a medium."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def take_picture(self, path):
        """Write a PNG of the whole page."""
        shown = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shown["data"]))

    def _receive(self):
        """Return the next message, within a minute."""
        while b"\0" not in self._received:
            assert select.select([self._read], [], [], 60)[0], "the browser does not answer"
            data = os.read(self._read, 1 << 16)
            assert data, "the browser has ended"
            self._received += data
        data, _, self._received = self._received.partition(b"\0")
        message = json.loads(data)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._is_loaded = True
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.messages.append(params)


@contextmanager
def browse(folder):
    """Yield a tab of a new browser, whose files are in a folder."""
    to_read, from_browser = os.pipe()
    from_here, to_write = os.pipe()
    command = [
        "bash", "-c", f'exec "$0" "$@" 3<&{from_here} 4>&{from_browser}', CHROMIUM, "--headless", "--no-sandbox",
        "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}",
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=(from_here, from_browser), stderr=subprocess.DEVNULL)
    os.close(from_here)
    os.close(from_browser)
    try:
        yield Tab(to_read, to_write)
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(to_read)
        os.close(to_write)
