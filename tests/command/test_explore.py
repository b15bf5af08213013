"""The page of a data set, from the command."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.command import explore as exploration
from ganlab.report.explore import Exploration
from tests.conftest import DATA

Command = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("blank_figures")


def page(folder: Path, dataset: str) -> str:
    return (folder / "outputs" / "explore" / dataset / "explore.html").read_text()


def row(html: str, first: str) -> list[str]:
    """The cells of the first table row that begins with a word."""
    found = re.search(rf"<tr><td[^>]*>{first}</td>(.*?)</tr>", html)
    assert found, first
    return re.findall(r">([^<]*)</td>", found[1])


def test_recordings_are_counted_by_diagnosis_and_class_and_each_lead_is_described(
    command: Command, real_records: Path
) -> None:
    html = page(
        command("explore", "dataset=ptbdb", f"dataset.root={real_records}", "dataset.on_bad_record=skip"), "ptbdb"
    )
    assert row(html, "cardiomyopathy_or_heart_failure")[0] == "5"
    assert row(html, "healthy_control")[0] == "42"
    assert "patient002/s0015lre" in html
    assert "Histograms of i, ii, iii, avr" in html
    for standardization in ("fixed_range", "adapted_range", "quantile_range", "equalized", "centred_range"):
        assert row(html, standardization)
    assert "As z, transposed, reversed, serpentine, hilbert, rgb, six, frequency." in html


def test_the_numbers_are_those_of_the_recordings(command: Command, real_records: Path) -> None:
    from ganlab.arrangement.leads import Leads
    from ganlab.dataset.ptbdb import PTBDB

    folder = command("explore", "dataset=ptbdb", f"dataset.root={real_records}", "dataset.on_bad_record=skip")
    samples = PTBDB(real_records, cache=folder / "outputs" / "cache", on_bad_record="skip").collect(Leads(["i"])).judged
    values = samples.spread(len(samples)).sample.numpy()
    shown = [text.replace("\u202f", "").replace("−", "-") for text in row(page(folder, "ptbdb"), "i")]
    quantiles = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    expected = [values.min(), *quantiles, values.max()]
    assert int(shown[0]) == values.size
    np.testing.assert_allclose([float(text) for text in shown[3:10]], expected, atol=1e-3)


def test_simulated_data_say_so(command: Command) -> None:
    html = page(command("explore", "dataset.patients=8", "dataset.seconds=9"), "ptbdb_sim")
    assert html.index("Simulated data") < html.index("Classes")


def test_a_table_is_described_column_by_column(command: Command) -> None:
    if not (DATA / "thyroid").is_dir():
        pytest.skip(f"no thyroid rows in {DATA}: set GANLAB_TEST_DATA")
    html = page(command("explore", "dataset=thyroid", f"dataset.root={DATA / 'thyroid'}"), "thyroid")
    assert row(html, "TSH")[0] == "6\u202f502"
    assert row(html, "beyond limits")[0] == "164"
    assert row(html, "class 2")[0] == "368"
    assert "<dt>left out</dt><dd>698</dd>" in html
    assert "<dt>records</dt>" not in html
    assert "As table, thyroid, thyroid_split, thyroid_rows." in html


def test_images_are_shown_as_they_are(command: Command) -> None:
    html = page(
        command("explore", "dataset=iris_sim", "dataset.people=2", "dataset.images_per_eye=1", "shown=2"), "iris_sim"
    )
    assert "In rows:" in html


def test_what_a_data_set_cannot_take_is_left_out(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    folder = command("explore", "dataset=thyroid_sim", "dataset.rows=200", "choices.row.arrangements=[table,z]")
    assert "As table." in page(folder, "thyroid_sim")
    assert "arrangement z is not shown" in capsys.readouterr().out


@pytest.fixture
def explored(monkeypatch: pytest.MonkeyPatch) -> list[Exploration]:
    """What the command would have written a page of."""
    found: list[Exploration] = []

    def keep(folder: Path, what: Exploration) -> Path:
        found.append(what)
        return folder

    monkeypatch.setattr(exploration, "write_exploration", keep)
    return found


SHORT = ("dataset.patients=4", "dataset.seconds=9", "choices.window.arrangements=[z]")


@pytest.mark.parametrize("standardization", ["quantile_range", "equalized"])
def test_ranges_that_are_fitted_are_those_of_each_lead(
    command: Command, explored: list[Exploration], standardization: str
) -> None:
    command("explore", *SHORT, f"standardization={standardization}")
    (found,) = explored
    assert list(found.ranges) == list(found.histograms)
    few = (0.01, 0.99) if standardization == "quantile_range" else (0.0, 1.0)
    for lead, histogram in found.histograms.items():
        np.testing.assert_allclose(found.ranges[lead], [histogram.quantile(share) for share in few], atol=0.01)


def test_a_setting_of_the_chosen_standardization_is_that_of_no_other(
    command: Command, explored: list[Exploration]
) -> None:
    command("explore", *SHORT)
    command("explore", *SHORT, "standardization.high_mv=0.1")
    before, after = (dict(found.saturation) for found in explored)
    assert after.pop("fixed_range") > before.pop("fixed_range") + 0.01
    assert after == before


def write_records(root: Path, leads_of: dict[str, list[str]]) -> None:
    """A record a patient, of two windows of 20 x 20 samples and a bit; each lead is noise of its own."""
    for number, (patient, leads) in enumerate(leads_of.items()):
        (root / patient).mkdir(parents=True)
        wave = np.random.default_rng(number).normal(0, 0.3, (900, len(leads)))
        given = {"units": ["mV"] * len(leads), "fmt": ["16"] * len(leads), "sig_name": leads}
        wfdb.wrsamp("r", fs=500, p_signal=wave, write_dir=str(root / patient), **given)


OWN = ("dataset=wfdb", "dataset.people=folder", "dataset.root=records", "dataset.rate=500", "arrangement.side=20")


def test_nobodys_image_stands_beside_an_ecg_of_another(
    command: Command, explored: list[Exploration], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three = ["i", "ii", "iii"]
    write_records(tmp_path / "records", {"a": three, "b": ["i"], "c": three})
    command("explore", *OWN, "dataset.on_bad_record=skip", "choices.window.arrangements=[z,rgb]")
    (found,) = explored
    assert found.titles == ["a", "a", "b", "b", "c", "c"]
    assert found.samples is not None
    for sample, title, z, rgb in zip(found.samples, found.titles, *found.images.values(), strict=True):
        assert z is not None
        level = np.round((sample[0] - sample[0].min()).clip(0, 2.5) / 2.5 * 255)
        np.testing.assert_allclose((z[0].ravel() + 1) * 127.5, level, atol=1.01)
        assert (rgb is None) == (title == "b")
        assert rgb is None or (rgb[0] == z[0]).all()
    assert "arrangement rgb is not shown for 2 samples" in capsys.readouterr().out


HOLTER = """# @package _global_
arrangement:
  leads: [ii, v5]
  side: 20
"""


@pytest.mark.parametrize(("leads", "more"), [(["ii", "v5"], []), (["i", "ii", "iii", "v5"], ["rgb"])])
def test_arrangements_are_what_their_names_say_whatever_leads_an_experiment_has(
    command: Command, explored: list[Exploration], tmp_path: Path, leads: list[str], more: list[str]
) -> None:
    write_records(tmp_path / "records", {"a": leads, "b": leads})
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "holter.yaml").write_text(HOLTER)
    command("explore", "--config-dir", "mine", "experiment=holter", *OWN[:4])
    images = {name: image[0] for name, image in explored[0].images.items()}
    orders = ["z", "transposed", "reversed", "serpentine", "hilbert"]
    assert list(images) == ["as configured", *orders, *more, "frequency"]
    shapes = {name: image.shape[0] for name, image in images.items() if image is not None}
    assert shapes == {"as configured": 2, **dict.fromkeys([*orders, "frequency"], 1), **dict.fromkeys(more, 3)}
    assert (images["as configured"][:1] == images["z"]).all()
