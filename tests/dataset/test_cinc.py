"""The CinC challenges: codes of the headers, wrong gains mended, and the faults of the headers as published."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.dataset.cinc import CinC
from ganlab.dataset.module import class_counts
from ganlab.dataset.wfdb import WFDB
from tests.conftest import DATA, ROOT

CODES = {"AF": [164889003], "NSR": ["426783006"], "RBBB": [713427006, 59118001]}
WRONG = {"E": 4880, "HR": 200}
COMMENTS = {
    "A0001": ("1000/mV", "#Age: 74\n#Sex: Male\n#Dx: 59118001,426783006"),
    "E00001.mat": ("4880/mV", "#Age: NaN\n#Sex: Female\n#Dx: "),
    "E07500": ("1000.0(0)/mV", "# Age: 78\n# Sex: Male\n# Dx: 426783006"),
    "HR00599": ("200/mV", "#Age: 73\n#Sex: Unknown\n#Dx: 164889003"),
    "HR06000": ("1000.0(0)/mv", "# Age: 59\n# Sex: Female\n# Dx: 713427006, 59118001, 39732003"),
}


@pytest.fixture(scope="module")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five records of two leads whose every sample is 500, in .mat files with a header of 24 bytes."""
    root = tmp_path_factory.mktemp("cinc")
    for written, (gain, comments) in COMMENTS.items():
        name = written.removesuffix(".mat")
        digital = np.arange(2000, dtype="<i2").reshape(1000, 2) % 500
        (root / f"{name}.mat").write_bytes(bytes(24) + digital.tobytes())
        sums = digital.sum(axis=0, dtype=np.int16)
        signals = [f"{name}.mat 16+24 {gain} 16 0 {n} {sums[n]} 0 {lead}" for n, lead in enumerate(("I", "aVR"))]
        (root / f"{name}.hea").write_text("\n".join([f"{written} 2 500 1000", *signals, comments]) + "\n")
    return root


@pytest.fixture
def source(challenge: Path, tmp_path: Path) -> Callable[..., CinC]:
    return lambda **settings: CinC(challenge, cache=tmp_path, **{"labels": CODES, "wrong_gains": WRONG, **settings})


def test_all_codes_of_a_class_count_and_a_blank_dx_is_left_out(source: Callable[..., CinC]) -> None:
    data = source()
    collected = data.collect(Leads(("i", "avr"), side=31))
    assert class_counts(collected.judged.labels, data.classes) == {"AF": 1, "NSR": 2, "RBBB": 2}
    assert [skipped.count for skipped in collected.skipped] == [1]
    assert [member.patient for member in collected.members] == ["A0001", "E07500", "HR00599", "HR06000"]


def test_other_codes_take_the_values_that_are_cached(
    source: Callable[..., CinC], monkeypatch: pytest.MonkeyPatch
) -> None:
    source().prepare()
    monkeypatch.setattr(CinC, "read", None)
    labels = [record.label for record in source(labels={"RBBB": [59118001], "AF": [164889003]}).prepare().records]
    assert labels == [(True, False), (False, True), (True, False)]
    assert {record.diagnosis for record in source().prepare().records} == {""}


def test_sex_and_age_are_nan_where_the_header_gives_none(source: Callable[..., CinC]) -> None:
    samples = source(unlabelled="keep").collect(Leads(("i",), side=31)).judged
    np.testing.assert_array_equal(samples.attributes, [[0, 74], [1, np.nan], [0, 78], [np.nan, 73], [1, 59]])


@pytest.mark.parametrize(("wrong", "largest"), [(WRONG, [0.498] * 5), ({}, [0.498, 0.102, 0.498, 2.49, 0.498])])
def test_gains_that_are_known_to_be_wrong_are_replaced(
    wrong: dict[str, float], largest: list[float], source: Callable[..., CinC]
) -> None:
    samples = source(unlabelled="keep", wrong_gains=wrong).collect(Leads(("i",), side=31)).judged
    assert samples.read(samples.places(range(5))).max(axis=(1, 2)) == pytest.approx(largest, abs=1e-3)


def test_without_labels_all_records_are_used(source: Callable[..., CinC]) -> None:
    data = source(labels=None)
    assert (data.classes, len(data.collect(Leads(("i",), side=31)).judged)) == ((), 5)


def test_codes_that_no_record_has_are_refused_where_nothing_is_left(source: Callable[..., CinC]) -> None:
    with pytest.raises(UserError, match=r"every record is of none of the classes AFL \(dataset\.unlabelled\)"):
        source(labels={"AFL": [164890007]}).prepare()


def test_a_real_record_of_ptb_xl_has_its_values_in_millivolts(tmp_path: Path) -> None:
    """HR00599 says 200 per mV; it is PTB-XL's record 599 at 500 Hz."""
    if not (DATA / "cinc2020_2021").is_dir():
        pytest.skip(f"no real records in {DATA}: set GANLAB_TEST_DATA to the folder that holds cinc2020_2021")
    for name, folder in (("HR00599", "cinc2020_2021"), ("00599_lr", "ptbxl/records100/00000")):
        (tmp_path / name).mkdir()
        for file in (DATA / folder).glob(f"{name}.*"):
            shutil.copy(file, tmp_path / name)
    record, digital = CinC(tmp_path / "HR00599", wrong_gains=WRONG).read("HR00599")
    twin, original = WFDB(tmp_path / "00599_lr", 100).read("00599_lr")
    deviation = digital.std(axis=1) / np.array(record.gain), original.std(axis=1) / np.array(twin.gain)
    np.testing.assert_allclose(*deviation, rtol=0.03)


def test_the_configured_classes_are_those_that_the_challenge_scored() -> None:
    labels = yaml.safe_load((ROOT / "conf/dataset/cinc.yaml").read_text())["labels"]
    assert len(labels) == 26
    assert sum(map(len, labels.values())) == 30
