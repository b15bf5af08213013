"""What `scripts/mutations.py` takes out is still there, and so are the tests that have to see it."""

from collections import Counter

import pytest
import yaml

from tests.conftest import ROOT

ROWS = yaml.safe_load((ROOT / "scripts" / "mutations.yaml").read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(next(iter(row.values()))))
def test_each_text_stands_once_in_its_file_and_its_test_is_there(row: dict[str, str]) -> None:
    assert (ROOT / row["file"]).read_text().count(row["text"]) == 1
    assert row["instead"] != row["text"]
    file, _, name = row["test"].partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text()


def test_each_guarantee_has_some() -> None:
    of = Counter(next(iter(row)) for row in ROWS)
    assert list(of) == [f"G{number}" for number in range(1, 15)]
