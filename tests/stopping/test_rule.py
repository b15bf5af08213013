"""What is chosen and when training ends, by the rule's own definition; a run keeps, uses and resumes the choice."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from ganlab.compose import Experiment
from ganlab.core.errors import UserError
from ganlab.evaluation.evidence import Evidence
from ganlab.gan.gan import GAN
from ganlab.gan.outputs import Outputs
from ganlab.generator.load import load
from ganlab.metrics.base import SampleSet
from ganlab.stopping import examiner
from ganlab.stopping.choice import Evaluation, candidates, collapsed, waited
from ganlab.stopping.rule import Rule
from ganlab.stopping.score import Floor, Score
from tests.command.test_run import killed_at  # noqa: F401
from tests.conftest import TINY, newest_run
from tests.test_conf import IMAGES, ROWS

pytestmark = pytest.mark.usefixtures("blank_figures")

RULED = (
    *(
        "stopping=rule",
        "split.train=0.4",
        "split.validation=0.4",
        "tracking=none",
        "trainer.max_epochs=4",
        "batch_size=16",
    ),
    *("stopping.least_steps=2", "stopping.windows=16", "stopping.draws=5"),
)
"""Overrides of a tiny run with a rule: 16 training windows, evaluated at each second step."""


def look(step: int, q: float | None, error: float = 0.1, **guards: bool) -> Evaluation:
    return Evaluation(step, q, error, {"health": q is not None} | guards, coverage=1.0, pairwise=1.0)


def chosen(*looks: Evaluation) -> int | None:
    kept = candidates(looks)
    return kept[0].step if kept else None


def test_the_earliest_within_a_standard_error_of_the_least_is_chosen() -> None:
    assert chosen(look(1, 1.0), look(2, 0.55), look(3, 0.5), look(4, 0.7)) == 2
    assert chosen(look(1, 1.0), look(2, 0.55), look(3, 0.4), look(4, 0.7)) == 3
    assert chosen(look(1, 0.45), look(2, 0.9), look(3, 0.4)) == 1


def test_what_a_guard_holds_back_is_not_chosen_nor_the_least() -> None:
    assert chosen(look(1, 1.0), look(2, 0.1, memory=False), look(3, 0.9)) == 1
    assert chosen(look(1, 1.0), look(2, 0.1, memory=False), look(3, 0.8)) == 3
    assert chosen(look(1, 1.0, copying=False), look(2, None)) is None


def test_what_lacks_only_diversity_is_chosen_until_something_is_eligible() -> None:
    poor = [look(1, 1.0, coverage=False), look(2, 0.5, pairwise=False), look(3, 0.2, copying=False)]
    assert chosen(*poor) == 2
    assert chosen(*poor, look(4, 0.9, coverage=False)) == 2
    assert chosen(*poor, look(4, 0.9)) == 4
    assert chosen(*poor, look(4, 0.9), look(5, 0.1, coverage=False)) == 4


@given(some.lists(some.tuples(some.integers(0, 30), some.booleans()), max_size=12))
@settings(max_examples=200, deadline=None)
def test_with_errors_of_one_size_the_choice_is_the_definition_at_every_evaluation(found: list) -> None:
    looks = [look(step, q / 10, 0.3, memory=held) for step, (q, held) in enumerate(found)]
    for end in range(len(looks) + 1):
        eligible = [each for each in looks[:end] if each.eligible]
        least = min((each.q for each in eligible), default=0.0)
        expected = next((each.step for each in eligible if each.q <= least + 0.3), None)
        assert chosen(*looks[:end]) == expected


def test_waiting_begins_anew_with_a_least_beyond_a_standard_error() -> None:
    looks = [look(1, 1.0), look(2, 0.95), look(3, 0.92), look(4, 0.85), look(5, 0.8), look(6, 0.1, memory=False)]
    assert [waited(looks[:end]) for end in range(1, 7)] == [0, 1, 2, 0, 1, 2]
    assert waited([look(1, 1.0, memory=False)] * 5) == 0


def diverse(*pairs: tuple[float, float]) -> list[Evaluation]:
    return [Evaluation(n, 1.0, 0.1, {}, pairwise=p, coverage=c) for n, (p, c) in enumerate(pairs)]


def test_three_in_a_row_without_diversity_are_a_collapse_but_not_the_start() -> None:
    good, alike, uncovered = (1.0, 0.2), (0.1, 0.2), (1.0, 0.01)
    assert collapsed(diverse(good, alike, alike, alike), coverage=0.2)
    assert collapsed(diverse(good, uncovered, uncovered, uncovered), coverage=0.2)
    assert not collapsed(diverse(good, alike, alike), coverage=0.2)
    assert not collapsed(diverse(good, alike, alike, good), coverage=0.2)
    assert not collapsed(diverse(alike, alike, alike, good), coverage=0.2)
    assert not collapsed(diverse(*[alike] * 5), coverage=0.2)
    assert not collapsed(diverse(*[uncovered] * 5), coverage=0.2)
    assert not collapsed([], coverage=0.2)


PLAIN = {"q": 1.0, "error": 0.1, "z": {"kid": 1.0}, "coverage": 1.0, "pairwise": 1.0, "copying": 0.0}


class Script:
    """In place of the scale: what it says of an evaluation is the next of a list, or its last."""

    floors: ClassVar[dict[str, Floor]] = {"kid": Floor(0.1, 0.2)}
    left_out: ClassVar[list[str]] = []
    coverage, patients = 0.2, 4

    def __init__(self, *scores: Mapping[str, float]) -> None:
        self.scores = [PLAIN | score for score in scores]

    def at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def evaluate(rule: Rule, *arguments: Any) -> None:
            self.place = len(rule.evaluations)
            original(rule, *arguments)

        original = Rule.evaluate
        monkeypatch.setattr(Rule, "evaluate", evaluate)
        monkeypatch.setattr(examiner, "memory", lambda *_: None)
        monkeypatch.setattr(examiner, "Scale", lambda *_: self)

    def __call__(self, samples: SampleSet) -> Score:
        assert samples.values.shape == (16, 1, 2025)
        return Score(**self.scores[min(self.place, len(self.scores) - 1)])


def steps_of(path: Path) -> int:
    return torch.load(path, weights_only=True)["steps"]


def told(run: Path, name: str = "run") -> dict:
    return json.loads((run / f"{name}.json").read_text())


def test_a_run_keeps_the_chosen_checkpoint_and_everything_uses_it(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Script({"q": 2.0}, {"q": 0.5}, {"q": 0.45}, {"q": 0.9}).at(monkeypatch)
    folder = command("run", *TINY, *RULED)
    run = newest_run(folder)
    facts, left = told(run), told(run, "stopping")
    assert facts["steps"] == 8
    assert facts["checkpoint"] == "chosen"
    assert (facts["stopping"]["chosen_step"], left["chosen_step"]) == (4, 4)
    assert "step 4 is chosen: Q 0.500 is the earliest of 4 eligible evaluations" in facts["stopping"]["why"]
    assert facts["stopping"]["ended"] == "the budget was used"
    assert 0 < facts["stopping"]["share_of_time"] <= 1
    assert not (run / "candidates").exists()
    assert steps_of(run / "checkpoints" / "chosen.ckpt") == 4
    assert (load(run).checkpoint, load(run).steps) == ("chosen", 4)
    assert (load(run, "chosen").steps, load(run, "last").steps) == (4, 8)
    with pytest.raises(UserError, match=r"there is: .*, chosen\."):
        load(run, "step_9")
    report = (run / "report.html").read_text()
    assert "The choice of the checkpoint" in report
    assert "Step 4 is chosen" in report
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["stopping/q"]) for row in rows if "stopping/q" in row] == [
        (1, 2.0),
        (3, 0.5),
        (5, 0.45),
        (7, 0.9),
    ]
    assert set(left["evaluations"][1]["beside"]) == {"loss/D", "loss/G"}

    out = command("sample", f"run={run}", "n=3", "format=npy", "out=chosen")
    last = command("sample", f"run={run}", "n=3", "format=npy", "out=last", "checkpoint=last")
    a, b = (np.load(next((folder / name).glob("*.npy"))) for folder, name in ((out, "chosen"), (last, "last")))
    np.testing.assert_array_equal(a, load(run, "chosen").gan.sample(3).numpy())
    assert not np.array_equal(a, b)
    assert "checkpoint `chosen`" in (folder / "chosen" / "README.md").read_text()


def test_the_measures_of_the_run_are_those_of_the_chosen_generator(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlab.command import finish

    measured: list[dict] = []
    Script({"q": 0.5}, {"q": 0.9}).at(monkeypatch)
    original = finish.finish

    def noting(experiment: Experiment, folder: Path) -> Evidence:
        measured.append({name: value.clone() for name, value in experiment.gan.state_dict().items()})
        return original(experiment, folder)

    monkeypatch.setattr(finish, "finish", noting)
    run = newest_run(command("run", *TINY, *RULED))
    kept = torch.load(run / "checkpoints" / "chosen.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(measured[0][name], value) for name, value in kept.items() if name.startswith("generator."))
    last = torch.load(run / "checkpoints" / "step_0000008.ckpt", weights_only=True)["state_dict"]
    assert not all(torch.equal(last[name], value) for name, value in kept.items() if name.startswith("generator."))


@pytest.mark.parametrize(("patience", "ends"), [(3, 10), (6, 14)], ids=["a quarter of the budget", "the patience"])
def test_training_ends_after_the_patience_and_a_quarter_of_the_budget(
    patience: int, ends: int, command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 epochs of 2 steps, an evaluation every 2: the least Q is that of the first, at step 2."""
    Script({"q": 0.5}).at(monkeypatch)
    run = newest_run(command("run", *TINY, *RULED, "trainer.max_epochs=20", f"stopping.patience={patience}"))
    assert told(run)["steps"] == ends
    assert told(run)["stopping"]["ended"] == f"no lower Q for {ends // 2 - 1} evaluations at step {ends}"


def test_a_collapse_ends_training_and_marks_the_run(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Script({"q": 0.5}, {"pairwise": 0.1}).at(monkeypatch)
    run = newest_run(command("run", *TINY, *RULED, "trainer.max_epochs=20"))
    assert told(run)["stopping"] | {"seconds": 0, "share_of_time": 0} == {
        "chosen_step": 2,
        "why": told(run)["stopping"]["why"],
        "ended": "collapsed at step 8",
        "collapsed": True,
        "evaluations": 4,
        "eligible": 1,
        "seconds": 0,
        "share_of_time": 0,
    }
    assert load(run).steps == 2


def test_without_diversity_the_least_q_is_chosen_and_it_is_said(command: Callable[..., Path]) -> None:
    """With the real scores: a generator of few steps covers no real window."""
    run = newest_run(command("run", *TINY, *RULED))
    facts, left = told(run), told(run, "stopping")
    assert all(each["q"] > 0.5 and not each["guards"]["coverage"] for each in left["evaluations"])
    assert facts["checkpoint"] == "chosen"
    assert facts["stopping"]["eligible"] == 0
    assert steps_of(run / "checkpoints" / "chosen.ckpt") == facts["stopping"]["chosen_step"]
    assert re.search("of 4 provisional evaluations .* fails those of diversity: coverage", facts["stopping"]["why"])


def test_where_nothing_may_be_chosen_the_last_stands_and_it_is_said(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Script({"q": 0.5, "copying": -4.0}).at(monkeypatch)
    run = newest_run(command("run", *TINY, *RULED))
    assert told(run)["checkpoint"] == "step_0000008"
    assert told(run)["stopping"]["chosen_step"] is None
    assert "none of 4 evaluations passed the guards of health, memory and copying" in told(run)["stopping"]["why"]


def test_nothing_of_the_training_is_changed(command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    Script({"q": 0.5}).at(monkeypatch)
    folder = command("run", *TINY, *RULED, "trick=ema")
    ruled = newest_run(folder)
    free = newest_run(command("run", *TINY, *(o for o in RULED if "stopping" not in o), "trick=ema"))
    ours, theirs = (torch.load(run / "checkpoints" / "step_0000008.ckpt", weights_only=True) for run in (ruled, free))
    assert all(torch.equal(ours["state_dict"][name], value) for name, value in theirs["state_dict"].items())


def test_a_killed_run_chooses_as_an_uninterrupted_one(
    command: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    killed_at: Callable[[int | None], None],  # noqa: F811
) -> None:
    Script({"q": 2.0}, {"q": 0.6}, {"q": 0.5}, {"q": 0.3}, {"q": 0.32}).at(monkeypatch)
    settings = (*TINY, *RULED, "trainer.max_epochs=5", "stopping.least_steps=1")
    folder = command("run", *settings)
    whole = newest_run(folder)
    killed_at(7)
    with pytest.raises(SystemExit):
        command("run", *settings)
    killed_at(None)
    broken = newest_run(folder)
    command("run", f"resume={broken}")
    ours, theirs = told(broken, "stopping"), told(whole, "stopping")
    assert ours == theirs
    assert len(ours["evaluations"]) == 10
    one, other = (torch.load(run / "checkpoints" / "chosen.ckpt", weights_only=True) for run in (broken, whole))
    assert one["steps"] == other["steps"] == 4
    assert all(torch.equal(one["state_dict"][name], value) for name, value in other["state_dict"].items())


@pytest.mark.parametrize("gan", ["acgan", "projection"])
def test_a_generator_of_classes_has_their_accuracy_beside_q_where_d_predicts_them(
    gan: str, command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Script({"q": 0.5}).at(monkeypatch)
    run = newest_run(command("run", *TINY, *RULED, f"gan={gan}", "split.seed=1"))
    (*_, last) = told(run, "stopping")["evaluations"]
    assert {"loss/G", "loss/D"} <= set(last["beside"])
    if gan == "projection":
        assert last["class_accuracy"] is None
        return
    assert 0 <= last["class_accuracy"] <= 1
    assert {"accuracy/class_real", "accuracy/class_synthetic"} <= set(last["beside"])


def test_a_generator_that_makes_no_numbers_is_not_healthy(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Script({"q": 0.5}).at(monkeypatch)
    generate = GAN.generate
    monkeypatch.setattr(
        GAN, "generate", lambda self, noise: generate(self, noise) * (torch.nan if len(noise) == 16 else 1)
    )
    run = newest_run(command("run", *TINY, *RULED))
    looks = told(run, "stopping")["evaluations"]
    assert {(each["q"], each["guards"]["health"], each["eligible"]) for each in looks} == {(None, False, False)}


def test_memory_is_how_far_d_puts_validation_from_training_windows() -> None:
    class Module:
        discriminator = torch.nn.Identity()
        dtype = torch.float32

        def discriminate(self, images: torch.Tensor) -> Outputs:
            return Outputs(images.flatten(1).mean(dim=1))

    images = {"train": torch.full((4, 1, 2, 2), 1.0), "validation": torch.full((4, 1, 2, 2), 0.4)}
    module: Any = Module()
    assert examiner.memory(module, images | {"generated": torch.full((4, 1, 2, 2), -1.0)}) == pytest.approx(0.3)
    assert examiner.memory(module, images | {"generated": torch.full((4, 1, 2, 2), 2.0)}) is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (ROWS, "stopping=rule scores windows, and this data set gives rows"),
        (IMAGES, "stopping=rule scores windows, and this data set gives images"),
        (["arrangement.side=20", "architecture=fcn"], "400 samples at 1000 Hz"),
        (["split=paper"], "this split has none"),
        (["dataset.patients=5"], "validation patients, and 4 are needed"),
        (["trainer.max_epochs=-1"], "stopping=rule needs a budget"),
        (["stopping.patience=0"], "stopping.patience=0: accepted is a whole number from 1"),
    ],
)
def test_what_it_cannot_judge_is_refused(
    overrides: list[str], said: str, command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    named = {override.partition("=")[0] for override in overrides}
    without = [o for o in (*TINY, *RULED) if o.partition("=")[0] not in named]
    if "dataset" in named or "split" in named:
        without = [o for o in without if not o.startswith(("dataset.", "split.", "architecture.width"))]
    with pytest.raises(SystemExit):
        command("run", *without, *overrides)
    assert said in capsys.readouterr().out
