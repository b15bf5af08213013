"""What the documents' experiments cost at least, at full size: arithmetic counted from the networks, hours at a speed.

Reading and decoding files, and what small steps lose, come on top.

python scripts/cost.py --tflops 10
"""

import argparse
from pathlib import Path

import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ganlab.compose import compose_networks
from ganlab.gan.gan import GAN
from ganlab.settings import CONF

SAMPLES = {"ptbdb": 29_028, "thyroid": 6_502, "fingerprint": 75_600, "iris": 2_224}
"""Training samples of the documents' data sets (design: section 1 of the catalogue)."""
UNDER_SAMPLED = 3 * 4_390


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=10.0, help="10^12 operations a second that the device sustains")
    asked = parser.parse_args()
    print(
        f"| experiment | samples | epochs | GFLOP a sample | hours at {asked.tflops:g} TFLOP/s |\n|---|---|---|---|---|"
    )
    total = 0.0
    for file in sorted((Path(CONF) / "experiment").glob("*/*.yaml")):
        name = f"{file.parent.name}/{file.stem}"
        samples, epochs, each = cost(name)
        hours = samples * epochs * each / asked.tflops / 1e12 / 3600
        total += hours
        print(f"| `{name}` | {samples:,} | {epochs} | {each / 1e9:.3g} | {hours:.1f} |")
    print(f"\nAll together: {total:.0f} hours.")


def cost(experiment: str, batch: int = 2) -> tuple[int, int, float]:
    """Training samples, epochs, and operations of a step for each of its images."""
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = hydra_compose("config", overrides=[f"experiment={experiment}"])
    gan = compose_networks(cfg).gan.to("meta")
    real = torch.empty(batch, *gan.codec.arrangement.shape, device="meta")
    with FlopCounterMode(display=False) as counter:
        update(gan, real)
    dataset = (cfg.dataset.get("name") or cfg.dataset._target_.split(".")[-2]).removesuffix("_sim")
    samples = UNDER_SAMPLED if "under_sampling" in cfg.trick else SAMPLES[dataset]
    return samples, cfg.trainer.max_epochs, counter.get_total_flops() / batch


def update(module: GAN, real: Tensor) -> None:
    """The arithmetic of a first step on these images: the gradients of both networks, without their optimizers."""
    generator, discriminator = module.generator, module.discriminator
    with torch.no_grad():
        fake = generator(module.draw_noise(len(real)))
    loss = module.loss.discriminator(discriminator(real), discriminator(fake))
    penalties = [trick.penalty(discriminator, real, fake, 0) for trick in module.all_tricks()]
    sum((p for p in penalties if p is not None), loss).backward()
    discriminator.requires_grad_(False)
    fake = discriminator(generator(module.draw_noise(len(real))))
    module.loss.generator(fake, discriminator(real) if module.loss.pairs else None).backward()
    discriminator.requires_grad_(True)


if __name__ == "__main__":
    main()
