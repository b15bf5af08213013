"""The bill of materials has every package of the locks, with its hashes, licence and needs."""

import runpy

from tests.conftest import ROOT
from tests.test_lock import locked


def test_the_bill_is_that_of_the_locks() -> None:
    bill = runpy.run_path(str(ROOT / "scripts" / "sbom.py"))["bill"]()
    components = {one["name"]: one for one in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {name: one["version"] for name, one in components.items()} == locked()
    assert all(one["hashes"] for name, one in components.items() if name != "torch")
    assert components["numpy"]["purl"] == f"pkg:pypi/numpy@{locked()['numpy']}"
    assert any("BSD" in str(one) for one in components["numpy"]["licenses"])
    references = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert len(references) == len(components) + 1
    assert all({one["ref"], *one["dependsOn"]} <= references for one in bill["dependencies"])


def test_what_installs_is_pinned_to_a_version_without_known_holes() -> None:
    """CVE-2023-5752 was fixed in pip 23.3, CVE-2025-8869 in 25.3."""
    text = (ROOT / "requirements-build.lock").read_text()
    version = text.partition("pip==")[2].split()[0]
    assert tuple(map(int, version.split("."))) >= (25, 3)
