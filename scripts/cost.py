"""Prints a lower bound of the documents' experiments' costs: arithmetic counted from the networks, hours at a speed.

Reading and decoding files, and the waiting times of small steps on a GPU, come on top. With --cores N one thread of
this machine times a step of each experiment's networks, in processor time; N cores are assumed to be N times as fast.

python scripts/cost.py --tflops 10
python scripts/cost.py --tflops 10 --cores 2 --seeds 10
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ganlab.compose import compose_networks
from ganlab.core.settings import CONF
from ganlab.gan.gan import GAN

SAMPLES = {"ptbdb": 29_028, "thyroid": 6_502, "fingerprint": 75_600, "iris": 2_224}
"""Training samples of the documents' data sets (design: section 1 of the catalogue)."""
UNDER_SAMPLED = 3 * 4_390


TIMED_S = 1.0
"""Of steps of an experiment's networks, at least two after one that is not counted."""


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=10.0, help="10^12 operations a second that the device sustains")
    parser.add_argument("--cores", type=int, default=0, help="also time each experiment here, and say hours on so many")
    parser.add_argument("--seeds", type=int, default=1, help="so many runs of each in the last line")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    head = ["experiment", "samples", "epochs", "GFLOP a sample", f"hours at {asked.tflops:g} TFLOP/s"]
    if asked.cores:
        head += ["GFLOP/s a core", f"hours on {asked.cores} cores"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    total = here = 0.0
    for name, cfg in experiments():
        samples, epochs, each = cost(cfg)
        hours = samples * epochs * each / asked.tflops / 1e12 / 3600
        total += hours
        cells = [f"`{name}`", f"{samples:,}", str(epochs), f"{each / 1e9:.3g}", f"{hours:.2g}"]
        if asked.cores:
            seconds = seconds_a_sample(cfg)
            here += samples * epochs * seconds / asked.cores / 3600
            cells += [f"{each / seconds / 1e9:.2g}", f"{samples * epochs * seconds / asked.cores / 3600:.2g}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\nAll together, {asked.seeds} of each: {asked.seeds * total:,.0f} hours at {asked.tflops:g} TFLOP/s.")
    if asked.cores:
        days = asked.seeds * here / 24
        print(f"On {asked.cores} cores of this machine: {asked.seeds * here:,.0f} hours, {days:,.0f} days.")


def experiments() -> Iterator[tuple[str, DictConfig]]:
    """Yield names and configurations of the documents' experiments."""
    for file in sorted((Path(CONF) / "experiment").glob("[tp]*/*.yaml")):
        name = f"{file.parent.name}/{file.stem}"
        with initialize_config_dir(CONF, version_base="1.3"):
            yield name, hydra_compose("config", overrides=[f"experiment={name}"])


def cost(cfg: DictConfig, batch: int = 2) -> tuple[int, int, float]:
    """Return training samples, epochs, and operations of a step for each of its images."""
    gan = compose_networks(cfg).gan.to("meta")
    real = torch.empty(batch, *gan.codec.arrangement.shape, device="meta")
    with FlopCounterMode(display=False) as counter:
        update(gan, real)
    dataset = (cfg.dataset.get("name") or cfg.dataset._target_.split(".")[-2]).removesuffix("_sim")
    samples = UNDER_SAMPLED if "under_sampling" in cfg.trick else SAMPLES[dataset]
    return samples, cfg.trainer.max_epochs, counter.get_total_flops() / batch


def seconds_a_sample(cfg: DictConfig) -> float:
    """Return a step's processor time in seconds on one thread, at the experiment's batch size, per image."""
    gan = compose_networks(cfg).gan
    real = torch.rand(cfg.batch_size, *gan.codec.arrangement.shape) * 2 - 1
    update(gan, real)
    began, steps = time.process_time(), 0
    while steps < 2 or time.process_time() - began < TIMED_S:
        update(gan, real)
        steps += 1
    return (time.process_time() - began) / steps / cfg.batch_size


def update(module: GAN, real: Tensor) -> None:
    """Do the arithmetic of a first step on these images: the gradients of both networks, without their optimizers."""
    generator, discriminator = module.generator, module.discriminator
    with torch.no_grad():
        fake = generator(module.draw_noise(len(real)))
    loss = module.loss.discriminator(discriminator(real), discriminator(fake))
    penalties = [trick.penalty(discriminator, real, fake, 0) for trick in module.tricks.each()]
    sum((p for p in penalties if p is not None), loss).backward()
    discriminator.requires_grad_(False)
    fake = discriminator(generator(module.draw_noise(len(real))))
    module.loss.generator(fake, discriminator(real) if module.loss.pairs else None).backward()
    discriminator.requires_grad_(True)


if __name__ == "__main__":
    main()
