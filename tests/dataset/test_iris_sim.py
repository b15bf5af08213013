"""Simulated eyes: an iris that is a person's own, seen through another pose in each photograph."""

from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

from ganlab.core.errors import UserError
from ganlab.dataset.images import Images
from ganlab.dataset.iris_sim import IrisSim
from ganlab.simulator.iris import SHEET, Photograph, draw_eye, draw_pose, draw_sheet
from tests.conftest import ROOT

Array = NDArray[np.float64]

EYES = [(patient, side) for patient in (1, 2, 3) for side in (1, 2)]


@cache
def photographs() -> tuple[tuple[tuple[int, int], Array, Array], ...]:
    """Eye, photograph, and the iris below the pupil on its sheet, unrolled by the pose's own geometry."""
    taken = []
    for patient, side in EYES:
        for take in (1, 2, 3):
            rng = np.random.default_rng([0, patient, side, take])
            eye, pose = draw_eye(0, patient, side), draw_pose(rng)
            photograph = Photograph(eye, pose, 240, 320)
            levels = photograph.taken(rng).astype(float)
            taken.append(((patient, side), levels, unrolled(photograph, levels)))
    return tuple(taken)


def unrolled(photograph: Photograph, levels: Array) -> Array:
    """Levels averaged in 12 x 24 cells of radius and angle, of the lower half, which no lid hides."""
    z = photograph.x - photograph.pose.gaze.real + 1j * (photograph.y - photograph.pose.gaze.imag)
    inner = photograph.eye.limbus * photograph.pose.pupil
    radius = (np.abs(z) - inner) / (photograph.eye.limbus - inner)
    row, column = (np.floor(radius * 14) - 1).astype(int), np.floor(np.angle(z) / np.pi * 32 - 4).astype(int)
    inside = (row >= 0) & (row < 12) & (column >= 0) & (column < 24)
    cells = row[inside] * 24 + column[inside]
    sums = np.bincount(cells, levels[inside], 288) / np.maximum(np.bincount(cells, minlength=288), 1)
    sheet = sums.reshape(12, 24)
    return np.asarray(sheet - sheet.mean(axis=1, keepdims=True))


def alike(first: Array, second: Array) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_an_iris_is_the_same_in_all_photographs_of_an_eye_and_of_no_other() -> None:
    same = [alike(a, b) for (eye, _, a), (other, _, b) in combinations(photographs(), 2) if eye == other]
    others = [alike(a, b) for (eye, _, a), (other, _, b) in combinations(photographs(), 2) if eye != other]
    assert min(same) > 0.6
    assert max(others) < 0.6
    assert np.mean(same) > np.mean(others) + 0.5


def test_photographs_of_an_eye_differ() -> None:
    for (eye, first, _), (other, second, _) in combinations(photographs(), 2):
        if eye == other:
            assert np.abs(first - second).mean() > 4


def test_an_eye_has_a_dark_pupil_a_grey_iris_and_bright_whites_with_a_reflection() -> None:
    for (patient, side), levels, _ in photographs():
        eye = draw_eye(0, patient, side)
        middle = levels[70:170, 100:220]
        assert 0.02 < np.mean(levels < 50) < 0.12
        assert (middle > 225).any()
        assert abs(np.median(middle) - eye.iris) < 25
        assert np.median(levels) > eye.iris


def test_a_sheet_is_periodic_and_its_fibres_run_outwards() -> None:
    sheet = draw_sheet(np.random.default_rng(0))
    assert sheet.shape == SHEET
    assert (sheet.mean(), sheet.std()) == pytest.approx((0, 1))
    steps = np.abs(np.diff(sheet, axis=1, append=sheet[:, :1])).mean(axis=0)
    assert steps[-1] < 2 * np.median(steps)
    assert np.abs(np.diff(sheet, axis=1)).mean() > 1.3 * np.abs(np.diff(sheet, axis=0)).mean()


def test_the_same_seed_gives_the_same_photograph_and_another_another() -> None:
    drawn = []
    for seed, number in ((1, 3), (1, 3), (2, 3), (1, 2)):
        draw_eye.cache_clear()
        drawn.append(IrisSim(people=2, images_per_eye=2, seed=seed).draw(number).astype(int))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).mean() > 5
    assert np.abs(drawn[0] - drawn[3]).mean() > 4


def test_names_and_persons_are_those_of_the_database(tmp_path: Path) -> None:
    config = OmegaConf.load(ROOT / "conf" / "dataset" / "iris_sim.yaml")
    config.update(people=2, images_per_eye=2, height=60, width=80, cache=str(tmp_path))
    source: IrisSim = instantiate(config)
    collected = source.collect(source.plain())
    names = ["01_L", "02_L", "03_R", "04_R"]
    assert [m.name for m in collected.members] == [f"{patient}/{name}" for patient in ("001", "002") for name in names]
    assert collected.train.patients.tolist() == ["001"] * 4 + ["002"] * 4
    assert source.simulated
    one = collected.judged.of(["002"])
    np.testing.assert_array_equal(one[0].sample[0, 0].numpy(), source.draw(4))
    drawn = next(tmp_path.glob("*/images.u8"))
    drawn.write_bytes(drawn.read_bytes()[1:])
    with pytest.raises(UserError, match=r"images\.u8 is damaged: 38,399 bytes, expected 38,400"):
        source.collect(source.plain())


def test_written_out_it_is_a_database_that_dataset_iris_reads(tmp_path: Path) -> None:
    simulator = IrisSim(people=2, images_per_eye=1, height=60, width=80)
    for number in range(4):
        path = tmp_path / "iris" / f"{simulator.member(number).name}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(simulator.draw(number)).save(path)
    source = Images(tmp_path / "iris", height=60, width=80, person="folder", cache=tmp_path / "cache")
    collected = source.collect(source.plain())
    assert [member.patient for member in collected.members] == [simulator.member(n).patient for n in range(4)]
    np.testing.assert_array_equal(collected.train[2].sample[0, 0].numpy(), simulator.draw(2))


@pytest.mark.parametrize("settings", [{"people": 0}, {"images_per_eye": 0}])
def test_nobody_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"accepted are 1 and more"):
        IrisSim(**settings)
