r"""Are samples spread like real ones? Sets of points in an embedding, compared.

An embedding's features are reduced to principal components of the training samples, scaled to a mean variance of 1. The
numbers are those of `kid`, `frechet`, `coverage`, `c2st`, `vendi` and `near_duplicates`; the width of MMD's kernel is
the median distance of the reference. Occupancy (after Richardson and Weiss, NeurIPS 2018) is the Jensen-Shannon
divergence of the shares of the cells of k-means.

How diverse real samples are depends on how many patients there are, and the reference has fewer than the training
samples: the ratios of diversity are to the training samples, which are all that a generator can have it from.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.c2st import linear, nonlinear, patients_or_nearest, two_sample_auc
from ganlab.metrics.coverage import coverage, density, precision, recall
from ganlab.metrics.embedding import Embed, Embedding
from ganlab.metrics.frechet import frechet_distance
from ganlab.metrics.kid import cubic, gaussian, unbiased_mmd
from ganlab.metrics.near_duplicates import near_duplicates, neighbour_threshold, pair_threshold, support
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, check_finite, need, need_generated
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.once import Once, lazily
from ganlab.metrics.points import pair_mean
from ganlab.metrics.vendi import vendi
from ganlab.metrics.weighted import jensen_shannon

Points = NDArray[np.float32]

LEAST_TRAIN = 8
"""Training samples to which principal components are fitted at least."""
LOCAL = 4
"""Samples of each set at least, as a multiple of the neighbours in a ball: else a ball holds most of the set."""
CELLS = 50
"""Cells of k-means, at most one for four training samples."""
PAIRED = 2000
"""Training samples at most whose pairwise distances are taken."""

CLASSIFIERS = {"c2st_auc": linear, "c2st_nonlinear_auc": nonlinear}
"""Classifiers of the two-sample tests, by the names of their numbers."""


class Distribution(Metric):
    """Numbers of two sets of points in an embedding; their names begin with `name`.

    There are at most as many principal `components` of the training samples, fewer where these are less than twice as
    many or have less features; `k` neighbours lie within the radius of a ball, for precision, recall, density and
    coverage. The two-sample tests by a `classifier` take longest.
    """

    kinds = (Window, Row, Image)

    def __init__(
        self,
        embedding: Embedding,
        components: int = 64,
        name: str = "distribution",
        k: int = 5,
        classifier: bool = True,
    ) -> None:
        self.embedding, self.components, self.name = embedding, components, name
        self.k, self.classifier = k, classifier
        numbers = numbers_of("distribution", f"{name}/", blind=embedding.blind)
        self.numbers = {key: each for key, each in numbers.items() if classifier or "/c2st_" not in key}

    def check(self, kind: Kind) -> None:
        """Raise UserError for samples that the embedding does not take."""
        super().check(kind)
        self.embedding.check(kind)

    def fit(self, real: Real) -> Scorer:
        """Learn components, cells and thresholds of the training samples. Raises TooFew for a handful of samples."""
        from sklearn.cluster import KMeans

        self.check(real.kind)
        need(len(real.train), LEAST_TRAIN, "training samples", MORE_TRAINING)
        need(len(real.reference), self.k + 2, "reference samples", MORE_REFERENCE)
        train, points = _reduced(self.embedding.fit(real), real, self.components)
        few = evenly(PAIRED, len(train))
        learned = Cloud(train[few], self.k)
        near = pair_threshold(learned.distances, None if real.train.patients is None else real.train.patients[few])
        best = {key: each(np.ones(len(few)), np.ones(0)) for key, each in _diversity(learned, near).items()}
        cells = KMeans(min(CELLS, len(train) // 4), n_init=1, random_state=0).fit(train)
        reference = Cloud(points(real.reference), self.k)
        alike = cache(lambda count: neighbour_threshold(train, count))
        width = float(np.median(reference.distances[np.triu_indices(len(reference.points), 1)])) or 1.0

        def score(samples: SampleSet) -> dict[str, Statistic]:
            need_generated(len(samples), self.k + 2, "generated samples", len(real.train))
            cloud = reference if samples is real.reference else Cloud(points(samples), self.k)
            numbers = _compared(cloud, reference, width)
            for key, statistic in _diversity(cloud, near).items():
                numbers[f"{key}_ratio"] = _over(statistic, best[key])
            numbers["near_duplicates"] = lazily(
                lambda: near_duplicates(cloud.distances, alike(min(len(samples), len(train))))
            )
            numbers["frechet"] = frechet_distance(cloud.points, reference.points)
            numbers["occupancy"] = lazily(
                lambda: _occupancy(cells.predict(cloud.points), cells.predict(reference.points))
            )
            if self.classifier:
                groups = patients_or_nearest(samples, cloud.points, real.train, train)
                pair = cloud.points, reference.points, groups, real.reference.patients
                areas = {key: two_sample_auc(model(), *pair) for key, model in CLASSIFIERS.items()}
                numbers |= {key: area for key, area in areas.items() if area is not None}
            named = {f"{self.name}/{key}": each for key, each in numbers.items()}
            kept = {key: named[key] for key in self.numbers if key in named}
            return Scores(kept, not_measurable=self._not_measurable(len(samples), len(reference.points), kept))

        return score

    def _not_measurable(self, judged: int, real: int, numbers: Collection[str]) -> dict[str, str]:
        """Return why numbers that follow from neighbours, or from a classifier of patients, say nothing here."""
        reasons: dict[str, str] = {}
        if min(judged, real) < LOCAL * self.k:
            reason = (
                f"{judged} generated and {real} reference samples, and each is compared with {self.k} neighbours: "
                f"at least {LOCAL * self.k} of each are needed."
            )
            reasons |= {f"{self.name}/{key}": reason for key in ("precision", "recall", "density", "coverage")}
        alone = "one side has a single patient, and a classifier must be tested on patients whom it did not learn from."
        named = [f"{self.name}/{key}" for key in CLASSIFIERS if self.classifier]
        reasons |= {key: alone for key in named if key not in numbers}
        return reasons


@dataclass(frozen=True)
class Cloud:
    """Points `(N, d)` with the distances between them."""

    points: Points
    k: int

    @cached_property
    def distances(self) -> Points:
        """Distances of all pairs, `(N, N)`; 0 of a point to itself."""
        from sklearn.metrics.pairwise import euclidean_distances

        return euclidean_distances(self.points)

    @cached_property
    def radius(self) -> Points:
        """The distance of each point to its `k`-th neighbour, `(N,)`."""
        return np.partition(self.distances, self.k, axis=1)[:, self.k].copy()


def _reduced(embed: Embed, real: Real, components: int) -> tuple[Points, Once]:
    """Return the training samples and what embeds others, in principal components of the training samples."""
    from sklearn.decomposition import PCA

    features = embed(check_finite(real.train.values))
    kept = max(1, min(components, len(features) // 2, features.shape[1]))
    basis = PCA(kept, svd_solver="covariance_eigh").fit(features)
    scale = np.sqrt(basis.explained_variance_.mean()) or 1.0

    def project(embedded: Points) -> Points:
        return (basis.transform(embedded) / scale).astype(np.float32)

    train, points = project(features), Once(lambda samples: project(embed(check_finite(samples.values))), real)
    points.keep(real.train, train)
    return train, points


def _compared(cloud: Cloud, reference: Cloud, width: float) -> dict[str, Statistic]:
    from sklearn.metrics.pairwise import euclidean_distances

    pairs = (cloud.points, cloud.points), (reference.points, reference.points), (cloud.points, reference.points)

    @cache
    def between() -> Points:
        return euclidean_distances(cloud.points, reference.points)

    @cache
    def in_real() -> csr_matrix:
        return csr_matrix(between() < reference.radius, dtype=np.float32)

    def in_judged() -> csr_matrix:
        return csr_matrix((between() < cloud.radius[:, None]).T, dtype=np.float32)

    apart = (lambda: cloud.distances), (lambda: reference.distances), between
    return {
        "kid": lazily(lambda: unbiased_mmd(*(cubic(*pair) for pair in pairs))),
        "mmd": lazily(lambda: unbiased_mmd(*(gaussian(each(), width) for each in apart))),
        "precision": lazily(lambda: precision(in_real())),
        "recall": lazily(lambda: recall(in_judged())),
        "density": lazily(lambda: density(in_real(), cloud.k)),
        "coverage": lazily(lambda: coverage(in_real().T.tocsr())),
    }


def _diversity(cloud: Cloud, near: float) -> dict[str, Statistic]:
    return {
        "vendi": lambda judged, _: vendi(cloud.points, judged),
        "pairwise": lambda judged, _: pair_mean(cloud.distances, judged),
        "support": lazily(lambda: support(cloud.distances, near)),
    }


def _over(statistic: Statistic, best: float) -> Statistic:
    return lambda judged, real: statistic(judged, real) / best if best > 0 else float("nan")


def _occupancy(judged: NDArray[np.int64], real: NDArray[np.int64]) -> Statistic:
    cells = int(max(judged.max(), real.max())) + 1
    return lambda of, other: jensen_shannon(np.bincount(judged, of, cells), np.bincount(real, other, cells))
