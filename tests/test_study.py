"""The plan of scripts/study.py: each configuration builds, and shows all arrangements the same windows."""

import runpy
from typing import Any

import pytest
import torch

from ganlab.compose import compose, compose_networks
from tests.conftest import ROOT
from tests.test_conf import composed

STUDY: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "study.py"))


def test_the_study_has_every_arrangement_in_every_recipe_once() -> None:
    planned = list(STUDY["plan"](False, STUDY["ROUNDS"]))
    assert len(planned) == len(set(planned)) == 3 * 17
    assert planned[:2] == [("experiment=study/paper", f"arrangement={name}") for name in ("z", "transposed")]
    names = {STUDY["folder_name"](own, 0, number) for number, own in enumerate(planned)}
    assert len(names) == len(planned)


@pytest.mark.parametrize("name", ["z", "rgb", "cmyk", "stripes", "concat", "squares"])
def test_all_arrangements_have_windows_of_256_samples(name: str) -> None:
    overrides = list(STUDY["plan"](False, [[name]]))[-1]
    networks = compose_networks(composed(*overrides))
    assert networks.kind.samples == 256
    assert networks.kind.rate == 100.0
    assert networks.kind.leads[0] == "i"


@pytest.mark.parametrize("trick", list(STUDY["TRICKS"]))
def test_each_trick_builds_alone(trick: str) -> None:
    compose_networks(composed("experiment=study/paper", "arrangement=z", *STUDY["TRICKS"][trick]))


def test_each_epoch_of_a_run_has_its_own_order() -> None:
    experiment = compose(composed("dataset.patients=12", "dataset.seconds=4", "batch_size=4", "split.holdout=0"))
    experiment.data.prepare_data()
    experiment.data.setup()
    epoch = len(experiment.data.train_dataloader())
    drawn = [batch.sample for batch in STUDY["batches"](experiment, 2 * epoch)]
    assert len(drawn) == 2 * epoch
    assert not torch.equal(torch.cat(drawn[:epoch]), torch.cat(drawn[epoch:]))
