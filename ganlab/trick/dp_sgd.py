r"""Differential privacy of each training person: DP-SGD on D (Abadi et al. 2016, arXiv 1607.00133), by person.

Each step draws every person with probability $q$, and of each drawn person $p$ a few windows $x$. With $g_p$ the
gradient of D's mean loss on these and as many generated windows $G(z)$,

$$\hat g = \frac{1}{q N} \Big( \sum_p \frac{g_p}{\max(1, |g_p| / C)} + \mathcal N(0, \sigma^2 C^2) \Big).$$

One person, with all their recordings, moves the sum by $C$ at most. Only D sees real windows; G learns from D, so what
it makes costs nothing more (Xie et al. 2018, arXiv 1802.06739). Real and generated windows are clipped as a pair, and
noise is added once: clipped alone the real half would lose against the other, and the generated half, which is made of
D, G and noise, needs no noise of its own. A step of G makes the same number of images whoever was drawn.

The accountant is the Renyi one of Opacus (Yousefpour et al. 2021, arXiv 2109.12298), of the Gaussian mechanism on
Poisson samples, for one person added or removed. Opacus' modules for gradients of single samples have no part in it:
the unit is a person with several windows, for which autograd is asked once for each.

All of the training's randomness is made with a secret, which the checkpoints hold so that a resumed run draws the same.
"""

import importlib.util
import logging
import math
import secrets
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.trick.base import Indices, Trick

log = logging.getLogger(__name__)

UNIT = "one person with all their recordings, added or removed"
OUTSIDE = (
    "what the log, run.json and the report say of real samples: losses, accuracies, counts, measures, pictures",
    "choices made by looking at real samples: settings, when to stop, which checkpoint (stopping=rule), the network",
    "the number of training persons, and which records could be read",
    "validation, test and hold-out persons, who did not train",
    "the checkpoints, which hold the secret from which the noise can be drawn again: share samples, or a file of "
    "generators/",
)
"""What epsilon says nothing of."""
MOST_STEPS = 1 << 30
"""Steps that a budget is looked for in."""


class DPSGD(Trick):
    """Counts the updates of D, and what they have spent, in the checkpoint.

    Arguments:
        noise: Standard deviation of the noise, in multiples of `clip`.
        clip: Greatest norm of a person's gradient.
        rate: Probability of each person to be drawn in a step.
        windows: Of a drawn person, drawn without replacement where they have as many.
        every: Updates of D for one of G. Noise slows D down, and G must not outrun it (Bie et al. 2023, arXiv
            2302.02936, section 4); an update of G costs no epsilon.
        delta: Probability with which epsilon may not hold.
        budget: Epsilon that D's updates stop before, and training with them; None for no such end.
        secret: Seed of the draws and of the noise; None for one of the operating system.

    Raises UserError without Opacus, or for values that nothing can be guaranteed with.
    """

    refuses = {  # noqa: RUF012
        "batch_norm": "batch norm keeps means of real images that no noise was added to, and the norm of a person's "
        "gradient would not bound what they change",
        "batch_spread": "the logit of one person's image would depend on other persons' images; "
        "architecture.discriminator.spread=false makes it without",
        "relativistic": "G's loss would compare with real images, to which no noise was added; loss=bce does not",
        "penalty": "a penalty at real images is a second gradient of theirs, which is not clipped with a person's",
        "generator_term": "G would learn from real images directly, without noise",
        "discriminator_steps": "whether D rests would be decided by real images, without noise",
        "reused_fakes": "G would make as many images as windows were drawn, which tells how many persons were",
        "order": "epsilon holds for persons who are drawn independently, all with one probability",
        "several_devices": "persons and noise are drawn in one process; trainer.devices=1 takes one device",
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
        _check(noise, clip, rate, windows, every, delta, budget)
        self.noise, self.clip, self.rate, self.windows, self.delta = noise, clip, rate, windows, delta
        self.every, self.budget = every, budget
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("secret", torch.tensor(secrets.randbits(62) if secret is None else secret))
        self.register_buffer("epsilon", torch.zeros((), dtype=torch.float64))
        self.register_buffer("settings", torch.tensor([noise, clip, rate, windows, delta], dtype=torch.float64))
        self.register_load_state_dict_post_hook(lambda *_: self._same())
        self.account = Accountant(noise, rate, delta)
        self.most = None if budget is None else self.account.steps_within(budget)
        if self.most == 0:
            raise UserError(
                f"trick.dp_sgd.budget={budget}: one step spends {self.account.epsilon(1):.3g} at delta {delta:g}. "
                "More noise, a lower rate, or a larger budget."
            )
        self.people = self.images = 0
        self.clipped = 0.0

    def seeds(self) -> tuple[int, ...]:
        """Whoever knew what is drawn (persons, where windows start, generated windows) would know what to take away."""
        return (int(self.secret),)

    def batches(self, persons: Indices, size: int, rng: np.random.Generator) -> Sequence[Indices]:
        """As many Poisson samples of persons as an epoch has batches of `size`, each drawn person's samples together.

        `size` images is what a step of G makes.
        """
        members = [np.flatnonzero(persons == person) for person in np.unique(persons)]
        self._begin(len(members), size)
        return [self._batch(members, rng) for _ in range(math.ceil(len(persons) / size))]

    def _begin(self, people: int, size: int) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            raise UserError("trick=dp_sgd draws persons and noise in one process: trainer.devices=1.")
        if self.delta * people >= 1:
            raise UserError(
                f"trick.dp_sgd.delta={self.delta:g}: {people} persons train, and a delta of 1/{people} or more "
                "allows to publish one of them. Accepted are smaller ones."
            )
        if self.people != people and self.most is not None:
            log.info("epsilon %g at delta %g: D is updated %d times at most", self.budget, self.delta, self.most)
        self.people, self.images = people, size

    def _batch(self, members: Sequence[Indices], rng: np.random.Generator) -> Indices:
        drawn = np.flatnonzero(rng.random(len(members)) < self.rate)
        own = [members[person] for person in drawn.tolist()]
        samples = [rng.choice(each, self.windows, replace=len(each) < self.windows) for each in own]
        return np.concatenate([np.empty(0, np.int64), *samples])

    def discriminator_gradient(
        self, discriminator: nn.Module, loss: Callable[[slice], Tensor], persons: Tensor | None
    ) -> bool:
        """The sum of the persons' clipped gradients with noise, over the expected number of persons.

        Once the budget is spent D has no gradient. Raises RuntimeError for a batch that was not drawn here.
        """
        if self.spent():
            return True
        parameters = [parameter for parameter in discriminator.parameters() if parameter.requires_grad]
        parts = self._parts(persons)
        total, clipped = clipped_sum(parameters, (loss(part) for part in parts), self.clip)
        draw = torch.Generator().manual_seed(hash((int(self.secret), int(self.steps))) % 2**63)
        for parameter, summed in zip(parameters, total, strict=True):
            noise = torch.randn(summed.shape, generator=draw).to(summed)
            parameter.grad = (summed + self.noise * self.clip * noise) / (self.rate * self.people)
        self.clipped = clipped / max(1, len(parts))
        self.steps += 1
        self.epsilon.fill_(self.account.epsilon(int(self.steps)))
        return True

    def _parts(self, persons: Tensor | None) -> list[slice]:
        """Where each person's samples are in the batch."""
        if persons is None or not self.people or len(persons) % self.windows:
            raise RuntimeError("trick=dp_sgd has not drawn this batch, so epsilon is not known: train with Data.")
        whose = persons.view(-1, self.windows)
        if (whose != whose[:, :1]).any() or len(whose[:, 0].unique()) < len(whose):
            raise RuntimeError("trick=dp_sgd: a person's samples are not together in the batch, so clipping fails.")
        return [slice(at, at + self.windows) for at in range(0, len(persons), self.windows)]

    def generator_images(self, count: int) -> int:
        """The batch size: how many persons were drawn must not be told by G."""
        return self.images

    def generator_steps(self, step: int) -> bool:
        """Every `every`-th step."""
        return (step + 1) % self.every == 0

    def spent(self) -> bool:
        """Whether another update of D would spend more than the budget."""
        return self.most is not None and int(self.steps) >= self.most

    def counts(self) -> dict[str, float]:
        """What is spent, and the share of the last batch's persons whose gradient was clipped, which is not private."""
        return {
            "dp_sgd/epsilon": float(self.epsilon),
            "dp_sgd/updates": float(self.steps),
            "dp_sgd/clipped": self.clipped,
        }

    def facts(self) -> dict[str, Any]:
        """Epsilon with its unit, delta and accountant, what it comes from, and what it says nothing of."""
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
                "persons": self.people,
                "budget": self.budget,
                "outside": list(OUTSIDE),
            }
        }

    def _same(self) -> None:
        """Called after a checkpoint was loaded: what it has spent was spent with its settings."""
        now = {"noise": self.noise, "clip": self.clip, "rate": self.rate, "windows": self.windows, "delta": self.delta}
        pairs = zip(now.items(), self.settings.tolist(), strict=True)
        changed = [f"{name} {was:g}, now {value:g}" for (name, value), was in pairs if value != was]
        if changed:
            raise UserError(
                f"trick=dp_sgd: the checkpoint was trained with {', '.join(changed)}: its epsilon would be wrong."
            )


class Accountant:
    """Epsilon of so many steps of the Gaussian mechanism on Poisson samples, by Renyi differential privacy."""

    def __init__(self, noise: float, rate: float, delta: float) -> None:
        if importlib.util.find_spec("opacus") is None:
            raise UserError("trick=dp_sgd needs Opacus, which counts what is spent: pip install 'ganlab[dp]'.")
        from opacus import __version__
        from opacus.accountants import RDPAccountant
        from opacus.accountants.analysis import rdp

        self.name = f"RDP (Opacus {__version__})"
        self.delta = delta
        self._analysis = rdp
        self._orders = RDPAccountant.DEFAULT_ALPHAS
        self._one_step = np.asarray(
            rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=self._orders), np.float64
        )

    def epsilon(self, steps: int) -> float:
        """What so many steps spend at delta."""
        if not steps:
            return 0.0
        with warnings.catch_warnings():
            # The best order may be the first or last one, which makes epsilon larger than it need be, not smaller.
            warnings.filterwarnings("ignore", message="Optimal order is the")
            found, _ = self._analysis.get_privacy_spent(
                orders=self._orders, rdp=steps * self._one_step, delta=self.delta
            )
        return float(found)

    def steps_within(self, budget: float) -> int:
        """The most steps that spend no more than `budget`."""
        low, high = 0, 1
        while high < MOST_STEPS and self.epsilon(high) <= budget:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.epsilon(middle) <= budget else (low, middle)
        return low


def clipped_sum(parameters: Sequence[Tensor], losses: Iterable[Tensor], clip: float) -> tuple[list[Tensor], int]:
    """The sum of the losses' gradients, each no longer than `clip` over all parameters, and how many were longer.

    A gradient that is not finite counts as 0 and as clipped, since no length can be given to it.
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


def _check(
    noise: float, clip: float, rate: float, windows: int, every: int, delta: float, budget: float | None
) -> None:
    accepted = {
        "noise": (noise, noise > 0, "more than 0"),
        "clip": (clip, clip > 0, "more than 0"),
        "rate": (rate, 0 < rate <= 1, "more than 0 and at most 1"),
        "windows": (windows, windows >= 1, "1 or more"),
        "every": (every, every >= 1, "1 or more"),
        "delta": (delta, 0 < delta < 1, "between 0 and 1"),
        "budget": (budget, budget is None or budget > 0, "more than 0, or null"),
    }
    for name, (value, fits, said) in accepted.items():
        if not fits:
            raise UserError(f"trick.dp_sgd.{name}={value}: accepted is {said}.")
