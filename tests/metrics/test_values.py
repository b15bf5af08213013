"""Every number of small seeded sets (ECGs, one lead of them, table, image) stays what it was: `values.json` holds it.

A change that means to change a number writes the file anew: `python -m tests.metrics.test_values`.
"""

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.core.record import LEADS, millivolts
from ganlab.metrics.base import Attacked, Real, SampleSet
from ganlab.simulator.ecg import simulate_record
from tests.conftest import ROOT

STORED = Path(__file__).with_name("values.json")
TRAINED = ("distribution_classifier", "inception", "utility", "privacy/linkage", "privacy/strongest")
"""Numbers that stand on a network that is trained here, which other processors train a little otherwise."""

Make = Callable[[range, int], SampleSet]
"""Samples of these patients, with a seed."""


def windows(kind: Window, patients: range, seed: int, each: int = 4) -> SampleSet:
    """Simulated windows, every second sample of 1000 Hz."""
    at = [LEADS.index(lead) for lead in kind.leads]
    values = []
    for patient in patients:
        record, digital = simulate_record(patient + 1, 1, seconds=2.1 * each, seed=seed)
        mv = millivolts(digital[at], np.array(record.gain)[at], np.array(record.baseline)[at])[:, ::2]
        values += [mv[:, k * kind.samples :][:, : kind.samples] for k in range(each)]
    who = np.repeat(np.array(patients), each)
    return SampleSet(np.stack(values).astype(np.float32), who % 2, who)


def rows(patients: range, seed: int, each: int = 1) -> SampleSet:
    """Rows of four columns; the last follows from the third but for noise."""
    rng = np.random.default_rng(seed)
    count = len(patients) * each
    tsh = rng.uniform(0, 10, count).round(2)
    columns = [rng.integers(20, 90, count), rng.integers(0, 2, count), tsh, (tsh + rng.normal(size=count)).clip(0, 10)]
    who = np.repeat(np.array(patients), each)
    return SampleSet(np.stack(columns, axis=1).astype(np.float32), (tsh > 5).astype(np.int64), who)


def images(kind: Image, patients: range, seed: int, each: int = 2) -> SampleSet:
    """Soft spots with a fine texture, levels about 128."""
    noise = np.random.default_rng(seed).normal(size=(len(patients) * each, *kind.shape))
    values = (128 + 400 * gaussian_filter(noise, (0, 0, 4, 4)) + 10 * noise).clip(0, 255).astype(np.float32)
    return SampleSet(values, None, np.repeat(np.array(patients), each))


def real_of(kind: Kind, make: Make, train: int, other: int, side: int | None = None) -> Real:
    """Persons who train, as many who do not, and few others, numbered through."""
    ends = np.cumsum([0, train, train, other, other, train])
    members, nonmembers, knowledge, strangers, reference = (
        make(range(a, b), seed) for seed, (a, b) in enumerate(pairwise(ends.tolist()))
    )
    attacked = Attacked(members, nonmembers, knowledge, strangers)
    return Real(kind, members, reference, ("a", "b"), side, attacked)


def generated(real: Real, make: Make, patients: int) -> SampleSet:
    """Samples of nobody, a few of them copies, with a discriminator that knows a direction."""
    fresh, copied = make(range(900, 900 + patients), 7), real.train.take(np.arange(4))
    values = np.concatenate([fresh.values, copied.values])
    pair = [each.labels for each in (fresh, copied) if each.labels is not None]
    labels = np.concatenate(pair) if pair else None
    return SampleSet(values, labels, None, lambda samples: samples.values.reshape(len(samples), -1)[:, :50].mean(1))


def settings(*names: str) -> dict[str, Any]:
    """The metrics of files of conf/metrics."""
    measures: dict[str, Any] = {}
    for name in names:
        measures |= yaml.safe_load((ROOT / "conf" / "metrics" / f"{name}.yaml").read_text())["measures"]
    return measures


def small(measures: dict[str, Any]) -> dict[str, Any]:
    """Networks that learn for a few steps."""
    for name in ("inception", "utility"):
        measures[name]["steps"] = 6
    measures["distribution_classifier"]["embedding"]["steps"] = 6
    measures["privacy"]["attacks"]["linkage"] |= {"persons": 6, "steps": 4}
    measures["peers"]["pairs"] = 20
    return measures


def ecg() -> tuple[Real, SampleSet, dict[str, Any]]:
    kind = Window(("i", "ii", "iii"), 500.0, 1024)
    make = partial(windows, kind)
    real = real_of(kind, make, 10, 3, side=32)
    return real, generated(real, make, 9), small(settings("ecg", "privacy", "full"))


def lead() -> tuple[Real, SampleSet, dict[str, Any]]:
    """One lead: numbers of leads are what they were when metrics looked at the first alone."""
    kind = Window(("i",), 500.0, 1024)
    make = partial(windows, kind)
    real = real_of(kind, make, 10, 3, side=32)
    measures = small(settings("ecg", "privacy", "full"))
    kept = ("physiology", "clinical", "signal", "peers", "distribution_physiology")
    return real, generated(real, make, 9), {name: measures[name] for name in kept}


def table() -> tuple[Real, SampleSet, dict[str, Any]]:
    kind = Row((Column("age", 0.0, 100.0, whole=True), Column("ill", binary=True), Column("tsh", 0.0), Column("t3")))
    real = real_of(kind, rows, 60, 20)
    return real, generated(real, rows, 50), settings("table", "table_privacy")


def image() -> tuple[Real, SampleSet, dict[str, Any]]:
    kind = Image((1, 48, 40))
    make = partial(images, kind)
    real = real_of(kind, make, 20, 5)
    return real, generated(real, make, 16), settings("image")


SETS = {"ecg": ecg, "lead": lead, "table": table, "image": image}


def drawn(samples: SampleSet, seed: int) -> NDArray[np.float64]:
    """How often each sample is there in one draw of patients."""
    who = np.arange(len(samples)) if samples.patients is None else np.unique(samples.patients, return_inverse=True)[1]
    count = int(who.max()) + 1
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count))[who].astype(np.float64)


def values(name: str) -> dict[str, list[float]]:
    """Of each number its value, that of one draw of the bootstrap, and that of the reference itself."""
    real, samples, measures = SETS[name]()
    found: dict[str, list[float]] = {}
    for measure in (instantiate(each) for each in measures.values()):
        ground = measure.select(real)
        judge = measure.fit(ground)
        reference = ground.reference
        own = judge(measure.control(reference, ground))
        weights = drawn(samples, 3), drawn(reference, 4)
        for number, statistic in judge(samples).items():
            assert number in measure.numbers
            taken = [statistic(np.ones(len(samples)), np.ones(len(reference))), statistic(*weights)]
            if number in own:
                taken.append(own[number](weights[1], weights[1]))
            found[number] = [float(value) for value in taken]
    return found


@pytest.mark.parametrize("name", SETS)
def test_numbers_are_what_they_were(name: str) -> None:
    torch.set_num_threads(1)
    stored, found = json.loads(STORED.read_text())[name], values(name)
    assert sorted(found) == list(stored)
    for number, expected in stored.items():
        rel = 1e-2 if number.startswith(TRAINED) else 1e-6
        assert found[number] == pytest.approx(expected, rel=rel, abs=1e-9, nan_ok=True), number


def write(path: Path) -> None:
    """A line a number."""
    torch.set_num_threads(1)
    sets = {name: sorted(values(name).items()) for name in SETS}
    lines = {
        name: ",\n".join(f'  "{number}": {json.dumps(each)}' for number, each in own) for name, own in sets.items()
    }
    path.write_text("{\n" + ",\n".join(f' "{name}": {{\n{own}\n }}' for name, own in lines.items()) + "\n}\n")


if __name__ == "__main__":
    write(STORED)
