"""Recordings of a generator that has a rhythm: at a chosen heart rate, of any length, several of one patient."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window, of_kind
from ganlab.core.labels import class_names
from ganlab.core.values import check_whole
from ganlab.gan.conditional import Conditional
from ganlab.generator.trained import Trained

RATES = (25.0, 240.0)
"""Accepted heart rates, 1/min."""
LENGTHS = (1.0, 3600.0)
"""Accepted lengths, s."""


@dataclass(frozen=True)
class RecordingRequest:
    """What is requested of recordings: None leaves it to the generator.

    With `patients` there are `records_per_patient` of each: the same heart, in another noise and at another rate.
    """

    heart_rate: float | None = None
    seconds: float | None = None
    patients: int | None = None
    records_per_patient: int = 1

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if value != getattr(type(self), name))

    def check(self, trained: Trained) -> None:
        """Raise UserError for values out of range, and for a generator without a rhythm."""
        for name, value, (low, high) in (("heart_rate", self.heart_rate, RATES), ("seconds", self.seconds, LENGTHS)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and low <= value <= high):
                raise UserError(f"{name}={value}: accepted are {low:g} to {high:g}.")
        check_whole("records_per_patient", self.records_per_patient)
        if self.patients is not None:
            check_whole("patients", self.patients)
        elif self.records_per_patient > 1:
            raise UserError(f"records_per_patient={self.records_per_patient} of how many? patients=50.")
        if self != RecordingRequest() and not hasattr(trained.gan.sampling_generator, "recordings"):
            raise UserError(f"{self}: this generator has no rhythm and no patients. architecture=heart has them.")

    def kind(self, trained: Trained) -> Kind:
        """Return what the samples are: windows as the generator's, perhaps longer."""
        if self.seconds is None:
            return trained.kind
        kind = of_kind(trained.kind, Window)
        return replace(kind, samples=round(self.seconds * kind.rate))

    def at_once(self, trained: Trained, batch_size: int) -> int:
        """Return how many samples take the memory of `batch_size` windows; one at least."""
        return max(1, batch_size * prod(trained.kind.shape) // prod(self.kind(trained).shape))

    def noise(self, trained: Trained, noise: Tensor, draw: torch.Generator) -> Tensor:
        """Return the noise of all recordings of the patients of `noise` `(B, latent)`."""
        if self.patients is None:
            return noise
        other = trained.gan.draw_noise(len(noise) * self.records_per_patient, draw)
        network: Any = trained.gan.sampling_generator
        mixed: Tensor = network.same_patients(noise.repeat_interleave(self.records_per_patient, dim=0), other)
        return mixed

    def beside(self, trained: Trained, noise: Tensor) -> dict[str, Any]:
        """Return what stands beside the recordings of noise `(B, latent)`, as `ganlab.exchange.generated` takes it."""
        gan, labels = trained.gan, trained.gan.labels_of(noise)
        rate = {} if self.heart_rate is None else {"heart_rate (1/min)": np.full(len(noise), self.heart_rate)}
        return {
            "classes": gan.classes,
            "labels": () if labels is None else [class_names(each, gan.classes) for each in labels.tolist()],
            "attributes": (gan.attributes_of(noise) if isinstance(gan, Conditional) else {}) | rate,
            "records_per_patient": self.records_per_patient if self.patients else 0,
        }

    @torch.inference_mode()
    def generate(self, trained: Trained, noise: Tensor) -> Tensor:
        """Return samples of noise `(B, latent)` in their own unit."""
        gan = trained.gan
        if self.heart_rate is None and self.seconds is None:
            return gan.codec.decode(gan.generate(noise))
        network: Any = gan.sampling_generator
        rr = None if self.heart_rate is None else torch.full((len(noise), 1), 60 / self.heart_rate).to(noise)
        samples = None if self.seconds is None else of_kind(self.kind(trained), Window).samples
        return gan.codec.decode_pixels(network.eval().recordings(noise, samples, rr))
