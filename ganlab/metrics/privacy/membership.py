r"""Membership inference: was this person's recording among those that trained the generator?

Whoever attacks holds recordings of persons and wants to know who of them trained. A score of a window becomes one of a
person: the mean of the windows' where each of them says something, the greatest where one that was copied tells all.

`nearest` is the distance to the closest released sample (GAN-Leaks, Chen et al., CCS 2020). `calibrated` asks how much
closer it is than the closest of other real persons, $\log d_{ref} - \log d_{syn}$: windows that are like everybody's
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
from ganlab.metrics.base import Array, Real, SampleSet, Statistic
from ganlab.metrics.embedding import Embed, RandomConvolutions
from ganlab.metrics.privacy.attack import Floats, Targets

TINY = 1e-3
"""Added to distances of windows before their logarithm is taken; two windows without anything in common have 1.4."""
COMPONENTS = 64
"""Principal components of the embedding in which densities are compared."""
BLOCK = 256
"""Windows whose distances are taken together, which bounds the memory."""


class NotHere(UserError):
    """An attack that cannot be made on these samples."""


@dataclass(frozen=True)
class Released:
    """What is given away: samples, and their distances to those under attack, `(N, T)`."""

    samples: SampleSet
    distance: NDArray[np.floating]


@dataclass(frozen=True)
class Outcome:
    """Scores of the P persons, `(P,)`, of the T samples under attack where there are some, and other numbers by name.

    `shown` holds plain values for a page.
    """

    person: Floats
    sample: Floats | None = None
    numbers: Mapping[str, Statistic] | None = None
    shown: Mapping[str, object] | None = None


Attempt = Callable[[Released], Outcome]
"""Raises NotHere for samples that lack what the attack needs."""


class Control(SampleSet):
    """A control: as if it came with a discriminator that knows it by heart."""


class Attack(ABC):
    """A way to tell members from non-members. `knows` says what whoever attacks has beside the released samples."""

    name: ClassVar[str]
    knows: ClassVar[str]
    sees: ClassVar[tuple[str, ...]] = ("copy", "noisy_copy")
    blind: ClassVar[str]
    """What it cannot see, in words."""

    @abstractmethod
    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Learn from `real.attacked.knowledge`; what is returned attacks released samples.

        `distance` is that of two sets of samples, `(N, M)`.
        """


class Nearest(Attack):
    """The closer a person's closest window is to a released one, the likelier a member."""

    name = "nearest"
    knows = "the person's recording"
    blind = "copies among windows that resemble everybody's"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """There is nothing to learn."""

        def attempt(released: Released) -> Outcome:
            score = -released.distance.min(axis=0).astype(np.float64)
            return Outcome(targets.greatest(score), score)

        return attempt


class Calibrated(Attack):
    """The closer than to windows of persons who have nothing to do with it, the likelier a member."""

    name = "calibrated"
    knows = "the person's recording, and recordings of persons who are in neither set"
    blind = "leaks that are no windows like the recorded ones"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Distances to the closest window of other persons."""
        assert real.attacked is not None
        usual = np.log(distance(real.attacked.knowledge, targets.samples).min(axis=0) + TINY)

        def attempt(released: Released) -> Outcome:
            score = (usual - np.log(released.distance.min(axis=0) + TINY)).astype(np.float64)
            return Outcome(targets.mean(score), score)

        return attempt


class Density(Attack):
    """The denser the released windows are about it, for the density of other persons' there, the likelier a member."""

    name = "density"
    knows = "the person's recording, and recordings of persons who are in neither set"
    sees = ("copy",)
    blind = "copies with noise, which are elsewhere in the embedding"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """The embedding, its components and the density of other persons, all from these."""
        assert real.attacked is not None
        embed = _components(real)
        points, known = embed(targets.samples.values), embed(real.attacked.knowledge.values)
        usual = np.log(_nearest(points, known) + TINY)

        def attempt(released: Released) -> Outcome:
            score = usual - np.log(_nearest(points, embed(released.samples.values)) + TINY)
            return Outcome(targets.mean(score), score)

        return attempt


class DiscriminatorAttack(Attack):
    """The surer D is that a window is a real one, the likelier a member.

    A control has no D; it is given one that knows the control's samples by heart and says how near a window is to them.
    """

    name = "discriminator"
    knows = "the person's recording, and the discriminator that trained with the generator"
    blind = "whatever D did not learn by heart"

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """There is nothing to learn."""

        def attempt(released: Released) -> Outcome:
            verdict = released.samples.discriminator
            if isinstance(released.samples, Control):
                learned = -released.distance.min(axis=0).astype(np.float64)
                return Outcome(targets.mean(learned), learned)
            if verdict is None:
                raise NotHere(
                    "these samples came without the discriminator that trained with their generator. "
                    "synthetic=<run folder> with checkpoint=last, or a name in its checkpoints, brings one."
                )
            score = np.asarray(verdict(targets.samples.values), np.float64)
            return Outcome(targets.mean(score), score)

        return attempt


def _components(real: Real) -> Embed:
    """Principal components of the random convolutions, fitted to the knowledge of whoever attacks."""
    from sklearn.decomposition import PCA

    assert real.attacked is not None
    knowledge = real.attacked.knowledge
    embed = RandomConvolutions().fit(replace(real, train=knowledge))
    features = embed(knowledge.values)
    basis = PCA(min(COMPONENTS, *features.shape), svd_solver="full").fit(features)
    return lambda windows: basis.transform(embed(windows))


def _nearest(points: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    parts = [cdist(points[k : k + BLOCK], others).min(axis=1) for k in range(0, len(points), BLOCK)]
    return np.concatenate(parts)
