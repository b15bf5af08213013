"""Wall time until a command answers or a run makes its first step, compared with the imports that it needs."""

import time
from statistics import median

from measure import Row, in_turns
from processes import ganlab, output, seconds, steps, warm_outputs

HYDRA = ("-c", "import hydra")
LIBRARIES = ("-c", "import torch, pytorch_lightning, time; print(time.monotonic())")


def help(turns: int) -> Row:
    """Compare `--help` with importing Hydra alone."""
    return _answer("--help", turns)


def cfg(turns: int) -> Row:
    """Compare `--cfg job` with importing Hydra alone."""
    return _answer("--cfg job", turns)


def _answer(flags: str, turns: int) -> Row:
    pairs = in_turns(lambda: ganlab("run", *flags.split()), lambda: seconds(*HYDRA), turns)
    return Row(
        f"`{flags}`: time",
        'python -c "import hydra"',
        [ours / theirs for ours, theirs in pairs],
        most=2.5,
        note=f"{median(a for a, _ in pairs):.2f} s against {median(b for _, b in pairs):.2f} s",
    )


def first_step(turns: int) -> Row:
    """From the command to the end of the laptop preset's first step, with the store and the cache that it finds."""
    warm_outputs()
    begins = []

    def ours() -> float:
        found = steps(("experiment=laptop",), 1)
        begins.append(found["begins"])
        return found["ends"]

    def imports() -> float:
        began = time.monotonic()
        return float(output(*LIBRARIES)) - began

    pairs = in_turns(ours, imports, turns)
    return Row(
        "experiment=laptop, from the command to the end of its first step, store and cache being there: time",
        "importing torch and pytorch_lightning",
        [ours / theirs for ours, theirs in pairs],
        most=1.5,
        note=f"{median(a for a, _ in pairs):.1f} s ({median(begins):.1f} s to the step's begin) against "
        f"{median(b for _, b in pairs):.1f} s",
    )


ROWS = (help, cfg, first_step)
