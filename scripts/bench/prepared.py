"""Prepares a folder of records in a process of its own: `python prepared.py ROOT` says how much memory that took.

Of the memory that Linux counts as anonymous, in MB: `before`, after all is imported and a record was read, and what the
whole `added_mb` to it at its largest.
"""

import json
import sys
import tempfile
from pathlib import Path

import wfdb  # noqa: F401
from memory import Watch, anonymous_mb

from ganlab.dataset.ptbdb import PTBDB


def main() -> None:
    """Read one record, then prepare them all."""
    root = Path(sys.argv[1])
    source = PTBDB(root, cache=root)
    source.read(source.names()[0])
    before = anonymous_mb()
    watch = Watch()
    watch.start()
    with tempfile.TemporaryDirectory(dir=root.parent) as cache:
        PTBDB(root, cache=cache).prepare()
    print(json.dumps({"before_mb": before, "added_mb": watch.stop() - before}))


if __name__ == "__main__":
    main()
