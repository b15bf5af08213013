"""Measures the memory of a process without that of the files it maps, which the system may reclaim."""

import re
import threading
from pathlib import Path

EVERY_S = 0.005


def anonymous_mb(pid: int | str = "self") -> float:
    """Return the anonymous memory of a process in MB, as Linux counts it (RssAnon)."""
    found = re.search(r"^RssAnon:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("this system does not say how much anonymous memory a process has")
    return int(found[1]) * 1024 / 1e6


class Watch(threading.Thread):
    """Keeps the largest anonymous memory, measured every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0.0
        self._ends = threading.Event()

    def run(self) -> None:
        """Measure until `stop` is called."""
        while not self._ends.wait(EVERY_S):
            self.largest = max(self.largest, anonymous_mb())

    def stop(self) -> float:
        """Stop, and return the largest memory in MB."""
        self._ends.set()
        self.join()
        self.largest = max(self.largest, anonymous_mb())
        return self.largest
