"""What a command does about its surroundings before anything else: closed streams, a locale without UTF-8, moved data.

Light: every command imports it before main.
"""

import argparse
import codecs
import locale
import os
import sys
from collections.abc import Sequence
from pathlib import Path

PLACES = ("dataset.root", "dataset.file", "dataset.people", "outputs", "cache")
"""Overrides that name where something lies. What lies there is compared by content, so a run takes them at any time."""


def open_streams() -> None:
    """Open the null device for standard streams that were closed, as `>&-` and some schedulers do."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  (stays open as long as the process)


def in_utf8(module: str) -> None:
    """Start this process again in UTF-8 mode where the locale has another encoding, if its program is `module`.

    Names of files and the command line would be read wrongly, or not at all.
    """
    program = getattr(sys.modules["__main__"], "__spec__", None)
    utf8 = codecs.lookup(locale.getpreferredencoding(False)).name == "utf-8"
    if utf8 or ("PYTHONUTF8" in os.environ and os.environ["PYTHONUTF8"] == "1") or program is None:
        return
    if program.name == module:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONUTF8": "1"})


def with_moved_data(call: Sequence[str]) -> list[str]:
    """Return a command line in which places of the data fit any data set, where a run's own configuration is taken.

    The configuration that Hydra composes first is that of the default data set, which may have no such key.
    """
    stored = [argument.partition("=")[2] for argument in call if argument.startswith(("resume=", "synthetic="))]
    if not any((Path(folder) / "config.yaml").is_file() for folder in stored):
        return list(call)
    return [f"++{argument}" if argument.partition("=")[0] in PLACES[:3] else argument for argument in call]


def find_own_classes(call: Sequence[str]) -> None:
    """Let Python find classes of the user's own beside the configurations that `--config-dir` names.

    The console command, unlike `python -m`, does not look in the folder in which it is called.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd")
    if folder := parser.parse_known_args(call)[0].config_dir:
        places = (Path(folder).resolve(), Path(folder).resolve().parent, Path.cwd())
        sys.path += [str(place) for place in dict.fromkeys(places) if str(place) not in sys.path]
