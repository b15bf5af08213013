"""How diverse the generated images are through training, beside real ones: the series that shows a mode collapse."""

import logging
from collections import Counter
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, Trainer

from ganlab.dataset.samples import Batch, Samples
from ganlab.gan.gan import GAN
from ganlab.metrics.diversity import by_class, mean_distance, pairwise_distance_ratio, smallest
from ganlab.tracking.collapse import CLASS_MIN, RATIO

log = logging.getLogger(__name__)

NOISE_SEED = 2022


class Diversity(Callback):
    """Logs `diversity/ratio` after each epoch, and every `every_n_steps` steps where given, and what decoding cuts.

    A conditional module's `diversity/class_min` is the ratio of its least diverse class; its real images are drawn
    equally from the classes, as its generated ones are. Noise and real images are the same throughout, and nothing of
    the training changes: no random state, no count, no running mean.

    It costs `images` real samples read once, and `images` images generated an evaluation: with the paper's networks a
    quarter of the time of a step of 30 images, and 2 ms for the distances (measured on one core).
    """

    def __init__(self, images: int = 64, every_n_steps: int | None = None) -> None:
        self.images = images
        self.every_n_steps = every_n_steps
        self._judged = -1

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Draw the noise; read real samples and encode them, without counting them."""
        self.noise = pl_module.draw_noise(self.images, torch.Generator().manual_seed(NOISE_SEED))
        self.labels = pl_module.labels_of(self.noise)
        train: Samples = trainer.datamodule.train  # type: ignore[attr-defined]
        real = train.spread(self.images) if self.labels is None else spread_by_class(train, self.images)
        with torch.no_grad():
            self.real = pl_module.codec.picture(real.sample.to(pl_module.device)).cpu()
        self.real_labels = real.label
        self.classes = self._comparable_classes()
        self.comparable = mean_distance(self.real) > 0
        if not self.comparable:
            log.warning("diversity: the %d real images do not differ, so no collapse can be seen", len(self.real))

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Within an epoch: straight to the loggers, at the number that the losses of this step have."""
        if self.comparable and self.every_n_steps and pl_module.steps % self.every_n_steps == 0:
            found = self.judge(pl_module) | {"epoch": trainer.current_epoch}
            for logger in trainer.loggers:
                logger.log_metrics(found, step=pl_module.steps - 1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """After an epoch, unless its last step has just been judged."""
        if self.comparable and self._judged != pl_module.steps:
            pl_module.log_dict(self.judge(pl_module))

    def judge(self, pl_module: GAN) -> dict[str, float]:
        """The ratio now, and that of the least diverse class of a conditional module."""
        self._judged = pl_module.steps
        fake = pl_module.generate(self.noise)
        found = {RATIO: pairwise_distance_ratio(fake, self.real)}
        if self.labels is not None and self.classes:
            ratios = by_class(fake, self.real, self.labels, self.real_labels)
            found[CLASS_MIN] = smallest({label: ratios[label] for label in self.classes})
        return found | pl_module.codec.cut(fake)

    def _comparable_classes(self) -> list[int]:
        """Classes with different real images and at least two generated ones; the others are named in the log."""
        if self.labels is None:
            return []
        ratios = by_class(self.real, self.real, self.real_labels, self.real_labels)
        drawn = Counter(self.labels.tolist())
        known = sorted({*ratios, *drawn})
        classes = [label for label in known if ratios.get(label, 0) > 0 and drawn[label] > 1]
        if len(classes) < len(known):
            log.warning("diversity: too few different images of classes %s to judge", sorted({*known} - {*classes}))
        return classes


def spread_by_class(samples: Samples, count: int) -> Batch:
    """About `count` samples, equally many of each class but at least two where it has them, spread evenly over it."""
    labels = np.unique(samples.labels)
    each = max(2, count // len(labels))
    chosen = [_evenly(np.flatnonzero(samples.labels == label), each) for label in labels]
    return samples.__getitems__(np.concatenate(chosen).tolist())


def _evenly(places: np.ndarray, count: int) -> np.ndarray:
    return places[np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))]
