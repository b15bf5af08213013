r"""Differential privacy of each training patient: DP-SGD on the discriminator (Abadi et al. 2016, arXiv 1607.00133).

Each step draws every patient with probability $q$, and a few windows $x$ of each drawn patient $p$. With $g_p$ the
gradient of the discriminator's mean loss on these and as many generated windows $G(z)$,

$$\hat g = \frac{1}{q N} \Big( \sum_p \frac{g_p}{\max(1, |g_p| / C)} + \mathcal N(0, \sigma^2 C^2) \Big).$$

One patient, with all their recordings, changes the sum by $C$ at most. Only the discriminator sees real windows; the
generator learns from it, so post-processing costs nothing more (Xie et al. 2018, arXiv 1802.06739). Real and generated
windows are clipped as a pair and noise is added once: the generated half depends on no real window, and clipped alone
the real half would be outweighed. A generator step makes the same number of images whoever was drawn.

`Accountant` counts epsilon. Opacus' modules for gradients of single samples are not used: the unit is a
patient with several windows, so autograd computes one gradient per patient. All randomness of the training depends on a
secret, which the checkpoints hold so that a resumed run draws the same.
"""

import logging
import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.trick.accountant import Accountant
from ganlab.trick.base import Indices, Trick

log = logging.getLogger(__name__)

BITS, WORD = 128, 32
"""Bits of the secret, and of each word in which it is stored."""
UNIT = "one patient with all their recordings, added or removed"
OUTSIDE = (
    "what the log, run.json and the report say of real samples: losses, accuracies, counts, measures, pictures",
    "choices made by looking at real samples: settings, when to stop, which checkpoint (stopping=rule), the network",
    "the number of training patients, and which records could be read",
    "validation, test and hold-out patients, who did not train",
    "the checkpoints, which hold the secret from which the noise can be drawn again: share samples, or a file of "
    "generators/",
)
"""What epsilon does not cover."""
ACCEPTED: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "noise": (lambda value: value > 0, "more than 0"),
    "clip": (lambda value: value > 0, "more than 0"),
    "rate": (lambda value: 0 < value <= 1, "more than 0 and at most 1"),
    "windows": (lambda value: value >= 1, "1 or more"),
    "every": (lambda value: value >= 1, "1 or more"),
    "delta": (lambda value: 0 < value < 1, "between 0 and 1"),
}
"""Limits of the settings, each with its words for the error."""


class DPSGD(Trick):
    """Trains the discriminator with DP-SGD; its updates and what they have spent go into the checkpoint.

    Arguments:
        noise: Standard deviation of the noise, in multiples of `clip`.
        clip: Greatest norm of a patient's gradient.
        rate: Probability with which a step draws each patient.
        windows: Windows of a drawn patient, without replacement where the patient has as many.
        every: Discriminator updates per generator update, which costs no epsilon. Noise slows the discriminator down,
            and the generator must not outrun it (Bie et al. 2023, arXiv 2302.02936, section 4).
        delta: Probability with which epsilon may not hold.
        budget: Epsilon that training stops before; None for no such end.
        secret: Seed of the draws and of the noise, 128 bits; None for one of the operating system.

    Raises UserError without Opacus, or for values that guarantee nothing.
    """

    refuses = {  # noqa: RUF012
        "batch_norm": "batch norm keeps means of real images that no noise was added to, and the norm of a patient's "
        "gradient would not bound what they change",
        "batch_spread": "the logit of one patient's image would depend on other patients' images; "
        "architecture.discriminator.spread=false makes it without",
        "relativistic": "G's loss would compare with real images, to which no noise was added; loss=bce does not",
        "penalty": "a penalty at real images is a second gradient of theirs, which is not clipped with a patient's",
        "generator_term": "G would learn from real images directly, without noise",
        "discriminator_steps": "real images would decide, without noise, whether D trains in a step",
        "reused_fakes": "G would make as many images as windows were drawn, which reveals the number of patients drawn",
        "real_conditions": "G would make images of the classes and attributes of real ones, without noise; gan=acgan "
        "draws its own",
        "order": "epsilon holds for patients who are drawn independently, all with one probability",
        "several_devices": "patients and noise are drawn in one process; trainer.devices=1 uses one device",
        "fitted_conditions": "which of them occur together, and attributes' values, are those of training patients, "
        "without noise",
        "fitted": "it is fitted to training samples, without noise; another range, such as centred_range, is fixed",
    }
    steps: Tensor
    secret: Tensor
    epsilon: Tensor
    settings: Tensor

    def __init__(
        self,
        noise: float = 4.0,
        clip: float = 1.0,
        rate: float = 0.2,
        windows: int = 4,
        every: int = 1,
        delta: float = 1e-3,
        budget: float | None = None,
        secret: int | None = None,
    ) -> None:
        super().__init__()
        settings = {"noise": noise, "clip": clip, "rate": rate, "windows": windows, "delta": delta}
        for name, value in (settings | {"every": every}).items():
            fits, accepted = ACCEPTED[name]
            if not fits(value):
                raise UserError(f"trick.dp_sgd.{name}={value}: accepted is {accepted}.")
        self.noise, self.clip, self.rate, self.windows, self.delta = noise, clip, rate, windows, delta
        self.every, self.budget = every, budget
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("secret", words_of(secrets.randbits(BITS) if secret is None else secret))
        self.register_buffer("epsilon", torch.zeros((), dtype=torch.float64))
        self.register_buffer("settings", torch.tensor([*settings.values()], dtype=torch.float64))
        self.register_load_state_dict_post_hook(lambda *_: self._check_loaded(settings))
        self.account = Accountant(noise, rate, delta)
        self.most = None if budget is None else self.account.steps_within(budget)
        if self.most == 0:
            raise UserError(
                f"trick.dp_sgd.budget={budget}: one step spends {self.account.epsilon(1):.3g} at delta {delta:g}. "
                "More noise, a lower rate, or a larger budget."
            )
        self.patients = self.images = 0
        self.clipped = 0.0

    def seeds(self) -> tuple[int, ...]:
        """Return the secret: with predictable draws (patients, starts, noise) the noise could be subtracted."""
        return (number_of(self.secret),)

    def stream(self) -> np.random.Generator:
        """Return the generator of the next update's noise: its own stretch of a stream, the same after a resume.

        The stream is counted (Philox, Salmon et al. 2011): an update begins at its number times 2^128, so that no two
        updates share noise, and whoever does not know the secret would have to try 2^128 of them.
        """
        return np.random.Generator(np.random.Philox(key=number_of(self.secret), counter=int(self.steps) << BITS))

    def batches(self, patients: Indices, size: int, rng: np.random.Generator) -> Sequence[Indices]:
        """Return as many Poisson samples of patients as an epoch has batches of `size`, one patient's samples together.

        A generator step makes `size` images. Raises UserError for several processes, or a delta of 1/patients or more.
        """
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            raise UserError("trick=dp_sgd draws patients and noise in one process: trainer.devices=1.")
        members = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
        count = len(members)
        if self.delta * count >= 1:
            raise UserError(
                f"trick.dp_sgd.delta={self.delta:g}: {count} patients train, and a delta of 1/{count} or more "
                "allows the publication of one of them. Accepted are smaller values."
            )
        if self.patients != count and self.most is not None:
            log.info("epsilon %g at delta %g: D is updated %d times at most", self.budget, self.delta, self.most)
        self.patients, self.images = count, size
        batches = []
        for _ in range(math.ceil(len(patients) / size)):
            drawn = np.flatnonzero(rng.random(count) < self.rate)
            own = [members[patient] for patient in drawn.tolist()]
            samples = [rng.choice(each, self.windows, replace=len(each) < self.windows) for each in own]
            batches.append(np.concatenate([np.empty(0, np.int64), *samples]))
        return batches

    def discriminator_gradient(
        self, discriminator: nn.Module, loss: Callable[[slice], Tensor], patients: Tensor | None
    ) -> bool:
        """Set the sum of the patients' clipped gradients, with noise, over the expected number of patients.

        Once the budget is spent no gradient is set. Raises RuntimeError for a batch that `batches` has not drawn.
        """
        if self.spent():
            return True
        parameters = [parameter for parameter in discriminator.parameters() if parameter.requires_grad]
        parts = self._parts(patients)
        total, clipped = clipped_sum(parameters, (loss(part) for part in parts), self.clip)
        stream = self.stream()
        for parameter, summed in zip(parameters, total, strict=True):
            noise = torch.from_numpy(stream.standard_normal(summed.shape)).to(summed)
            parameter.grad = (summed + self.noise * self.clip * noise) / (self.rate * self.patients)
        self.clipped = clipped / max(1, len(parts))
        self.steps += 1
        self.epsilon.fill_(self.account.epsilon(int(self.steps)))
        return True

    def _parts(self, patients: Tensor | None) -> list[slice]:
        """Return where each patient's samples are in the batch."""
        if patients is None or not self.patients or len(patients) % self.windows:
            raise RuntimeError("trick=dp_sgd did not draw this batch, so epsilon is unknown: train with ganlab's Data.")
        whose = patients.view(-1, self.windows)
        if (whose != whose[:, :1]).any() or len(whose[:, 0].unique()) < len(whose):
            raise RuntimeError("trick=dp_sgd: a patient's samples are not together in the batch, so clipping fails.")
        return [slice(at, at + self.windows) for at in range(0, len(patients), self.windows)]

    def generator_images(self, count: int) -> int:
        """Return the batch size, so that the generator does not reveal how many patients were drawn."""
        return self.images

    def generator_steps(self, step: int) -> bool:
        """Return whether this is an `every`-th step."""
        return (step + 1) % self.every == 0

    def spent(self) -> bool:
        """Return whether another update of the discriminator would spend more than the budget."""
        return self.most is not None and int(self.steps) >= self.most

    def counts(self) -> dict[str, float]:
        """Return epsilon, the updates, and the share of the last batch's patients who were clipped (not private)."""
        return {
            "dp_sgd/epsilon": float(self.epsilon),
            "dp_sgd/updates": float(self.steps),
            "dp_sgd/clipped": self.clipped,
        }

    def facts(self) -> dict[str, Any]:
        """Return epsilon with its unit, delta, accountant and settings, and what it does not cover."""
        return {
            "differential_privacy": {
                "epsilon": float(self.epsilon),
                "unit": UNIT,
                "delta": self.delta,
                "accountant": self.account.name,
                "updates": int(self.steps),
                "noise": self.noise,
                "clip": self.clip,
                "rate": self.rate,
                "windows": self.windows,
                "persons": self.patients,
                "budget": self.budget,
                "outside": list(OUTSIDE),
            }
        }

    def _check_loaded(self, settings: Mapping[str, float]) -> None:
        """Raise UserError where a loaded checkpoint has spent its epsilon with other settings."""
        pairs = zip(settings.items(), self.settings.tolist(), strict=True)
        changed = [f"{name} {was:g}, now {value:g}" for (name, value), was in pairs if value != was]
        if changed:
            raise UserError(
                f"trick=dp_sgd: the checkpoint was trained with {', '.join(changed)}: its epsilon would be wrong."
            )


def words_of(secret: int) -> Tensor:
    """Return a secret as the words of 32 bits that a checkpoint holds, the lowest first."""
    return torch.tensor([secret >> shift & 2**WORD - 1 for shift in range(0, BITS, WORD)])


def number_of(words: Tensor) -> int:
    """Return the secret of `words_of`."""
    return sum(word << WORD * place for place, word in enumerate(words.tolist()))


def clipped_sum(parameters: Sequence[Tensor], losses: Iterable[Tensor], clip: float) -> tuple[list[Tensor], int]:
    """Return the sum of the losses' gradients, each clipped to the norm `clip`, and how many were clipped.

    A gradient that is not finite counts as 0 and as clipped, since it cannot be scaled.
    """
    total, clipped = [torch.zeros_like(parameter) for parameter in parameters], 0
    for loss in losses:
        gradients = torch.autograd.grad(loss, parameters)
        length = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        clipped += not length <= clip
        if not math.isfinite(length):
            continue
        for summed, gradient in zip(total, gradients, strict=True):
            summed.add_(gradient, alpha=min(1.0, clip / length) if length else 1.0)
    return total, clipped
