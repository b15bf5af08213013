r"""Membership inference: was this patient's recording among those that trained the generator?

The attacker holds recordings of patients and wants to know who of them trained. Scores of windows become one of the
patient: their mean where every window counts, their maximum where a single copied window is enough.

`nearest` is the distance to the closest released sample (GAN-Leaks, Chen et al., CCS 2020). `calibrated` asks how much
closer it is than the closest of other real patients, $\log d_{ref} - \log d_{syn}$: windows that are like everybody's
are near to everything. Chen et al. calibrate by a second generator; here real samples take its place. `density` is
DOMIAS (van Breugel et al., AISTATS 2023), $\log p_{syn}(x) / p_{ref}(x)$ in a fixed embedding, both densities of the
nearest neighbour (Loftsgaarden and Quesenberry, 1965), $\log p \propto -\log r_1$; a kernel estimate missed copies.
`discriminator` ranks by the score of D, which a white box gives away (LOGAN, Hayes et al., PETS 2019).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.metrics.base import Array, Floats, Real, SampleSet, Statistic
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.points import nearest
from ganlab.metrics.privacy.targets import Targets

TINY = 1e-3
"""Added to distances of windows before their logarithm is taken; two windows without anything in common have 1.4."""
COMPONENTS = 64
"""Principal components of the embedding in which densities are compared."""


class NotHere(UserError):
    """An attack cannot be made on these samples."""


@dataclass(frozen=True)
class Released:
    """What the attacker sees: released samples, and their distances to those under attack, `(N, T)`."""

    samples: SampleSet
    distance: NDArray[np.floating]


@dataclass(frozen=True)
class Outcome:
    """Scores of the P patients, `(P,)`, scores of the T samples under attack if any, and other numbers by name.

    `details` holds plain values for a page.
    """

    patient: Floats
    sample: Floats | None = None
    numbers: Mapping[str, Statistic] | None = None
    details: Mapping[str, object] | None = None


Attempt = Callable[[Released], Outcome]
"""Attacks released samples. Raises NotHere for samples that lack what the attack needs."""


class Control(SampleSet):
    """A control, as if it came with a discriminator that had memorised it."""


class Attack(ABC):
    """Distinguishes members from non-members. `knows` says what the attacker has besides the released samples."""

    name: ClassVar[str]
    knows: ClassVar[str]
    sees: ClassVar[tuple[str, ...]] = ("copy", "noisy_copy")
    blind: ClassVar[str]
    """What it cannot detect, in words."""

    @abstractmethod
    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Learn from `real.attacked.knowledge`, and return the attack on released samples.

        `distance` returns the distances of two sets of samples, `(N, M)`.
        """


class Nearest(Attack):
    """Scores a patient by how close their closest window is to a released one."""

    name = "nearest"
    knows = "the patient's recording"
    blind = "copies among windows that resemble everybody's"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Return the attack; there is nothing to learn."""

        def attempt(released: Released) -> Outcome:
            score = -released.distance.min(axis=0).astype(np.float64)
            return Outcome(targets.greatest(score), score)

        return attempt


class Calibrated(Attack):
    """Scores a patient by how much closer their windows are to released ones than to those of uninvolved patients."""

    name = "calibrated"
    knows = "the patient's recording, and recordings of patients who are in neither set"
    blind = "leaks other than windows like the recorded ones"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Take the distances to the closest window of patients in neither set."""
        assert real.attacked is not None
        usual = np.log(distance(real.attacked.knowledge, targets.samples).min(axis=0) + TINY)

        def attempt(released: Released) -> Outcome:
            score = (usual - np.log(released.distance.min(axis=0) + TINY)).astype(np.float64)
            return Outcome(targets.mean(score), score)

        return attempt


class Density(Attack):
    """Scores a patient by the density of released windows around theirs, over that of patients in neither set."""

    name = "density"
    knows = "the patient's recording, and recordings of patients who are in neither set"
    sees = ("copy",)
    blind = "copies with noise, which are elsewhere in the embedding"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Learn the embedding, its components and the density from the patients in neither set."""
        assert real.attacked is not None
        from sklearn.decomposition import PCA

        knowledge = real.attacked.knowledge
        features_of = RandomConvolutions().fit(replace(real, train=knowledge))
        features = features_of(knowledge.values)
        basis = PCA(min(COMPONENTS, *features.shape), svd_solver="full").fit(features)

        def embed(windows: Array) -> Floats:
            return basis.transform(features_of(windows))

        points, others = embed(targets.samples.values), embed(knowledge.values)
        usual = np.log(nearest(points, others) + TINY)

        def attempt(released: Released) -> Outcome:
            score = usual - np.log(nearest(points, embed(released.samples.values)) + TINY)
            return Outcome(targets.mean(score), score)

        return attempt


class DiscriminatorAttack(Attack):
    """Scores a patient by how real the discriminator takes their windows to be.

    A control has no discriminator; it gets one that has memorised its samples and scores how near a window is to them.
    """

    name = "discriminator"
    knows = "the patient's recording, and the discriminator that trained with the generator"
    blind = "whatever D did not memorise"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Return the attack; there is nothing to learn."""

        def attempt(released: Released) -> Outcome:
            discriminator = released.samples.discriminator
            if isinstance(released.samples, Control):
                learned = -released.distance.min(axis=0).astype(np.float64)
                return Outcome(targets.mean(learned), learned)
            if discriminator is None:
                raise NotHere(
                    "these samples have no discriminator that trained with their generator. synthetic=<run folder> "
                    "with checkpoint=last, or a name in its checkpoints, brings one."
                )
            score = np.asarray(discriminator(targets.samples), np.float64)
            return Outcome(targets.mean(score), score)

        return attempt
