"""The page of a data set, from the command."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DATA

Command = Callable[..., Path]


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
    samples = PTBDB(real_records, folder / "outputs" / "cache", on_bad_record="skip").collect(Leads(["i"])).judged
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
    assert "column T3" in html
    assert "As table, thyroid, thyroid_split, thyroid_rows." in html


def test_images_are_shown_as_they_are(command: Command) -> None:
    html = page(
        command("explore", "dataset=iris_sim", "dataset.people=2", "dataset.images_per_eye=1", "shown=2"), "iris_sim"
    )
    assert "In rows:" in html


def test_what_a_data_set_cannot_take_is_left_out(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    folder = command("explore", "dataset=thyroid_sim", "dataset.rows=200", "choices.row.arrangements=[table,z]")
    assert "As table." in page(folder, "thyroid_sim")
    assert "arrangement=z is not shown" in capsys.readouterr().out
