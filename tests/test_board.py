"""The ablation's steps, and what scripts/leaderboard.py and scripts/peers.py train and print, on tiny data."""

import math
import sys
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.test_conf import composed

sys.path.insert(0, str(ROOT / "scripts"))

import ablation
import board_table
import leaderboard
import others
from rivals import RIVALS
from short_runs import train_for

from ganlab.compose import compose_networks

LENGTH = 512


def test_a_step_of_the_ablation_is_compared_with_the_step_before_it() -> None:
    runs = {
        name: {(str(seed), ""): [value + 0.01 * seed] for seed in range(5)}
        for name, value in (("01_a", 3.0), ("02_b", 1.0), ("03_c", 0.5), (ablation.REAL, 0.25))
    }
    effects = ablation.changes(runs)
    assert list(effects) == list(runs)
    assert math.isnan(effects["01_a"].difference)
    assert effects["02_b"].difference == pytest.approx(-2.0)
    assert effects["03_c"].difference == pytest.approx(-0.5)
    assert math.isnan(effects[ablation.REAL].difference)


def test_a_training_ends_with_its_time_and_has_the_steps_that_fitted_in() -> None:
    from short_runs import opened

    tiny = ("dataset.patients=12", "dataset.seconds=9", "architecture=cnn_slim", "architecture.width=0.0625")
    experiment = opened([*tiny, "batch_size=8"])
    assert train_for(experiment, 60.0, steps=2)["steps"] == experiment.gan.steps == 2
    spent = train_for(experiment, 1e-9)
    assert spent["steps"] == 2


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_learns_and_samples(name: str) -> None:
    torch.manual_seed(0)
    network = RIVALS[name](2, LENGTH)
    generator = getattr(network, "network", getattr(network, "generator", None))
    before = [each.clone() for each in generator.parameters()]
    for k in range(5 if hasattr(network, "critic") else 2):
        network.step(0.1 * torch.randn(2, 2, LENGTH), k / 5)
    changed = [not torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True)]
    assert sum(changed) > len(changed) / 2
    made = network.sample(3)
    assert made.shape == (3, 2, LENGTH)
    assert torch.isfinite(made).all()


def test_the_port_brings_slow_signals_back() -> None:
    networks = compose_networks(composed("experiment=laptop"))
    experiment: Any = type("E", (), {"gan": networks.gan, "config": {"architecture": {"decimation": 4}}})
    port = leaderboard.Port(experiment)
    seconds = torch.arange(networks.kind.samples) / 1000
    windows = torch.sin(2 * math.pi * 5 * seconds)[None, None]
    signals = port.signals(windows)
    assert signals.shape == (1, 1, port.length) == (1, 1, LENGTH)
    off = port.windows(signals)[0, 0] - windows[0, 0].numpy()
    assert np.abs(off - np.median(off))[50:-50].max() < 0.02


def test_simulated_windows_obey_einthoven() -> None:
    arrangement: Any = compose_networks(composed("experiment=ptbxl")).arrangement
    windows = others.simulated(arrangement, 100.0, 2, 0)
    leads = list(arrangement.decoded_leads)
    assert windows.shape == (2, 12, 1000)
    one, two, three = (windows[:, leads.index(lead)] for lead in ("i", "ii", "iii"))
    np.testing.assert_allclose(three, two - one, atol=1e-4)


@pytest.mark.parametrize("name", leaderboard.TWELVE)
def test_generators_of_twelve_leads_can_be_built(name: str) -> None:
    networks = compose_networks(composed(*leaderboard.TWELVE[name], *leaderboard.MANY))
    assert networks.gan.generator(networks.gan.draw_noise(2)).shape[0] == 2


def test_the_table_has_the_light_of_each_seed_and_means() -> None:
    def result(seed: int, colour: str, kid: float) -> dict[str, Any]:
        number = {"synthetic": kid, "floor_interval": [0.1, 0.3]}
        return {
            "seed": seed,
            "lights": {"looks_like": colour, "varied": "green", "private": "grey"},
            "numbers": {"distribution/kid": number},
            "facts": {"steps": 10},
        }

    lines = board_table.table({"heart": [result(0, "red", 1.0), result(1, "green", 2.0)]}).splitlines()
    assert "| heart (2) | **red**, green | green, green | grey, grey |" in lines[2]
    assert "| 1.5 |" in lines[2]
    assert "0.1 to 0.3" in lines[3]
