"""What a training step costs in a real run: against bare loops, with its data held fixed, against its first version.

The real run is `ganlab.run` with all its tracking; the time of a step is read from the times in its `metrics.jsonl`, as
anybody can read it. The bare loops are the thesis' (listings 6.1 and 8.1), written anew from their description: tensors
in memory, nothing tracked, nothing saved.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
from hydra.core.global_hydra import GlobalHydra
from measure import Row, in_turns
from processes import outputs
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

FIRST_LAPTOP = "0d2fbfc"
"""The commit that brought experiment=laptop."""
FIRST_HEART = "a63b6d8"
"""The commit that brought architecture=heart."""
LATE = 49
"""A step by which a new process has imported MLflow beside its training, which takes one core's time until then."""
CNN = ("experiment=thesis/cardio_cnn", "dataset=ptbdb_sim", "dataset.patients=12", "trick=none")
THYROID = ("experiment=thesis/thyroid_fcn", "dataset=thyroid_sim")
LAPTOP = ("experiment=laptop", "architecture=signal", "dataset.patients=40")
HEART = ("experiment=laptop", "architecture=heart", "dataset.patients=40", "architecture.generator.fit_steps=20")
AUTO = "trainer.precision=auto"
SHORT = ("metrics=paper", "trainer.enable_progress_bar=false")
"""Nothing is measured after the training."""


def cnn(turns: int) -> Row:
    """The documents' CNN on lead i, 30 images a step."""
    return _against_the_thesis("cnn, 30 images a step: images/s", CNN, thesis_cnn(), 30, turns, least=1.05)


def cnn_reuse_fakes(turns: int) -> Row:
    """The same with one batch of generated images for both networks."""
    what = "cnn with gan.reuse_fakes=true: images/s"
    return _against_the_thesis(what, (*CNN, "gan.reuse_fakes=true"), thesis_cnn(), 30, turns, least=1.2)


def _against_the_thesis(
    what: str, overrides: Sequence[str], bare: Callable[[int], float], batch: int, turns: int, least: float
) -> Row:
    """Images a second of the real run over those of the bare loop; six steps of each a turn."""
    settings = (*overrides, "trainer.max_epochs=1", "trainer.log_every_n_steps=1", "trainer.limit_train_batches=8")
    pairs = in_turns(lambda: run_step(settings, after=1), lambda: bare(6), turns)
    ratios = [theirs / ours for ours, theirs in pairs]
    against = "the thesis' loop, tensors in memory"
    return Row(what, against, ratios, least=least, note=_seconds(pairs), details=_details(pairs))


def thyroid(turns: int) -> Row:
    """Thyroid's fully connected networks, 20 rows a step, whose step takes about a millisecond."""
    bare = thesis_fcn()
    settings = (*THYROID, "trainer.max_epochs=10")
    pairs = in_turns(lambda: run_step(settings, after=2 * 326), lambda: bare(2000), turns)
    return Row(
        "thyroid's FCN, 20 rows a step, ends of epochs among them: time",
        "the thesis' loop, tensors in memory",
        [ours / theirs for ours, theirs in pairs],
        most=1.2,
        note=_seconds(pairs),
        details=_details(pairs),
    )


def laptop(turns: int) -> Row:
    """The laptop preset's first network against its first version, each in a process of its own: steps a second."""
    return _against_first("experiment=laptop, architecture=signal, 64 windows a step: steps/s", (), turns)


def laptop_auto(turns: int) -> Row:
    """The same with convolutions in bf16 where that is faster, as with AVX-512 BF16 or AMX."""
    return _against_first(f"the same with {AUTO}", (AUTO,), turns)


def heart(turns: int) -> Row:
    """The network that the preset trains now."""
    what = "experiment=laptop, architecture=heart, 64 windows a step: steps/s"
    return _against_first(what, (), turns, HEART, FIRST_HEART)


def heart_auto(turns: int) -> Row:
    """The same in bf16 where that is faster."""
    return _against_first(f"the same with {AUTO}", (AUTO,), turns, HEART, FIRST_HEART)


def _against_first(
    what: str, overrides: Sequence[str], turns: int, run: Sequence[str] = LAPTOP, first_commit: str = FIRST_LAPTOP
) -> Row:
    settings = (*run, f"stopping.steps={LATE + 40}")
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        _git("worktree", "add", "--detach", str(first), first_commit)
        try:
            here = Path(__file__).resolve().parents[2]
            now = (*settings, *overrides)
            pairs = in_turns(
                lambda: process_step(here, now), lambda: process_step(first, settings), min(turns, 3), warm_up=False
            )
        finally:
            _git("worktree", "remove", "--force", str(first))
    return Row(
        what,
        f"its first version ({first_commit})",
        [theirs / ours for ours, theirs in pairs],
        least=1.5,
        note=_seconds(pairs),
        details=_details(pairs),
    )


def data_path(turns: int) -> Row:
    """What reading, cropping and encoding windows adds to a step of the laptop preset, in percent."""
    settings = (*LAPTOP, "stopping.steps=121")

    def held() -> float:
        with one_batch():
            return run_step(settings, after=9)

    pairs = in_turns(lambda: run_step(settings, after=9), held, min(turns, 3))
    return Row(
        "data path: what reading, cropping and encoding add to a laptop step",
        "the same run with one encoded batch held fixed",
        [100 * (ours / theirs - 1) for ours, theirs in pairs],
        most=3.0,
        unit="%",
        note=_seconds(pairs),
        details=_details(pairs),
    )


ROWS = (cnn, cnn_reuse_fakes, thyroid, laptop, laptop_auto, heart, heart_auto, data_path)


def run_step(overrides: Sequence[str], after: int) -> float:
    """Seconds a step of a real run in this process, from the first logged step after `after` to the last."""
    return seconds_a_step(run_here(*overrides), after)


def run_here(*overrides: str) -> Path:
    """The folder of a real run in this process; what it says is shown where it fails."""
    from ganlab.run import main

    before = set((outputs() / "runs").glob("*"))
    GlobalHydra.instance().clear()
    arguments = ["ganlab.run", *overrides, *SHORT, f"outputs={outputs()}"]
    said = StringIO()
    try:
        with patch.object(sys, "argv", arguments), redirect_stdout(said), redirect_stderr(said):
            main()
    except BaseException:
        print(said.getvalue()[-2000:], file=sys.stderr)
        raise
    (run,) = set((outputs() / "runs").glob("*")) - before
    return run


def process_step(tree: Path, overrides: Sequence[str]) -> float:
    """The same of a run of another checkout, in a process of its own."""
    folder = outputs() / tree.name
    before = set((folder / "runs").glob("*"))
    command = [sys.executable, "-m", "ganlab.run", *overrides, "metrics=paper", f"outputs={folder}"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
    (run,) = set((folder / "runs").glob("*")) - before
    return seconds_a_step(run, LATE)


def seconds_a_step(run: Path, after: int) -> float:
    """From the times at which steps were logged."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    logged = [(row["step"], row["time"]) for row in rows if "loss/G" in row and row["step"] >= after]
    (first, began), (last, ended) = logged[0], logged[-1]
    return (ended - began) / (last - first)


@contextmanager
def one_batch() -> Iterator[None]:
    """Runs within are given the first batch of images again and again: nothing is read, cropped or encoded."""
    from ganlab.dataset.samples import Samples
    from ganlab.gan.gan import GAN

    read, encode = Samples.__getitems__, GAN.on_after_batch_transfer
    held: dict[str, object] = {}

    def getitems(self: Samples, places: Sequence[object]) -> object:
        if "samples" not in held and isinstance(places[0], tuple):
            held["samples"] = read(self, places)  # type: ignore[arg-type]
        return held["samples"] if isinstance(places[0], tuple) else read(self, places)  # type: ignore[arg-type]

    def transferred(self: GAN, batch: object, index: int) -> object:
        if "images" not in held:
            held["images"] = encode(self, batch, index)  # type: ignore[arg-type]
        return held["images"]

    with patch.object(Samples, "__getitems__", getitems), patch.object(GAN, "on_after_batch_transfer", transferred):
        yield


def thesis_cnn() -> Callable[[int], float]:
    """Table 8.2's networks at full width, with the notebook's batch norms and activations."""
    generator = nn.Sequential(
        *(nn.ConvTranspose2d(100, 256, 8, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU()),
        *(nn.ConvTranspose2d(256, 128, 7, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 7, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 1, 7, 1, 1, bias=False), nn.Tanh()),
    )
    discriminator = nn.Sequential(
        *(nn.Conv2d(1, 64, 6, 1, 1, bias=False), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 6, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(128, 256, 6, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(256, 1, 6, 3, 0, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Sigmoid()),
    )
    return thesis_loop(generator, discriminator, (100, 1, 1), torch.rand(4, 30, 1, 45, 45) * 2 - 1)


def thesis_fcn() -> Callable[[int], float]:
    """The networks for thyroid's 7x7 cells (thesis 6.2.1)."""
    generator = nn.Sequential(nn.Linear(5, 64), nn.LeakyReLU(0.2), nn.Linear(64, 49), nn.Tanh())
    discriminator = nn.Sequential(
        *(nn.Linear(49, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3)), *(nn.Linear(64, 1), nn.Sigmoid())
    )
    return thesis_loop(generator, discriminator, (5,), torch.rand(100, 20, 49) * 2 - 1)


def thesis_loop(
    generator: nn.Module, discriminator: nn.Module, noise: Sequence[int], batches: Tensor
) -> Callable[[int], float]:
    """Runs the thesis' loop on these batches for so many steps, and says the seconds of each (listing 8.1)."""
    optimizer_d, optimizer_g = (Adam(net.parameters(), lr=0.0002) for net in (discriminator, generator))
    losses_d: list[float] = []
    losses_g: list[float] = []

    def loop(steps: int) -> float:
        began = time.perf_counter()
        for step in range(steps):
            real = batches[step % len(batches)]
            losses_d.append(_step_d(generator, discriminator, optimizer_d, real, noise))
            losses_g.append(_step_g(generator, discriminator, optimizer_g, len(real), noise))
        return (time.perf_counter() - began) / steps

    return loop


def _step_d(
    generator: nn.Module, discriminator: nn.Module, optimizer: Optimizer, real: Tensor, noise: Sequence[int]
) -> float:
    criterion, count = nn.BCELoss(), len(real)
    optimizer.zero_grad()
    on_real = criterion(discriminator(real), torch.ones(count, 1))
    fake = generator(torch.randn(count, *noise)).detach()
    loss = on_real + criterion(discriminator(fake), torch.zeros(count, 1))
    value = loss.item()
    loss.backward()
    optimizer.step()
    return value


def _step_g(
    generator: nn.Module, discriminator: nn.Module, optimizer: Optimizer, count: int, noise: Sequence[int]
) -> float:
    optimizer.zero_grad()
    loss = nn.BCELoss()(discriminator(generator(torch.randn(count, *noise))), torch.ones(count, 1))
    value = loss.item()
    loss.backward()
    optimizer.step()
    return value


def _seconds(pairs: Sequence[tuple[float, float]]) -> str:
    ours, theirs = (1000 * median(side) for side in zip(*pairs, strict=True))
    return f"{ours:.3g} against {theirs:.3g} ms a step"


def _details(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    ours, theirs = (median(side) for side in zip(*pairs, strict=True))
    return {"seconds": ours, "seconds_against": theirs}


def _git(*arguments: str) -> None:
    root = Path(__file__).resolve().parents[2]
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
