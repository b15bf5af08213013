"""Writes a Software Bill of Materials: every package of the locks with licence, hashes and what it needs, as CycloneDX.

    make sbom                                # sbom.cdx.json
    python scripts/sbom.py FILE

The same locks and environment give the same file. Licences and needs are those that the installed packages declare; a
package of the locks that is not installed has neither.
"""

import json
import re
import sys
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ganlab import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-torch.lock")
EXTRAS = ("sweep", "cluster", "search", "compare", "dp", "dev")


def locked() -> dict[str, tuple[str, list[str]]]:
    """Return version and SHA-256 of each package of the locks by name; torch has no hash."""
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKS)
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)((?:[\s\\]+--hash=sha256:[0-9a-f]{64})*)", text, re.MULTILINE)
    return {canonicalize_name(name): (version, re.findall(r"[0-9a-f]{64}", more)) for name, version, more in pins}


def reference(name: str, version: str) -> str:
    """Return the package URL, which identifies a package in the file."""
    return f"pkg:pypi/{name}@{version}"


def installed(name: str) -> Distribution | None:
    """Return the installed package of a name."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licences(package: Distribution | None) -> list[dict[str, Any]]:
    """Return the licence that a package declares: an SPDX expression, or else a name."""
    if package is None:
        return []
    fields = package.metadata
    if expression := fields.get("License-Expression"):
        return [{"expression": expression}]
    names = [line.split(" :: ")[-1] for line in fields.get_all("Classifier", []) if line.startswith("License :: ")]
    names = names or [(fields.get("License") or "").partition("\n")[0].strip()]
    return [{"license": {"name": name}} for name in names if name]


def needs(package: Distribution | None, extras: tuple[str, ...] = ("",)) -> set[str]:
    """Return the names that a package needs on this machine."""
    lines = map(Requirement, (package and package.requires) or [])
    return {
        canonicalize_name(line.name)
        for line in lines
        if line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in extras)
    }


def bill() -> dict[str, Any]:
    """Return the whole bill."""
    pins = locked()
    own = {"bom-ref": f"ganlab@{__version__}", "type": "application", "name": "ganlab", "version": __version__}
    references = {name: reference(name, version) for name, (version, _) in pins.items()}
    wanted = {own["bom-ref"]: needs(installed("ganlab"), EXTRAS)}
    wanted |= {references[name]: needs(installed(name)) for name in pins}
    components = [
        {
            **{"bom-ref": references[name], "type": "library", "name": name, "version": version},
            **{"purl": references[name], "licenses": licences(installed(name))},
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
        }
        for name, (version, hashes) in sorted(pins.items())
    ]
    dependencies = [
        {"ref": ref, "dependsOn": sorted(references[name] for name in names if name in references)}
        for ref, names in wanted.items()
    ]
    content = {"metadata": {"component": own}, "components": components, "dependencies": dependencies}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return head | content


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")
