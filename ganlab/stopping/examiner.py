"""How stopping=rule evaluates a generator: its score, and the guards of health, diversity, memory and copying."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab.gan.gan import GAN
from ganlab.gan.outputs import Outputs
from ganlab.metrics.base import Real, SampleSet
from ganlab.stopping.choice import Evaluation
from ganlab.stopping.score import Scale

NOISE_SEED = 2023
BATCH = 64

LEAST_COVERAGE = 0.5
"""Share of the real windows' coverage."""
PAIRWISE = (0.7, 1.3)
"""Mean distance of two generated windows over that of two training windows."""
MOST_MEMORY = 0.6
LEAST_COPYING = -3.0
MOST_RESTED = 0.95
"""Share of the steps without an update of the discriminator."""


class Examiner:
    """Evaluates a module against real windows, from the same noise each time; the training is not changed.

    `real` holds training windows, and those of validation patients as the reference; `windows` is the number of
    generated ones per evaluation, and of real ones at most that the discriminator compares; `draws` of patients make
    deviations.
    """

    def __init__(self, module: GAN, real: Real, windows: int, draws: int) -> None:
        self.module = module
        self.scale = Scale(real, windows, draws)
        self.codec = deepcopy(module.codec)
        rng = np.random.default_rng(NOISE_SEED)
        self.images: dict[str, Tensor] = {}
        for name, samples in (("train", real.train), ("validation", real.reference)):
            chosen = torch.from_numpy(samples.values[rng.permutation(len(samples))[:windows]])
            self.images[name] = self.codec.picture(chosen.to(module.device))
        self.noise = module.draw_noise(windows, torch.Generator().manual_seed(NOISE_SEED))

    def __call__(self, losses: dict[str, float]) -> Evaluation:
        """Return the evaluation of the generator as it is; `losses` are kept with it."""
        module, step = self.module, self.module.steps
        fake = torch.cat([module.generate(part) for part in self.noise.split(BATCH)])
        windows = self.codec.decode(fake).cpu().numpy()
        if not np.isfinite(windows).all() or not all(bool(p.isfinite().all()) for p in module.parameters()):
            return Evaluation(step, None, None, {"health": False}, beside=losses)
        score = self.scale(SampleSet(windows))
        memorised = memory(module, {**self.images, "generated": fake})
        rested = [share for name, share in module.counts().items() if name.endswith("/rested")]
        guards = {
            "health": max(rested, default=0.0) < MOST_RESTED,
            "coverage": score.coverage >= self.limits["coverage"],
            "pairwise": PAIRWISE[0] <= score.pairwise <= PAIRWISE[1],
            "memory": memorised is None or memorised < MOST_MEMORY,
            "copying": score.copying > LEAST_COPYING,
        }
        labels, accuracy = module.labels_of(self.noise), None
        of_classes = [each.label for each in _verdicts(module, fake) if each.label is not None]
        if labels is not None and of_classes:
            logits = torch.cat(of_classes)
            predicted = logits > 0 if labels.ndim == 2 else logits.argmax(dim=1)
            accuracy = float((predicted == labels).float().mean())
        return Evaluation(
            step, guards=guards, memory=memorised, class_accuracy=accuracy, beside=losses, **asdict(score)
        )

    @property
    def limits(self) -> dict[str, Any]:
        """Limits of the guards by name, as `stopping.json` holds them."""
        coverage = LEAST_COVERAGE * self.scale.coverage
        return {"coverage": coverage, "pairwise": PAIRWISE, "memory": MOST_MEMORY, "copying": LEAST_COPYING}


def memory(module: GAN, images: Mapping[str, Tensor]) -> float | None:
    """Return how far the discriminator has memorised training windows: its mean gap between sets of images.

    (train - validation) / (train - generated), from the means of its outputs on the images `(N, C, H, W)` of these
    names; None where it does not rate training images above generated ones.
    """
    train, validation, generated = (
        float(torch.cat([verdict.source for verdict in _verdicts(module, images[name])]).mean())
        for name in ("train", "validation", "generated")
    )
    return (train - validation) / (train - generated) if train > generated else None


@torch.inference_mode()
def _verdicts(module: GAN, images: Tensor) -> list[Outputs]:
    """Verdicts of the discriminator in evaluation mode, batch by batch."""
    was_training = module.discriminator.training
    module.discriminator.eval()
    verdicts = [module.discriminate(part.to(module.dtype)) for part in images.split(BATCH)]
    module.discriminator.train(was_training)
    return verdicts
