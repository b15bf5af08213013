"""Trains each step of `conf/experiment/ablation` over seeds for the same processor time, and prints what each changes.

    nice -n 15 python scripts/ablation.py OUT                  # what is missing in OUT; stop and restart it at will
    python scripts/ablation.py OUT --report docs/pictures/ablation.png
    python -m ganlab.summary sweep=OUT                         # the page, with every number

A step of the ablation changes one thing of the step before it. A run that has its `metrics.json` is not done again; all
steps of one seed come before the next seed. `99_real` are training patients in the place of a generator.
`python -m ganlab.run --multirun experiment=ablation/01_paper,ablation/02_tricks` trains the same by numbers of steps.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from answer import chosen, values
from short_runs import LONG, one_thread_and_log, opened, options, train_for
from study import WINDOWS, Judges

from ganlab.core.files import write_whole
from ganlab.core.settings import CONF
from ganlab.evaluation.effects import NONE, Effect, compared
from ganlab.plot.effects import draw_effects
from ganlab.plot.figure import png_bytes
from ganlab.report.jobs import Job, read_jobs

log = logging.getLogger("ablation")

SECONDS = 5.0
"""Processor time of each training, its fit among it."""
REAL = "99_real"
PRIMARY = {
    "physiology/plausible_rate": ("plausible windows, share", 1.0),
    "physiology/beat_correlation": ("correlation of beats", 1.0),
    "signal/psd_db": ("distance of mean spectra, dB", 0.0),
    "distribution/frechet": ("Fréchet distance", 0.0),
}
"""Chosen before the first run, with what is best."""
NOTHING = Effect(0, math.nan, math.nan, NONE, math.nan, NONE, math.nan, math.nan, NONE)
"""Of a step none of whose runs has the number, such as the correlation of beats where there are none."""


def steps() -> list[str]:
    """Return the names of the ablation's steps in their order."""
    return sorted(path.stem for path in (Path(CONF) / "experiment" / "ablation").glob("*.yaml"))


@cache
def judges(seed: int, fixed: Sequence[str]) -> Judges:
    """Return the metrics of a seed's patients, which all its runs share."""
    return Judges(opened([*fixed, "experiment=ablation/01_paper", f"seed={seed}"]))


def run(name: str, seed: int, folder: Path, seconds: float, fixed: Sequence[str]) -> None:
    """Train and measure one run, and write its folder; `metrics.json`, written last, says that it is whole."""
    experiment = opened([*fixed, f"experiment=ablation/{name if name != REAL else steps()[0]}", f"seed={seed}"])
    measures = judges(seed, tuple(fixed))
    spent: dict[str, float] = {}
    if name == REAL:
        windows = measures.real.train.values[:WINDOWS]
    else:
        only_fit = experiment.stopping.steps == 1  # type: ignore[attr-defined]
        spent = train_for(experiment, seconds, 1 if only_fit else LONG)
        windows = experiment.gan.sample(WINDOWS, seed=seed).numpy()
    facts = {"overrides": [f"experiment=ablation/{name}", f"seed={seed}"], "seed": seed} | spent
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "config.yaml", experiment.config_yaml)
    write_whole(folder / "run.json", json.dumps(facts, indent=1))
    rows = measures.rows(windows)
    write_whole(folder / "metrics.json", json.dumps(rows))
    shown = ", ".join(f"{rows[key]['synthetic']:.3g}" for key in PRIMARY if key in rows)
    log.info("%s: %s; %s", folder.name, shown, spent)


def groups(jobs: Sequence[Job], number: str) -> dict[str, dict[tuple[str, str], list[float]]]:
    """Return the number of each run by step and seed; that of windows which hold infinity is missing."""
    found: dict[str, dict[tuple[str, str], list[float]]] = {}
    for job in jobs:
        name = chosen(job, "experiment").removeprefix("ablation/")
        found.setdefault(name, {})[str(job.seed), ""] = values(job.scores.get(number, {}))
    return dict(sorted(found.items()))


def changes(runs: Mapping[str, Mapping[tuple[str, str], Sequence[float]]]) -> dict[str, Effect]:
    """Return the effect of each step, compared with the step before it; that of the first, with itself alone."""
    names, effects = [name for name in runs if name != REAL], {}
    for place, name in enumerate(names):
        before = names[max(0, place - 1)]
        effects[name] = compared({before: runs[before], name: runs[name]}, before, best=0.0).get(name, NOTHING)
    if REAL in runs:
        effects[REAL] = compared({REAL: runs[REAL]}, REAL)[REAL]
    return effects


def table(effects: Mapping[str, Mapping[str, Effect]], spent: Mapping[str, Sequence[Job]]) -> str:
    """Return a row a step in Markdown: its mean and its difference from the step before, for each number."""
    heads = [title for title, _ in PRIMARY.values()]
    lines = [f"| step | updates | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for name in next(iter(effects.values())):
        cells = []
        for own in effects.values():
            each = own[name]
            apart = (
                "" if math.isnan(each.difference) else f"; {each.difference:+.3g} ({short(each.difference_interval)})"
            )
            cells.append("none" if math.isnan(each.mean) else f"{each.mean:.3g} ({short(each.interval)}){apart}")
        updates = [int(job.facts["steps"]) for job in spent[name] if "steps" in job.facts]
        count = f"{min(updates)} to {max(updates)}" if updates else ""
        lines.append(f"| {name} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def short(interval: tuple[float, float]) -> str:
    """Return an interval as text, three digits each."""
    return "–" if math.isnan(interval[0]) else f"{interval[0]:.3g} to {interval[1]:.3g}"


def report(out: Path, picture: Path) -> None:
    """Print the table, and draw each number of each step with its interval."""
    jobs = [job for job in read_jobs(out) if job.scores]
    effects = {number: changes(groups(jobs, number)) for number in PRIMARY}
    by_name: dict[str, list[Job]] = {}
    for job in jobs:
        by_name.setdefault(chosen(job, "experiment").removeprefix("ablation/"), []).append(job)
    print(table(effects, by_name))
    trained = [float(job.facts["training_processor_seconds"]) for job in jobs if "steps" in job.facts]
    print(f"\n{len(trained)} trainings, {sum(trained) / 60:.1f} minutes of a core, {max(trained):.1f} s the longest")
    columns = {PRIMARY[number][0]: own for number, own in effects.items()}
    picture.write_bytes(png_bytes(draw_effects(columns), dpi=150))


def main() -> None:
    """Do what is missing, or print and draw what is there."""
    parser = options(__doc__, seeds=5, seconds=SECONDS)
    parser.add_argument("--runs", type=int, default=1_000_000, help="at most so many runs are done")
    given = parser.parse_args()
    if given.report:
        return report(given.out, given.report)
    one_thread_and_log(log)
    planned = [(name, seed) for seed in range(given.seeds) for name in given.only or [*steps(), REAL]]
    missing = [each for each in planned if not (folder_of(given.out, *each) / "metrics.json").is_file()]
    for name, seed in missing[: given.runs]:
        run(name, seed, folder_of(given.out, name, seed), given.seconds, tuple(given.set))
    return None


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Return the folder of a run."""
    return out / f"{name}_seed{seed}"


if __name__ == "__main__":
    main()
