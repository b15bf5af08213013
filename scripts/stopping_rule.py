"""Tests stopping=rule on corrupted real windows, and on trainings over seeds that are evaluated on test patients.

    python scripts/stopping_rule.py corrupt OUT
    python scripts/stopping_rule.py train OUT --seeds 5 --steps 1500
    python scripts/stopping_rule.py show OUT docs/pictures/stopping_rule.png

`train` writes a file for each seed and skips seeds that have one; overrides of the experiment may follow. The rule
does not stop a training: every evaluation is kept, so that all ways to choose are compared on the same training.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pytorch_lightning import Callback, Trainer
from scipy import signal as dsp
from scipy import stats

from ganlab.compose import Experiment, compose
from ganlab.core.instantiate import build
from ganlab.core.settings import CONF
from ganlab.core.spread import evenly
from ganlab.evaluation.reference import real_sets
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.embedding import PhysiologicalFeatures
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.stopping.choice import Evaluation, candidates
from ganlab.stopping.examiner import LEAST_COPYING, LEAST_COVERAGE, PAIRWISE
from ganlab.stopping.rule import Rule
from ganlab.stopping.score import Scale

WINDOWS, TRAIN, NEVER = 200, 1000, 10**9
OVERRIDES = (
    "experiment=laptop",
    "architecture=signal",
    "gan=acgan",
    "trainer=cpu",
    "dataset.patients=120",
    "dataset.seconds=30",
)
QUALITIES = {
    "q": "Q on test patients",
    "frechet": "Frechet distance in named features, test patients",
    "implausible": "share of windows that are not plausible",
}
"""What a choice is judged by; less is better. Q has the components of the rule, the second none of them."""
WAYS = {
    "last": "the last epoch",
    "accuracy": "highest accuracy of the class on generated windows",
    "loss_g": "least loss of G",
    "loss_d": "greatest loss of D",
    "least_q": "least Q on validation patients, no guards",
    "rule": "the rule",
}


def main() -> None:
    """Run one of the three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("corrupt", "train", "show"))
    parser.add_argument("out", type=Path)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--evaluations", type=int, default=15)
    parser.add_argument("--overrides", nargs="*", default=[])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.part == "corrupt":
        corrupt(asked.out, asked.overrides)
    elif asked.part == "train":
        for seed in range(asked.seeds):
            train(asked.out, seed, asked.steps, asked.evaluations, asked.overrides)
    else:
        show(asked.out, asked.picture)


def composed(overrides: Sequence[str], seed: int) -> Experiment:
    """Return the experiment, with its data split."""
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = hydra_compose("config", overrides=[*OVERRIDES, f"seed={seed}", *overrides])
    made = compose(cfg)
    made.data.prepare_data()
    made.data.setup()
    return made


def spread(samples: SampleSet, count: int) -> SampleSet:
    """Return `count` samples, spread evenly over the set, without patient ids."""
    chosen = evenly(count, len(samples))
    return SampleSet(samples.values[chosen], None if samples.labels is None else samples.labels[chosen])


# Corrupted windows


def corrupt(out: Path, overrides: Sequence[str]) -> None:
    """Score windows of test and hold-out patients, as of a perfect generator, corrupted in five ways by degrees."""
    data = composed(overrides, 0).data
    real = real_sets(data, "validation", WINDOWS, TRAIN, data.arrangement.side)
    scale = Scale(real, WINDOWS, 50)
    parts = [real_sets(data, part, WINDOWS, TRAIN).reference for part in ("test", "holdout")]
    others = spread(SampleSet(np.concatenate([part.values for part in parts])), WINDOWS).values
    rng = np.random.default_rng(0)
    noise, order = rng.standard_normal(others.shape), rng.permutation(len(others))
    copies = real.train.values[rng.permutation(len(real.train))[: len(others)]]
    row = np.arange(others.shape[-1]) % 45 / 45

    def low_pass(hertz: float) -> Any:
        return dsp.sosfiltfilt(dsp.butter(2, hertz, fs=1000, output="sos"), others, axis=-1)

    def copied(share: float) -> Any:
        return np.concatenate([copies[: round(share * len(others))], others[round(share * len(others)) :]])

    ways: dict[str, tuple[Sequence[float], Callable[[float], Any]]] = {
        "white noise, uV": ((0, 5, 10, 20, 50, 100), lambda level: others + level / 1000 * noise),
        "low-pass, Hz": ((100, 40, 25, 15, 10, 5), low_pass),
        "seam, uV": ((0, 5, 10, 20, 50, 100), lambda level: others + level / 1000 * row),
        "different windows": ((200, 50, 20, 10, 5, 1), lambda k: others[np.resize(order[: int(k)], len(others))]),
        "copies of training windows": ((0, 0.1, 0.2, 0.3, 0.5, 1.0), copied),
    }
    found: dict[str, Any] = {"floors": {n: vars(f) for n, f in scale.floors.items()}, "coverage": scale.coverage}
    found["ways"] = {}
    for name, (levels, make) in ways.items():
        scores = [vars(scale(SampleSet(make(level).astype(np.float32)))) for level in levels]
        found["ways"][name] = {"levels": list(levels), "scores": scores}
    (out / "corrupt.json").write_text(json.dumps(found, indent=1))
    _corruption_table(found)


def _corruption_table(found: dict[str, Any]) -> None:
    print("\n| corrupted by | level | Q | coverage, of its limit | mean distance | C_T | guards that fail |")
    print("|---|---|---|---|---|---|---|")
    for name, way in found["ways"].items():
        for level, score in zip(way["levels"], way["scores"], strict=True):
            covered = score["coverage"] / (LEAST_COVERAGE * found["coverage"])
            failing = ["coverage"] * (covered < 1)
            failing += ["mean distance"] * (not PAIRWISE[0] <= score["pairwise"] <= PAIRWISE[1])
            failing += ["copying"] * (score["copying"] <= LEAST_COPYING)
            numbers = f"{score['q']:.2f} ± {score['error']:.2f} | {covered:.2f} | {score['pairwise']:.2f}"
            print(f"| {name} | {level:g} | {numbers} | {score['copying']:.1f} | {', '.join(failing) or '–'} |")


# Trainings


class Judge(Callback):
    """Evaluates the same generator on test patients after each evaluation of the rule."""

    def __init__(self, rule: Rule, real: Real) -> None:
        self.rule = rule
        self.scale = Scale(real, WINDOWS, 2)
        self.real = real
        features = Distribution(PhysiologicalFeatures(), name="named", classifier=False)
        self.judges = [VisualCriteria().fit(real), features.fit(real)]
        self.found: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Evaluate the generator if the rule has just done so."""
        if len(self.rule.evaluations) > len(self.found):
            self.found.append(self.judge(pl_module))

    def judge(self, gan: GAN) -> dict[str, float]:
        """Return metrics of the generator on patients that the rule has not seen."""
        noise = gan.draw_noise(WINDOWS, torch.Generator().manual_seed(99))
        windows = torch.cat([self.rule.examiner.codec.decode(gan.generate(part)) for part in noise.split(64)]).numpy()
        samples = SampleSet(windows)
        numbers = {name: each for judge in self.judges for name, each in judge(samples).items()}
        alike = np.ones(len(samples)), np.ones(len(self.real.reference))
        return {
            "q": self.scale(samples).q,
            "frechet": float(numbers["named/frechet"](*alike)),
            "implausible": 1 - float(numbers["physiology/plausible_rate"](*alike)),
        }


def train(out: Path, seed: int, steps: int, evaluations: int, overrides: Sequence[str]) -> None:
    """Train once; store the rule's evaluations, metrics on test patients, and D's accuracy on a few windows."""
    file = out / f"seed_{seed}.json"
    if file.is_file():
        return
    began = time.monotonic()
    made = composed([*overrides, "stopping=steps", f"stopping.steps={steps}"], seed)
    data, gan = made.data, made.gan
    rule = Rule(steps, evaluations, 1, WINDOWS, TRAIN, 50, NEVER, 1.0)
    test = real_sets(data, "test", WINDOWS, TRAIN, data.arrangement.side)
    judge = Judge(rule, test)
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = hydra_compose("config", overrides=[*OVERRIDES, *overrides])
    trainer = build(cfg.trainer)(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[rule, judge],
        default_root_dir=str(out / f"work_{seed}"),
    )
    trainer.fit(gan, datamodule=data)
    found = {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "share_of_time": rule.facts()["stopping"]["share_of_time"],
        "evaluations": [vars(each) | {"eligible": each.eligible} for each in rule.evaluations],
        "test": judge.found,
        "few": few_of_each_class(gan, rule.examiner.scale) if gan.conditional else [],
    }
    file.write_text(json.dumps(found, indent=1))
    print(f"seed {seed}: {found['seconds']} s", flush=True)


def few_of_each_class(gan: GAN, scale: Scale) -> list[dict[str, Any]]:
    """Return D's accuracy and Q for the training windows of each class of which D is surest, `k` of each repeated."""
    train = scale.real.train
    images = gan.codec.picture(torch.from_numpy(train.values))
    gan.discriminator.eval()
    with torch.no_grad():
        sure = torch.cat([gan.discriminate(part).label.softmax(1) for part in images.split(64)]).numpy()  # type: ignore[union-attr]
    rows = []
    for k in (1, 3, 10):
        best = [np.flatnonzero(train.labels == c) for c in range(sure.shape[1])]
        best = [own[np.argsort(-sure[own, c])[:k]] for c, own in enumerate(best)]
        chosen = np.resize(np.concatenate(best), WINDOWS)
        right = float((sure[chosen].argmax(1) == train.labels[chosen]).mean())
        score = scale(SampleSet(train.values[chosen]))
        rows.append({"k": k, "accuracy": right, **vars(score), "limit": LEAST_COVERAGE * scale.coverage})
    return rows


# What came out


def choices(run: dict[str, Any]) -> dict[str, int | None]:
    """Return the index of the evaluation that each way chooses; None if it chooses none."""
    looks = run["evaluations"]

    def most(key: Callable[[dict[str, Any]], float]) -> int:
        return int(np.nanargmax([key(each) for each in looks]))

    evaluations = [Evaluation(**{k: v for k, v in each.items() if k != "eligible"}) for each in looks]
    free = [Evaluation(e.step, e.q, e.error, {"health": e.guards["health"]}) for e in evaluations]
    places = {each.step: place for place, each in enumerate(evaluations)}
    return {
        "last": len(looks) - 1,
        "accuracy": most(lambda e: math.nan if e["class_accuracy"] is None else e["class_accuracy"])
        if looks[0]["class_accuracy"] is not None
        else None,
        "loss_g": most(lambda e: -e["beside"]["loss/G"]),
        "loss_d": most(lambda e: e["beside"]["loss/D"]),
        "least_q": places[candidates(free)[0].step] if candidates(free) else None,
        "rule": places[candidates(evaluations)[0].step] if candidates(evaluations) else None,
    }


def show(out: Path, picture: Path | None) -> None:
    """Print the tables in markdown, and draw the figure."""
    runs = [json.loads(file.read_text()) for file in sorted(out.glob("seed_*.json"))]
    file = out / "corrupt.json"
    corrupted = json.loads(file.read_text()) if file.is_file() else None
    if corrupted:
        _corruption_table(corrupted)
    if runs:
        _few_table(runs)
        _regret_table(runs)
        _correlations(runs)
    if picture:
        draw(corrupted, runs).savefig(picture, dpi=130)


def _few_table(runs: list[dict[str, Any]]) -> None:
    print("\n| windows of each class | D's accuracy of the class | Q | coverage, of its limit | C_T |")
    print("|---|---|---|---|---|")
    for place, first in enumerate(runs[0]["few"]):
        rows = [run["few"][place] for run in runs]
        cells = [_range([row[key] for row in rows]) for key in ("accuracy", "q")]
        cells.append(_range([row["coverage"] / row["limit"] for row in rows]))
        cells.append(_range([row["copying"] for row in rows], 0))
        print(f"| {first['k']} | " + " | ".join(cells) + " |")


def _regret_table(runs: list[dict[str, Any]]) -> None:
    print("\n| chosen by | " + " | ".join(f"regret: {said}" for said in QUALITIES.values()) + " | step |")
    print("|" + "---|" * (len(QUALITIES) + 2))
    for way, said in WAYS.items():
        found = [(run, choices(run)[way]) for run in runs]
        chosen = [(run, place) for run, place in found if place is not None]
        if not chosen:
            print(f"| {said} | none is chosen |")
            continue
        cells = [_range([regret(run, place, quality) for run, place in chosen]) for quality in QUALITIES]
        steps = _range([run["evaluations"][place]["step"] for run, place in chosen], 0)
        missing = f" ({len(found) - len(chosen)} of {len(found)} chose none)" if len(chosen) < len(found) else ""
        print(f"| {said}{missing} | " + " | ".join(cells) + f" | {steps} |")
    cells = [
        _range([float(np.mean([regret(r, p, quality) for p in range(len(r["test"]))])) for r in runs])
        for quality in QUALITIES
    ]
    print("| a random one, on average | " + " | ".join(cells) + " | |")
    best = [_range([min(each[quality] for each in run["test"]) for run in runs]) for quality in QUALITIES]
    print("| the best of the training (its value) | " + " | ".join(best) + " | |")


def regret(run: dict[str, Any], place: int, quality: str) -> float:
    """Return how much worse an evaluation is on test patients than the best one of its training."""
    values = [each[quality] for each in run["test"]]
    return values[place] - min(values)


def _correlations(runs: list[dict[str, Any]]) -> None:
    print(
        "\n| Spearman's correlation with | " + " | ".join(QUALITIES.values()) + " |\n|" + "---|" * (len(QUALITIES) + 1)
    )
    series: dict[str, Callable[[dict[str, Any]], float | None]] = {
        "Q on validation patients": lambda e: e["q"],
        "accuracy of the class": lambda e: e["class_accuracy"],
        "loss of G": lambda e: e["beside"]["loss/G"],
        "loss of D": lambda e: e["beside"]["loss/D"],
    }
    for said, value in series.items():
        cells = []
        for quality in QUALITIES:
            found = [
                stats.spearmanr([value(e) for e in run["evaluations"]], [e[quality] for e in run["test"]]).statistic
                for run in runs
                if value(run["evaluations"][0]) is not None
            ]
            cells.append(_range(found))
        print(f"| {said} | " + " | ".join(cells) + " |")


def _range(values: Sequence[float], digits: int = 2) -> str:
    """Return the median, the least and the greatest as text."""
    if not len(values):
        return "–"
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def draw(corrupted: dict[str, Any] | None, runs: list[dict[str, Any]]) -> Figure:
    """Draw Q and guards against the degree of corruption (left), and trainings with each way's choice (right)."""
    halves = [(_draw_corrupted, corrupted), (_draw_runs, runs)]
    shown = [(drawn, found) for drawn, found in halves if found]
    figure = Figure(figsize=(5.8 * len(shown), 7), layout="constrained", facecolor="white")
    for (drawn, found), half in zip(shown, figure.subfigures(1, len(shown), squeeze=False).flat, strict=True):
        drawn(half.subplots(2, 1), found)
    return figure


def _draw_corrupted(axes: Sequence[Axes], corrupted: dict[str, Any]) -> None:
    for name, way in corrupted["ways"].items():
        place = range(len(way["levels"]))
        axes[0].errorbar(
            place, [s["q"] for s in way["scores"]], [s["error"] for s in way["scores"]], label=name, lw=1.4
        )
        margins = [
            min(
                score["coverage"] / (LEAST_COVERAGE * corrupted["coverage"]),
                max(-1.0, 2 - score["copying"] / LEAST_COPYING),
                2 - max(0.0, (1 - score["pairwise"]) / (1 - PAIRWISE[0])),
            )
            for score in way["scores"]
        ]
        axes[1].plot(place, margins, lw=1.4, marker="o", ms=3)
    axes[0].set(ylabel="Q", title="Windows of other patients, spoilt by degrees")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].axhline(1, color="#b00020", ls="--", lw=1)
    axes[1].set(ylabel="the tightest guard, of its limit (below 1 it fails)", xlabel="degree, from none to the most")


def _draw_runs(axes: Sequence[Axes], runs: list[dict[str, Any]]) -> None:
    for run in runs:
        steps = [each["step"] for each in run["evaluations"]]
        axes[0].plot(steps, [each["q"] for each in run["test"]], color="#9aa3ad", lw=1)
        for way, marker, color in (("last", "s", "#5f646c"), ("accuracy", "^", "#d55e00"), ("rule", "o", "#00795a")):
            place = choices(run)[way]
            if place is not None:
                axes[0].plot(steps[place], run["test"][place]["q"], marker, color=color, ms=7)
                axes[1].plot(_jitter(way, run["seed"]), regret(run, place, "q"), marker, color=color, ms=7)
        for way, marker in (("loss_g", "v"), ("loss_d", "D"), ("least_q", "P")):
            place = choices(run)[way]
            if place is not None:
                axes[1].plot(_jitter(way, run["seed"]), regret(run, place, "q"), marker, color="#0072b2", ms=6)
    axes[0].set(ylabel="Q on test patients", xlabel="step", title=f"{len(runs)} trainings")
    axes[1].set_xticks(range(len(WAYS)), ["last", "accuracy", "loss G", "loss D", "least Q", "rule"])
    axes[1].set(ylabel="regret: Q on test patients above the best")


def _jitter(way: str, seed: int) -> float:
    return list(WAYS).index(way) + 0.06 * (seed - 2)


if __name__ == "__main__":
    main()
