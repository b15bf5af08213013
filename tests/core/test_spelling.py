"""Classes, columns, leads and labels are text, whatever YAML and the command line make of them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.names import names_of, spelled
from ganlab.dataset.people_file import read_people
from ganlab.dataset.wfdb import WFDB
from ganlab.generator.trained import Trained


def test_names_are_text() -> None:
    assert names_of([1, 1.5, True, "Größe [cm]", "yes"]) == ("1", "1.5", "true", "Größe [cm]", "yes")
    assert Leads([1, 2], side=4).leads == ("1", "2")
    assert WFDB("x", 100, people="x.csv", classes=[0, 1], name=2021).name == "2021"
    assert WFDB("x", 100, people="x.csv", classes=[0, 1]).classes == ("0", "1")


def test_a_word_that_yaml_takes_for_true_is_spelled_as_in_the_file() -> None:
    places = spelled(["false", "true", "no"])
    assert (places["Yes"], places["true"], places["no"], places["off"]) == (1, 1, 2, 0)
    assert "1" not in places


@pytest.mark.parametrize(
    ("classes", "labels"), [([0, 1], ["0", "1"]), ([False, True], ["no", "yes"]), (["ü[1]", "%"], ["ü[1]", "%"])]
)
def test_classes_of_a_people_file_are_text(classes: list[object], labels: list[str], tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,person,label\n" + "".join(f"r{n},p{n},{label}\n" for n, label in enumerate(labels)))
    assert [member.label for member in read_people(file, names_of(classes)).values()] == [0, 1]


def test_a_label_of_the_command_line_is_a_name() -> None:
    trained = Trained(SimpleNamespace(classes=("0", "1", "true"), many_labels=False), None, {}, "last", None)  # type: ignore[arg-type]
    assert [trained.label_of(label) for label in (0, "1", True, None)] == [0, 1, 2, None]  # type: ignore[arg-type]
    with pytest.raises(UserError, match="label=2: this generator has 0, 1, true"):
        trained.label_of(2)  # type: ignore[arg-type]
    several = Trained(SimpleNamespace(classes=("0", "true"), many_labels=True), None, {}, "last", None)  # type: ignore[arg-type]
    assert [several.label_of(label) for label in ("yes", "0+on", "true")] == [
        (False, True),
        (True, True),
        (False, True),
    ]
