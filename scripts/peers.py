"""Windows a second of a training step, of `heart` and of its peers, in turns in one process, and their KID.

    nice -n 15 python scripts/peers.py OUT --root ptbdb

OUT is the folder of scripts/leaderboard.py, whose trainings took the same processor time each: KID is theirs. A turn of
a network is as many steps as its schedule repeats in (penalties at every fourth step, G at every fifth); all see the
same windows and batches. Times are of the process, so that other work on the machine counts little. WaveGAN at the size
that SynthECG configures has steps of D alone, which is in its favour.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from leaderboard import GANS, Board, Port
from rivals import RIVALS, WaveGAN, weights
from short_runs import update
from study import batches

LONG, BATCHES = 1_000_000, 20
OWN = "wavegan, SynthECG's size"
PERIOD = {"wavegan": 5, "pulse2pulse": 5, OWN: 1}
PERIOD_OF_OTHERS = 4


def steps(board: Board) -> Iterator[tuple[str, int, Callable[[Any], None]]]:
    """Yield the name of each network, its number of weights, and what does a step of it on a batch."""
    for name in ("heart", "signal"):
        experiment = board.opened((*GANS[name], *(["architecture.generator.fit_steps=1"] if name == "heart" else [])))
        gan = experiment.gan
        gan.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign]
        optimizers = gan.configure_optimizers()
        yield name, weights((gan.generator, gan.discriminator)), partial(_own, gan, optimizers)
    port = Port(board.experiment)
    for name, make in (RIVALS | {OWN: WaveGAN}).items():
        network = make(port.leads, port.length)
        yield name, weights([network]), lambda batch, own=network: own.step(port.signals(batch.sample), 0.5)


def _own(gan: Any, optimizers: Any, batch: Any) -> None:
    update(gan, batch, optimizers, gan.steps, LONG)


def turns(board: Board, count: int) -> dict[str, tuple[int, list[float]]]:
    """Return weights, and windows a second of processor time in each turn, by network."""
    given = list(batches(board.experiment, BATCHES))
    networks = {name: (size, step) for name, size, step in steps(board)}
    speeds: dict[str, list[float]] = {name: [] for name in networks}
    for name, (_, step) in networks.items():
        if name != OWN:
            step(given[0])
    for turn in range(count):
        for name in list(networks)[:: 1 if turn % 2 else -1]:
            if name == OWN and turn:
                continue
            own = [given[k % BATCHES] for k in range(PERIOD.get(name, PERIOD_OF_OTHERS))]
            began = time.process_time()
            for batch in own:
                networks[name][1](batch)
            speeds[name].append(sum(len(batch.sample) for batch in own) / (time.process_time() - began))
    return {name: (networks[name][0], own) for name, own in speeds.items()}


def kid(out: Path, name: str) -> str:
    """Return the mean KID of a row of the leaderboard."""
    found = [json.loads(path.read_text())["numbers"] for path in out.glob(f"{name}_seed*/result.json")]
    values = [each["distribution/kid"]["synthetic"] for each in found if "distribution/kid" in each]
    return f"{mean(values):.3g}" if values else ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", required=True, help="folder of the PTB database")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    fixed = (f"dataset.root={given.root}", f"cache={given.out / 'cache'}")
    measured = turns(Board(False, 0, 0.0, fixed), given.turns)
    heart = median(measured["heart"][1])
    print("| network | weights | windows/s | spread | heart's over it | KID at equal time |\n|---|---|---|---|---|---|")
    for name, (size, speeds) in measured.items():
        middle, spread = median(speeds), f"{min(speeds):.3g} to {max(speeds):.3g}"
        print(f"| {name} | {size:,} | {middle:.3g} | {spread} | {heart / middle:.2f}x | {kid(given.out, name)} |")


if __name__ == "__main__":
    main()
