"""Prints where the time of a training step goes in a real run: a markdown table of groups of operators.

The run is `ganlab.run` with all its tracking. Its steps are measured in parts of equal length. The first part counts
the operations of the convolutions. The next three take the processor time of the run's own thread, of which the least
counts. The last part runs under torch.profiler, which measures wall time, while other processes may use the processor.
So shares and numbers of operators are of the quarter of its steps, in groups of four, with the least interruption;
milliseconds are these shares of the processor time. Shares include the profiler's own time, which matters where a step
has many small operators.

python scripts/profile_step.py cnn --bare                   # experiment=thesis/cardio_cnn, 30 images a step
python scripts/profile_step.py thyroid --bare               # experiment=thesis/thyroid_fcn, 20 rows a step
python scripts/profile_step.py laptop                       # experiment=laptop architecture=signal, 64 windows a step
python scripts/profile_step.py heart                        # experiment=laptop, 64 windows a step
python scripts/profile_step.py cnn gan.reuse_fakes=true     # any override of a run

An older commit's ganlab is profiled by this script from a work tree of its own; it works from c1852f8 on:

git worktree add /tmp/before c1852f8
PYTHONPATH=/tmp/before python scripts/profile_step.py laptop
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from pathlib import Path
from time import thread_time
from typing import Any
from unittest.mock import patch

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, str(Path(__file__).resolve().parent / "bench"))

import steps
from machine import machine

CYCLE = 4
"""Every so many steps there is a penalty, where there is one."""
TIMED = 3
"""Parts of a run whose processor time is taken."""
QUIETEST = 4
"""One in so many of the profiler's cycles counts."""


@dataclass(frozen=True)
class Network:
    """A run to profile, how many of its steps make a part, how many go before, and the thesis' loop for the same."""

    overrides: tuple[str, ...]
    steps: int
    warm_up: int
    bare: Callable[[], Callable[[int], float]] | None = None


NETWORKS = {
    "cnn": Network(steps.CNN, 4, 2, steps.thesis_cnn),
    "thyroid": Network(steps.THYROID, 100, 1000, steps.thesis_fcn),
    "laptop": Network(steps.LAPTOP, 16, 8),
    "heart": Network(steps.HEART, 16, 8),
}

FORWARD, BACKWARD = "convolutions, forward", "convolutions, backward"
NORMALIZATION = "batch norm, unit features, spread of the batch"
PENALTY, TWICE = "penalty: D's pass and its gradient", "penalty: double backward"
OPTIMIZER, DATA = "optimizers", "data, noise"
PRODUCTS, REST = "matrix products", "everything else that computes"
STEP, BETWEEN = "Python between the operators of a step", "Python between steps: Lightning's loop, tracking"
GROUPS = (FORWARD, BACKWARD, PRODUCTS, NORMALIZATION, PENALTY, TWICE, OPTIMIZER, DATA, REST, STEP, BETWEEN)
NAMED = (NORMALIZATION, PENALTY, DATA)
"""Groups of functions whose operators are found by the function that calls them."""

KINDS = (
    (OPTIMIZER, re.compile(r"Optimizer\.")),
    (DATA, re.compile(r"enumerate\(DataLoader\)|aten::(randn|randint)$")),
    (BACKWARD, re.compile(r"aten::.*convolution.*backward")),
    (FORWARD, re.compile(r"aten::(conv(_transpose)?[12]d$|.*convolution)")),
    (PRODUCTS, re.compile(r"aten::(linear|addmm|mm|bmm|baddbmm|matmul)$")),
    (NORMALIZATION, re.compile(r"aten::.*batch_norm")),
)
"""Names of operators; what they call belongs to them."""
CONVOLUTION = KINDS[3][1]


def main() -> None:
    """Print what was measured, as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("overrides", nargs="*", help="of the run, such as gan.channels_last=false")
    parser.add_argument("--steps", type=int, help=f"of a part, a multiple of {CYCLE}; some seconds' if not given")
    parser.add_argument("--threads", type=int, default=1, help="that torch computes with (1)")
    parser.add_argument("--bare", action="store_true", help="also time the thesis' loop, tensors in memory")
    asked = parser.parse_intermixed_args()
    network = NETWORKS[asked.network]
    count = network.steps if asked.steps is None else asked.steps
    if count < CYCLE or count % CYCLE:
        parser.error(f"--steps {count}: accepted is a multiple of {CYCLE}, since every {CYCLE}th may have a penalty.")
    if asked.threads < 1:
        parser.error(f"--threads {asked.threads}: accepted is a whole number from 1.")
    if asked.bare and network.bare is None:
        parser.error(f"--bare: the thesis has no {asked.network}.")
    torch.set_num_threads(asked.threads)
    seen = watched((*network.overrides, *asked.overrides), count, network.warm_up)
    import ganlab

    print(machine(Path(ganlab.__file__).parent))
    print("\n".join(table(" ".join((asked.network, *asked.overrides)), seen)))
    if asked.bare and network.bare is not None:
        ms = 1000 * least_time(network.bare(), count)
        print(f"\nThe thesis' loop takes {digits(ms)} ms, {ms / seen.ms:.2f} times as long.")


@dataclass
class Seen:
    """Of parts of `steps` steps after `warm_up`: convolutions' operations, processor seconds, the profiler's events.

    `marks` are the processor seconds at which the profiler's cycles begin and the last one ends.
    """

    steps: int
    warm_up: int = 0
    flops: int = 0
    timed: list[float] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)
    events: list[FunctionEvent] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Milliseconds of processor time a step."""
        return 1000 * min(self.timed) / self.steps


class Counting(TorchDispatchMode):
    """Adds up the operations of convolutions; FlopCounterMode does not stand a gradient that is learned from."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if "convolution" in str(func):
            self.seen.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=made)
        return made


def watched(overrides: Iterable[str], count: int, warm_up: int) -> Seen:
    """What is seen of a run that ends after as many steps as that takes."""
    seen = Seen(count, warm_up)
    last = warm_up + (TIMED + 2) * count + 1
    with watching(seen):
        steps.run_here(*overrides, "stopping=steps", f"stopping.steps={last}", "trainer.max_epochs=-1")
    return seen


@contextmanager
def watching(seen: Seen) -> Iterator[None]:
    """The first training within is looked at."""
    from ganlab.architecture import signal, signal_layers
    from ganlab.gan.gan import GAN
    from ganlab.trick.r1_r2 import R1R2

    regions = [
        (R1R2, "penalty", PENALTY),
        (signal, "unit", NORMALIZATION),
        (signal_layers, "unit", NORMALIZATION),
        (signal, "_spread", NORMALIZATION),
        (GAN, "draw_noise", DATA),
        (GAN, "on_after_batch_transfer", DATA),
    ]
    with ExitStack() as stack:
        for owner, name, group in regions:
            stack.enter_context(patch.object(owner, name, named(getattr(owner, name), group)))
        step = "step" if hasattr(GAN, "step") else "training_step"  # before steps were taken together
        stack.enter_context(patch.object(GAN, step, looking(getattr(GAN, step), seen)))
        yield


def named(function: Callable[..., Any], group: str) -> Callable[..., Any]:
    """The same function, whose operators the profiler finds under the group's name."""

    def within(*arguments: Any, **settings: Any) -> Any:
        with record_function(group):
            return function(*arguments, **settings)

    return within


def looking(step: Callable[..., Any], seen: Seen) -> Callable[..., Any]:
    """A training step that fills `seen`, part by part; each begins and ends where a step begins."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    number, began = -seen.warm_up, 0.0

    def begin(part: int) -> None:
        nonlocal began
        if 1 < part <= TIMED + 1:
            seen.timed.append(thread_time() - began)
        if part == TIMED + 1:
            profiler.start()
        if part == TIMED + 2:
            seen.marks.append(thread_time())
            record_function(STEP).__enter__().__exit__(None, None, None)  # where the last one ends
            profiler.stop()
            seen.events = list(profiler.events())
        began = thread_time()

    def looked(*arguments: Any, **settings: Any) -> Any:
        nonlocal number
        part, within = divmod(number, seen.steps)
        number += 1
        if within == 0:
            begin(part)
        if part == TIMED + 1 and within % CYCLE == 0:
            seen.marks.append(thread_time())
        with Counting(seen) if part == 0 else record_function(STEP):
            return step(*arguments, **settings)

    return looked


def table(what: str, seen: Seen) -> Iterator[str]:
    """Lines of markdown: a row for each group, and the rate of the convolutions."""
    found = found_in(seen)
    yield f"\n| `{what}`: {digits(seen.ms)} ms a step | share | ms | operators a step |\n|---|---|---|---|"
    for group in GROUPS:
        if share := found.shares[group]:
            taken, called = share * seen.ms, found.calls[group] / found.steps
            yield f"| {group} | {share:.1%} | {digits(taken)} | {called:.0f} |"
    if seen.flops:
        operations = seen.flops / seen.steps / 1e9
        rate = operations / (found.convolving * seen.ms / 1000)
        yield f"\nConvolutions, those of the penalty among them: {operations:.3g} GFLOP a step at {rate:.0f} GFLOP/s."
    slower = (seen.marks[-1] - seen.marks[0]) / min(seen.timed)
    looking_on = f"\nWhile the profiler looks on, a step takes {slower:.2f} times as long."
    yield f"{looking_on} Of the time that is shared out, the processor was elsewhere for {found.away:.1%}."


@dataclass
class Found:
    """Each group's share of the time of `steps` steps and its calls of operators, and all convolutions' share.

    An operator that is called by another one is part of that call. `away` is the share without the processor.
    """

    steps: int
    away: float
    shares: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    convolving: float = 0.0


def found_in(seen: Seen) -> Found:
    """What the quietest of the profiler's cycles spent their time on."""
    starts = sorted(event.time_range.start for event in seen.events if event.name == STEP)
    cycles = quietest(starts[::CYCLE], seen.marks)
    whole = sum(end - start for start, end, _ in cycles)
    owners = regions_of_nodes(seen.events)
    found = Found(CYCLE * len(cycles), away=sum(away for *_, away in cycles) / whole)
    for event in seen.events:
        if not any(start <= event.time_range.start < end for start, end, _ in cycles):
            continue
        chain = chain_of(event)
        group = group_of(chain, owners)
        share = event.self_cpu_time_total / whole
        found.shares[group] += share
        found.convolving += share * any(CONVOLUTION.match(each.name) for each in chain)
        found.calls[group] += is_operator(event) and not any(map(is_operator, chain[:-1]))
    found.shares[BETWEEN] = 1 - found.shares.total()
    return found


def quietest(starts: list[float], marks: list[float]) -> list[tuple[float, float, float]]:
    """Beginnings, ends and time without the processor of the cycles that have the least of it, in microseconds.

    Cycles begin at `starts` of the clock, in microseconds, and at `marks` of the processor, in seconds.
    """
    clock, processor = pairwise(starts), pairwise(marks)
    cycles = [
        (start, end, end - start - 1e6 * (then - now))
        for (start, end), (now, then) in zip(clock, processor, strict=True)
    ]
    return sorted(cycles, key=lambda cycle: cycle[2])[: ceil(len(cycles) / QUIETEST)]


def group_of(chain: list[FunctionEvent], owners: dict[int, str]) -> str:
    """Of an operator, given those that it was called from, itself last.

    A named function's operators and their backward pass are its group's, whatever they are.
    """
    if chain[-1].name == STEP:
        return STEP
    for each in chain:
        if each.name in NAMED:
            return each.name
        if is_node(each) and each.sequence_nr in owners:
            group = owners[each.sequence_nr]
            return TWICE if group == PENALTY else group
    return next((group for group, kind in KINDS if any(kind.match(each.name) for each in chain)), REST)


def regions_of_nodes(events: list[FunctionEvent]) -> dict[int, str]:
    """The named functions that the backward pass' nodes come from, by the nodes' numbers.

    An operator that makes no node bears the number of the next one that does, so the last that bears it counts.
    """
    owners: dict[int, str | None] = {}
    for event in sorted(events, key=lambda event: event.time_range.start):
        if is_operator(event) and event.sequence_nr >= 0:
            owners[event.sequence_nr] = next((each.name for each in chain_of(event) if each.name in NAMED), None)
    return {number: group for number, group in owners.items() if group is not None}


def chain_of(event: FunctionEvent) -> list[FunctionEvent]:
    """What an event lies within, from the outermost on, and itself."""
    chain = [event]
    while chain[-1].cpu_parent is not None:
        chain.append(chain[-1].cpu_parent)
    return chain[::-1]


def is_operator(event: FunctionEvent) -> bool:
    """Whether it is one of torch's operators."""
    return event.name.startswith("aten::")


def is_node(event: FunctionEvent) -> bool:
    """Whether it is a node of the backward pass."""
    return event.name.startswith("autograd::engine::evaluate_function")


def digits(value: float) -> str:
    """Three of a number, all of a large one."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def least_time(loop: Callable[[int], float], count: int) -> float:
    """Seconds of processor time that a step takes, the least of as many parts."""
    loop(1)
    found = []
    for _ in range(TIMED):
        began = thread_time()
        loop(count)
        found.append((thread_time() - began) / count)
    return min(found)


if __name__ == "__main__":
    main()
