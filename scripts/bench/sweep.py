"""A sweep of small runs in parallel, compared with the same runs one after another."""

from statistics import median

from measure import NotRun, Row, in_turns
from processes import SMALL, ganlab, outputs, warm_outputs

RUNS = 8
JOBS = 2
RUN = (
    "experiment=laptop",
    "architecture=signal",
    "dataset.patients=12",
    "dataset.seconds=20",
    "stopping.steps=20",
    "tracking=none",
    *SMALL,
)


def sweep(turns: int) -> Row:
    """Eight seeds, two at a time, each job with its share of the cores."""
    try:
        import hydra_plugins.hydra_joblib_launcher  # noqa: F401
    except ImportError as error:
        raise NotRun("the joblib launcher is not installed: pip install 'ganlab[sweep]'") from error
    warm_outputs()
    seeds = ",".join(map(str, range(RUNS)))

    def together() -> float:
        launcher = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={JOBS}")
        return ganlab("run", "--multirun", *RUN, f"seed={seeds}", *launcher, f"outputs={outputs()}")

    def apart() -> float:
        return sum(ganlab("run", *RUN, f"seed={seed}", f"outputs={outputs()}") for seed in range(RUNS))

    ganlab("run", *RUN, f"outputs={outputs()}")
    pairs = in_turns(together, apart, min(turns, 2), warm_up=False)
    return Row(
        f"a sweep of {RUNS} runs of 20 steps, joblib with {JOBS} jobs: runs an hour",
        f"{RUNS} commands one after another",
        [theirs / ours for ours, theirs in pairs],
        least=1.6,
        note=f"{median(a for a, _ in pairs):.0f} s against {median(b for _, b in pairs):.0f} s",
    )


ROWS = (sweep,)
