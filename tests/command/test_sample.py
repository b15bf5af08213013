"""A synthetic data set: decoded to mV, readable by others, and marked for what it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
from omegaconf import OmegaConf

import ganlab
from ganlab.command.sample import write_samples
from ganlab.core.errors import UserError
from ganlab.generator.load import load
from ganlab.generator.recordings import RecordingRequest
from ganlab.generator.trained import Trained
from ganlab.metrics.ecg.peaks import find_all_peaks
from ganlab.tracking.checkpoints import write_checkpoint
from tests.conftest import LIMB, TINY, newest_run

LEADS = ["i", "ii", "iii", "avr", "avl", "avf"]


@pytest.fixture(scope="module")
def run(made_run: Callable[..., Path]) -> Path:
    return made_run(*LIMB)


def test_wfdb_reads_back_what_was_sampled(run: Path, tmp_path: Path) -> None:
    folder = write_samples(str(run), 5, "wfdb", str(tmp_path / "out"), seed=7, batch_size=2)
    sampled = load(run).gan.sample(5, seed=7).numpy()
    names = (folder / "RECORDS").read_text().split()
    assert len(names) == 5
    for number, name in enumerate(names):
        record = wfdb.rdrecord(str(folder / name))
        assert record.sig_name == LEADS
        assert record.units == ["mV"] * 6
        assert record.fs == 1000
        assert np.abs(record.p_signal.T - sampled[number]).max() <= 0.00025 + 1e-6
        text = "\n".join(record.comments)
        for word in (
            "median was set to 0 mV",
            "synthetic",
            "not for clinical use",
            "ganlab",
            "checkpoint step_",
            "seed of the noise: 7",
            "ptbdb_sim",
        ):
            assert word in text
    digital = wfdb.rdrecord(str(folder / names[0]), physical=False).d_signal.T
    assert (digital[2] == digital[1] - digital[0]).all()


def test_csv_and_npy_hold_the_same_windows(run: Path, tmp_path: Path) -> None:
    sampled = load(run).gan.sample(3, seed=0).numpy()
    table = pd.read_csv(write_samples(str(run), 3, "csv", str(tmp_path / "csv")) / "synthetic.csv")
    assert list(table) == ["window", "time_ms", *(f"{lead}_mv" for lead in LEADS)]
    assert np.abs(table["avf_mv"].to_numpy().reshape(3, 2025) - sampled[:, 5]).max() < 1e-4
    folder = write_samples(str(run), 3, "npy", str(tmp_path / "npy"))
    assert np.allclose(np.load(folder / "synthetic.npy"), sampled, atol=1e-6)
    assert json.loads((folder / "synthetic.json").read_text())["leads"] == LEADS


@pytest.mark.parametrize("form", ["wfdb", "csv", "npy"])
def test_a_card_says_what_it_is(run: Path, tmp_path: Path, form: str) -> None:
    card = (write_samples(str(run), 2, form, str(tmp_path / form)) / "README.md").read_text()
    facts = json.loads((run / "run.json").read_text())
    for word in (
        "Synthetic",
        "clinical use",
        "ptbdb_sim",
        "median was set to 0 mV",
        f"{facts['steps']} steps",
        "not measured",
    ):
        assert word in card
    assert "anonymous" not in card


def test_the_same_seed_gives_the_same_set_and_another_another(run: Path, tmp_path: Path) -> None:
    a, b, c = (
        np.load(write_samples(str(run), 4, "npy", str(tmp_path / name), seed=seed) / "synthetic.npy")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_more_at_a_time_than_there_are_is_all_at_once(run: Path, tmp_path: Path) -> None:
    huge, usual = (
        np.load(write_samples(str(run), 4, "npy", str(tmp_path / str(size)), batch_size=size) / "synthetic.npy")
        for size in (10**30, 4)
    )
    assert np.array_equal(huge, usual)


def test_wrong_requests_are_told(run: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ({"format": "mat"}, "wfdb, csv, npy"),
        ({"n": 0}, "n=0"),
        ({"checkpoint": "best"}, "step_"),
        ({"checkpoint": "x" * 300}, "step_"),
        ({"checkpoint": "../checkpoints/step_0000001"}, "step_"),
        ({"run": str(tmp_path)}, "config.yaml"),
        ({"run": None}, "run=<folder>"),
        ({"out": str(run)}, "not empty"),
    ):
        with pytest.raises(UserError, match=said):
            write_samples(**({"run": str(run), "n": 1, "format": "npy", "out": str(tmp_path / "x")} | arguments))
    assert not (tmp_path / "x").exists()


def test_a_checkpoint_of_other_networks_is_refused_with_the_differences(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "checkpoints").mkdir(parents=True)
    config = OmegaConf.load(run / "config.yaml")
    for part in ("generator", "discriminator"):
        config.architecture[part].width = 0.125
    OmegaConf.save(config, other / "config.yaml")
    for file in (run / "checkpoints").iterdir():
        (other / "checkpoints" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(
        UserError, match=r"44 differences[^$]*discriminator\.layers\.0\.weight: \(4, .*in these networks"
    ):
        load(other)


def test_a_checkpoint_that_would_run_code_is_not_loaded(run: Path, tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "canary",))

    evil = tmp_path / "evil"
    (evil / "checkpoints").mkdir(parents=True)
    (evil / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    write_checkpoint({"state_dict": Canary()}, evil / "checkpoints" / "step_0000001.ckpt")
    with pytest.raises(UserError, match="more than tensors and plain values"):
        load(evil)
    assert not (tmp_path / "canary").exists()


def test_the_command_samples(run: Path, command: Callable[..., Path]) -> None:
    folder = command("sample", f"run={run}", "n=2", "format=npy", "out=made")
    assert np.load(folder / "made" / "synthetic.npy").shape == (2, 6, 2025)


@pytest.mark.usefixtures("blank_figures")
def test_an_unfinished_run_and_an_early_generator_can_be_sampled(
    command: Callable[..., Path], run: Path, tmp_path: Path
) -> None:
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run, unfinished)
    facts = json.loads((unfinished / "run.json").read_text())
    del facts["steps"], facts["checkpoint"]
    (unfinished / "run.json").write_text(json.dumps(facts))
    card = (write_samples(str(unfinished), 2, "npy", str(tmp_path / "a")) / "README.md").read_text()
    assert "4 steps" in card

    folder = command(
        "run", *TINY, "tracking=none", "metrics=paper", "trick=ema", "grids_every=1", "trainer.max_epochs=3"
    )
    trained = newest_run(folder)
    early, late, last = (load(trained, name).gan.sample(2) for name in ("epoch_0001", "epoch_0003", "last"))
    assert torch.equal(late, last)
    assert not torch.equal(early, last)


HEART = (
    *(override for override in TINY if not override.startswith("architecture")),
    *("experiment=laptop", "architecture=heart", "architecture.width=0.1", "architecture.generator.fit_steps=40"),
    *("stopping.steps=1", "batch_size=8", "tracking=none", "metrics=paper"),
)
"""Overrides of a run whose generator has a rhythm, fitted in a second."""


@pytest.fixture(scope="module")
def heart(made_run: Callable[..., Path]) -> Path:
    return made_run(*HEART)


def test_recordings_have_the_heart_rate_and_the_length_asked_for(heart: Path, tmp_path: Path) -> None:
    folder = write_samples(str(heart), 40, "npy", str(tmp_path / "out"), heart_rate=80, seconds=10)
    windows = np.load(folder / "synthetic.npy")
    assert windows.shape == (40, 1, 10_000)
    peaks = find_all_peaks(windows[:, 0].astype(np.float64))
    rates = np.array([60_000 * (len(at) - 1) / np.ptp(at) for at in peaks])
    assert np.median(np.abs(rates / 80 - 1)) < 0.001
    # Fitted to 28 windows of six patients, some hearts have no clear QRS, and their peaks are found elsewhere.
    assert np.mean(np.abs(rates / 80 - 1) <= 0.03) >= 0.75
    assert json.loads((folder / "synthetic.json").read_text())["rate_hz"] == 1000
    card = (folder / "README.md").read_text()
    assert "40 windows of 10 s (10000 samples at 1000 Hz) in mV" in card
    assert "Requested: heart_rate=80, seconds=10." in card


def test_few_long_recordings_are_generated_at_once(heart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def generate(self: RecordingRequest, trained: Trained, noise: torch.Tensor) -> torch.Tensor:
        sizes.append(len(noise))
        return torch.zeros(len(noise), 1, 1)

    monkeypatch.setattr(RecordingRequest, "generate", generate)
    ganlab.load(heart).sample(3, seconds=600)
    assert sizes == [1, 1, 1]


def test_patients_have_several_recordings_with_their_ids(heart: Path, tmp_path: Path) -> None:
    requested = {"patients": 2, "records_per_patient": 3, "heart_rate": 80}
    folder = write_samples(str(heart), 1, "wfdb", str(tmp_path / "out"), **requested)
    people = pd.read_csv(folder / "people.csv")
    assert list(people["person"]) == ["patient00001"] * 3 + ["patient00002"] * 3
    assert people["heart_rate"].tolist() == [80] * 6
    comments = [wfdb.rdheader(str(folder / name)).comments for name in people["name"]]
    assert [next(c for c in each if c.startswith("patient")) for each in comments] == [
        f"patient: {patient}" for patient in people["person"]
    ]


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"heart_rate": 80}, "heart_rate=80: this generator has no rhythm and no patients. architecture=heart has"),
        ({"heart_rate": 900}, "heart_rate=900: accepted are 25 to 240"),
        ({"records_per_patient": 3}, "records_per_patient=3 of how many"),
    ],
)
def test_controls_that_cannot_be_are_refused(run: Path, tmp_path: Path, controls: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        write_samples(str(run), 2, "npy", str(tmp_path / "out"), **controls)
