"""What a server or a silo is doing: a sentence for people, a JSON line for machines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path


class Events:
    """Tells what happens.

    Parameters
    ----------
    path
        File that gets a JSON line for each event; None: no file.
    say
        Called with each sentence.
    """

    def __init__(self, path: Path | None, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        # Children's logs are read by threads.
        self._lock = threading.Lock()

    def record(self, event: str, sentence: str = "", **figures: object) -> None:
        """Tell of an event.

        Parameters
        ----------
        event
            Its name, such as ``"answered"``.
        sentence
            What people read; nothing is said where it is empty.
        **figures
            Further keys of the JSON line, beside ``time`` (seconds since 1970) and ``event``.
            Numbers, texts, and lists of them.
        """
        line = json.dumps({"time": round(time.time(), 3), "event": event, **figures})
        with self._lock:
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            if sentence:
                self._say(sentence)
