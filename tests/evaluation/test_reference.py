import numpy as np
import pytest
import torch

from ganlab.arrangement.leads import Leads
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.reference import real_sets, without_broken
from ganlab.metrics.base import SampleSet
from ganlab.split.base import Splitter
from ganlab.split.paper import PaperSplit
from ganlab.split.patient import PatientSplit


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> PTBDBSim:
    return PTBDBSim(patients=20, seconds=9, cache=tmp_path_factory.mktemp("cache"))


def data(source: PTBDBSim, split: Splitter) -> Data:
    found = Data(source, split, Leads(["i"], side=45))
    found.setup()
    return found


def test_training_samples_and_those_of_other_persons_have_other_numbers(source: PTBDBSim) -> None:
    given = data(source, PatientSplit())
    real = real_sets(given, "validation", None, None, 45)
    assert real.train.patients is not None
    assert real.reference.patients is not None
    assert not set(real.train.patients) & set(real.reference.patients)
    assert len(set(real.train.patients)) == len(given.part("train").unique_patients)
    whole = torch.from_numpy(real.reference.values)
    assert torch.equal(whole, given.part("validation").spread(1000).sample)
    assert (real.classes, real.side) == (tuple(source.classes), 45)


def test_so_many_samples_are_taken_spread_over_all(source: PTBDBSim) -> None:
    real = real_sets(data(source, PatientSplit()), "test", 5, 7)
    assert (len(real.reference), len(real.train)) == (5, 7)
    assert len(set(real.train.patients)) > 3  # type: ignore[arg-type]


def test_where_everybody_trains_the_persons_are_parted_in_two(source: PTBDBSim) -> None:
    real = real_sets(data(source, PaperSplit()), "train", 30, None)
    assert real.train.patients is not None
    assert real.reference.patients is not None
    assert not set(real.train.patients) & set(real.reference.patients)
    assert len(real.reference) == 30


def test_what_is_not_finite_is_left_out_and_counted() -> None:
    values = np.zeros((4, 1, 3), np.float32)
    values[1, 0, 2], values[3, 0, 0] = np.nan, np.inf
    left, said = without_broken(SampleSet(values, np.arange(4)))
    assert left.labels is not None
    assert left.labels.tolist() == [0, 2]
    assert said == ["2 of 4 generated samples hold NaN or infinity and are in no number."]
    assert without_broken(left) == (left, [])
