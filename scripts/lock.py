"""Writes requirements.lock again: each package's exact version with the SHA-256 of every file of it in the index.

    python -m pip install uv                                   # once, anywhere; it is no part of the environment
    python scripts/lock.py                                     # the same versions, with their hashes read again
    python scripts/lock.py safetensors==0.8.0 requests==none   # with a version changed or added, or a package taken out
    python scripts/lock.py --docs mkdocs-material==9.8.2       # the same for requirements-docs.lock

To move many versions: install ".[sweep,cluster,search,compare,dp,dicom,dev]" into a new environment, and give what `pip
freeze` lists. torch stands in requirements-torch.lock without a hash: its file differs by machine and accelerator.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BUILD = ROOT / "requirements-build.lock"
DOCS = ROOT / "requirements-docs.lock"
BUILDERS = ("pip", "setuptools")
"""What installs, and builds the packages that come as source alone: first, so that no older or other one does."""
HEADER = """\
# {what}
# Written by scripts/lock.py; torch is in requirements-torch.lock.
"""


def pins(text: str) -> dict[str, str]:
    """Return versions by name from the lines `name==version` of a lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def changed(pinned: dict[str, str], wishes: list[str]) -> dict[str, str]:
    """Return the pins with those of the command line; the version `none` removes a package."""
    for wish in wishes:
        name, _, version = wish.partition("==")
        if not version:
            sys.exit(f"{wish}: accepted is NAME==VERSION, or NAME==none.")
        known = {_canonical(other): other for other in pinned}
        pinned.pop(known.get(_canonical(name), name), None)
        if version != "none" and _canonical(name) != "torch":
            pinned[name] = version
    return dict(sorted(pinned.items(), key=lambda pin: pin[0].lower()))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def hashed(pinned: dict[str, str]) -> str:
    """Return the pins with the hashes of all of their files, in pip's format."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in pinned.items()))
        file.flush()
        command = [sys.executable, "-m", "uv", "pip", "compile", file.name]
        command += ["--no-deps", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"uv could not find all of them:\n{done.stderr}")
    return done.stdout


def main(wishes: list[str]) -> None:
    """Write both locks, or the site's alone."""
    if "--docs" in wishes:
        pinned = changed(pins(DOCS.read_text()), [wish for wish in wishes if wish != "--docs"])
        DOCS.write_text(HEADER.format(what="What `make docs` builds the site with, without ganlab.") + hashed(pinned))
        return
    pinned = changed(pins(LOCK.read_text()), wishes)
    builders = {name: version for name, version in pinned.items() if name in BUILDERS}
    LOCK.write_text(HEADER.format(what="The exact versions and hashes that setup and CI use.") + hashed(pinned))
    BUILD.write_text(
        HEADER.format(what="What installs packages and builds those that come as source; first.") + hashed(builders)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
