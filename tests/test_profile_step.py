"""The profile of a step: its table, and that an operator is told for what it is, also in the backward pass."""

import sys
from collections import Counter
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest
import torch
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from ganlab.compose import compose_networks
from ganlab.dataset.samples import Batch
from tests.conftest import ROOT
from tests.test_conf import composed

SCRIPT = ROOT / "scripts" / "profile_step.py"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPT.parent / "bench"))
    spec = spec_from_file_location("profile_step", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "profile_step", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("blank_figures")
def test_the_table_of_the_smallest_network_has_all_its_parts(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(script.NETWORKS, "thyroid", replace(script.NETWORKS["thyroid"], warm_up=12))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "thyroid", "tracking=none", "--steps", "4", "--bare"])
    script.main()
    machine, head, _, *rest = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert "1 threads" in machine
    assert head.startswith("| `thyroid tracking=none`: ")
    rows = {name: cells for name, *cells in ([c.strip() for c in line.strip("|").split("|")] for line in rest[:-2])}
    assert list(rows) == [
        *("matrix products", "optimizers", "data, noise", "everything else that computes"),
        *("Python between the operators of a step", "Python between steps: Lightning's loop, tracking"),
    ]
    shares, ms = (sum(float(cells[k].rstrip("%")) for cells in rows.values()) for k in (0, 1))
    assert shares == pytest.approx(100, abs=0.5)
    whole = float(head.split()[3])
    assert ms == pytest.approx(whole, rel=0.02)
    step_of_d = 2 + 2 * (2 + 3)
    step_of_g = 2 + 2 + 5
    assert int(rows["matrix products"][2]) == step_of_d + step_of_g
    assert rest[-1].startswith("The thesis' loop takes ")


def calls(script: ModuleType, tricks: str) -> Counter[str]:
    """Operators of four steps."""
    gan = compose_networks(
        composed("experiment=laptop", "architecture=signal", "architecture.width=0.1", f"trick=[{tricks}]")
    ).gan
    label, seen = torch.zeros(4, dtype=torch.long), script.Seen(8)
    data = [Batch(torch.randn(4, 1, gan.codec.arrangement.samples), label, label)] * 41
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with script.watching(seen):
        Trainer(accelerator="cpu", max_epochs=1, **off).fit(gan, DataLoader(data, batch_size=None))
    found = script.found_in(seen)
    assert found.steps == 4
    assert found.shares.total() == pytest.approx(1)
    assert min(found.shares.values()) > 0
    assert 0 < found.convolving < 1
    assert -0.01 < found.away < 1
    return found.calls


def test_the_penalty_and_its_double_backward_are_told_from_the_losses(script: ModuleType) -> None:
    """What is not the penalty's is called as often with it as without: it takes the losses' pass.

    But where both reach a value, autograd adds their gradients: at two of the normalization, of real and made images.
    """
    without, with_it = calls(script, "ema"), calls(script, "r1_r2,ema")
    assert {script.PENALTY, script.TWICE} == with_it.keys() - without.keys()
    sums = {script.NORMALIZATION: 2 * 2}
    for group in (script.FORWARD, script.BACKWARD, script.PRODUCTS, script.NORMALIZATION):
        assert with_it[group] - sums.get(group, 0) == without[group] > 0
    assert with_it[script.TWICE] > with_it[script.PENALTY] > 0


def test_operations_of_convolutions_are_counted_forward_and_backward(script: ModuleType) -> None:
    seen, x = script.Seen(1), torch.randn(2, 3, 10, requires_grad=True)
    with script.Counting(seen):
        torch.nn.Conv1d(3, 4, 5, padding=2)(x).square().sum().backward()
    assert seen.flops == 3 * 2 * (2 * 4 * 10) * (3 * 5)


def test_shares_are_of_the_cycles_from_which_the_processor_was_least_away(script: ModuleType) -> None:
    starts, marks = [0.0, 40, 50, 90, 105, 110], [x * 1e-6 for x in (0, 30, 38, 77, 80, 85)]
    found = script.quietest(starts, marks)
    assert [cycle[:2] for cycle in found] == [(105, 110), (50, 90)]
    assert [cycle[2] for cycle in found] == pytest.approx([0, 1])
    assert len(script.quietest(starts[:2], marks[:2])) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cnn", "--steps", "6"], "--steps 6: accepted is a multiple of 4"),
        (["cnn", "--threads", "0"], "--threads 0: accepted is a whole number from 1"),
        (["laptop", "--bare"], "--bare: the thesis has no laptop"),
    ],
)
def test_what_cannot_be_profiled_is_refused(
    script: ModuleType,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["profile_step.py", *arguments])
    with pytest.raises(SystemExit):
        script.main()
    assert said in capsys.readouterr().err
