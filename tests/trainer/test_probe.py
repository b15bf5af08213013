"""trainer.precision=auto: two seconds of steps decide, run.json says what they took, and a resumed run keeps it."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlab.command.run import _probed
from ganlab.trainer import probe
from tests.conftest import TINY, newest_run
from tests.gan.test_gan import game

SOURCE: Any = SimpleNamespace(classes=(), attribute_names=(), many_labels=False)


@pytest.mark.usefixtures("blank_figures")
def test_a_run_takes_what_was_faster_says_so_and_keeps_it(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "step_seconds", lambda *_: {probe.FULL: 0.9, probe.HALF: 0.5})
    settings = (*TINY, "tracking=none", "trainer.precision=auto", "stopping=steps", "stopping.steps=1")
    run = newest_run(command("run", *settings))
    assert "device: cpu, precision bf16-mixed" in (run / "run.log").read_text()
    facts = json.loads((run / "run.json").read_text())
    assert facts["precision"] == {"chosen": probe.HALF, "seconds_a_step": {probe.FULL: 0.9, probe.HALF: 0.5}}
    weights = torch.load(run / "checkpoints" / "step_0000001.ckpt", weights_only=True)["state_dict"]
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float32}
    monkeypatch.setattr(probe, "step_seconds", lambda *_: pytest.fail("measured again"))
    again: Any = SimpleNamespace(config={"trainer": {"precision": "auto"}})
    assert _probed(again, run) == facts["precision"]


@pytest.mark.parametrize(("half", "chosen"), [(0.95, probe.FULL), (0.9, probe.HALF)])
def test_a_small_gain_changes_nothing(half: float, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "step_seconds", lambda *_: {probe.FULL: 1.0, probe.HALF: half})
    assert probe.faster_precision(game(), SOURCE, 6, "cpu")["chosen"] == chosen
    assert probe.faster_precision(game(), SOURCE, 6, "mps") == {"chosen": probe.FULL, "seconds_a_step": {}}


def test_measuring_changes_neither_networks_nor_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.0)
    gan = game()
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    state = torch.get_rng_state()
    seconds = probe.step_seconds(gan, SOURCE, 6, torch.device("cpu"))
    assert seconds.keys() == {probe.FULL, probe.HALF}
    assert all(value > 0 for value in seconds.values())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in gan.state_dict().items())
    assert gan.steps == 0
