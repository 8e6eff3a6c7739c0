"""Chromium without a window, spoken to in the DevTools protocol over a pair of pipes.

Protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# With --remote-debugging-pipe Chromium reads commands from descriptor 3 and answers on 4.
START = """
import os, sys
to_browser, from_browser = map(int, sys.argv[1:3])
os.dup2(to_browser, 13), os.dup2(from_browser, 14)
os.dup2(13, 3), os.dup2(14, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Tab:
    """One tab, and everything that its page complained about or asked for."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command; return its result, and keep the events that come before it."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters, **self._session}
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "result" in message, message
                return message["result"]

    def open(self, page: Path, *, width: int, scheme: str = "light", media: str = "") -> None:
        """Show a page on a screen of this width."""
        self.events.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=800, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.ask("Page.navigate", url=page.as_uri())
        while not self.happened("Page.loadEventFired"):
            self._read()

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"]["value"]

    def happened(self, *methods: str) -> list[dict[str, Any]]:
        """Return the events of these kinds since the page was opened."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def picture(self, file: Path) -> None:
        """Write a picture of the whole page."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def _read(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "Chromium ended"
            data += byte
        message: dict[str, Any] = json.loads(data)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """Start Chromium with an empty profile and yield a tab."""
    assert CHROMIUM is not None
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()
    # Its sandbox does not start for root, as in a container; the page is our own.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = subprocess.Popen(  # noqa: S603 - the browser that was found
        [sys.executable, "-c", START, str(browser_reads), str(browser_writes), CHROMIUM,
         "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}",
         "--disable-gpu", "--disable-dev-shm-usage", *sandbox],
        pass_fds=(browser_reads, browser_writes),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(browser_reads)
    os.close(browser_writes)
    with os.fdopen(we_write, "wb") as commands, os.fdopen(we_read, "rb") as answers:
        try:
            tab = Tab(commands, answers)
            yield tab
            tab.ask("Browser.close")
        finally:
            process.terminate()
            process.wait(timeout=300)
