r"""Are samples spread like real ones? Sets of points in an embedding, compared.

An embedding's features are reduced to principal components of the training samples, scaled to a mean variance of 1.
For points $x_i$ of the judged samples and $y_j$ of the reference's, in $d$ dimensions:

- KID (Binkowski et al., ICLR 2018) and MMD (Gretton et al., JMLR 2012) are
  $\overline{k(x_i, x_{i'})} + \overline{k(y_j, y_{j'})} - 2 \overline{k(x_i, y_j)}$ over pairs $i \ne i'$, $j \ne j'$,
  with $k(x, y) = (x \cdot y / d + 1)^3$ and $\exp(-|x - y|^2 / 2 s^2)$, $s$ the median distance of the reference.
- Frechet distance (Heusel et al., NeurIPS 2017):
  $|\mu_x - \mu_y|^2 + \mathrm{tr}(S_x + S_y - 2 (S_x S_y)^{1/2})$.
- Precision and recall (Kynkaanniemi et al., NeurIPS 2019), density and coverage (Naeem et al., ICML 2020), by balls
  that reach to the $k$-th neighbour in a point's own set.
- Vendi score (Friedman and Dieng, TMLR 2023): $\exp$ of the entropy of the eigenvalues of the cosines' matrix.
- Support: $1 / p$ for a share $p$ of pairs that is nearly equal, as the birthday test finds it (Arora and Zhang, ICLR
  2018): of so many different samples, all as frequent, half of the batches of $\sqrt{2 \ln 2 / p}$ hold such a pair.
- Occupancy (after Richardson and Weiss, NeurIPS 2018): Jensen-Shannon divergence of the shares of the cells of k-means.

How diverse real samples are depends on how many persons there are, and the reference has fewer than the training
samples: the ratios of diversity are to the training samples, which are all that a generator can have it from.

Weights are counts: a sample that is drawn twice is no pair with itself.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial.distance import jensenshannon

from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.embedding import Embed, Embedding, check_finite
from ganlab.metrics.weighted import mean

Points = NDArray[np.float32]
Matrix = NDArray[np.float32]

LEAST_TRAIN = 8
"""Training samples that principal components are fitted to."""
FOLDS = 5
"""Of the classifier two-sample test."""
CELLS = 50
"""Of k-means, at most one for four training samples."""
NEAR = 0.001
"""Share of the distances between training samples of different persons below which two samples are nearly equal."""
REPEATED = 0.01
"""Share of the training samples with a neighbour so near that one repeats the other."""
PAIRED = 2000
"""Training samples at most, whose distances are taken for that."""

NUMBERS: Mapping[str, Number] = {
    "kid": Number(
        "",
        "kernel distance to real samples, ruled by the outermost; below 0 by chance; blind to copies, and to collapse "
        "where persons are few",
        best=0.0,
        sees=("noise",),
    ),
    "frechet": Number(
        "",
        "Frechet distance of Gaussians; larger the fewer the samples; blind to all but means and covariances, to "
        "copies, and to collapse where persons are few",
        best=0.0,
        sees=("noise",),
        limits=(0.0, np.inf),
    ),
    "mmd": Number(
        "",
        "kernel distance with a kernel as wide as real samples lie apart; below 0 by chance; blind to copies",
        best=0.0,
        sees=("noise", "noisy_copy"),
    ),
    "precision": Number(
        "",
        "share of samples that lie where real ones do; blind to collapse and copies; low between real persons, whose "
        "balls are small",
        best=1.0,
        sees=("noise", "noisy_copy"),
        limits=(0.0, 1.0),
    ),
    "recall": Number(
        "",
        "share of real samples that lie where these do; blind to copies, and fooled by few samples far away",
        best=1.0,
        sees=("collapsed", "noisy_copy"),
        limits=(0.0, 1.0),
    ),
    "density": Number(
        "",
        "how many balls of real samples hold a sample, over k; near 0 between real persons, whose balls are small, so "
        "it tells little; blind to collapse onto what is frequent and to copies",
        best=1.0,
        limits=(0.0, np.inf),
    ),
    "coverage": Number(
        "",
        "share of real samples that have another in their ball; low between real persons, whose balls are small; "
        "blind to copies",
        best=1.0,
        sees=("collapsed", "noise", "noisy_copy"),
        limits=(0.0, 1.0),
    ),
    "c2st_auc": Number(
        "",
        "how well a linear classifier finds what sets them apart from real samples, for persons that it has not "
        "learned from: AUC, 0.5 is not at all; below 0.5 by chance, most where persons are few; blind to copies",
        best=0.5,
        sees=("noise", "noisy_copy"),
        limits=(0.0, 1.0),
    ),
    "vendi_ratio": Number(
        "",
        "effective number of directions in which samples differ, over that of training samples; blind to what they "
        "show and to copies",
        best=1.0,
        sees=("collapsed", "noise"),
        limits=(0.0, np.inf),
    ),
    "pairwise_ratio": Number(
        "",
        "mean distance of two samples over that of training samples; blind to what they show, to copies, and to few "
        "modes far apart",
        best=1.0,
        limits=(0.0, np.inf),
    ),
    "support_ratio": Number(
        "",
        "how many different samples there are, by how often two are as near as hardly any two persons' are, over that "
        "of training samples; none where no two are; blind to what they show and to copies",
        best=1.0,
        sees=("collapsed",),
        limits=(0.0, np.inf),
    ),
    "near_duplicates": Number(
        "",
        "share of samples that have another nearer than 99 of 100 training samples have, of as many; "
        "blind to what they show and to copies of samples that differ",
        best=0.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "occupancy": Number(
        "bit",
        "divergence of the shares in which they fall into cells of training samples; large between real persons; "
        "blind to what is strange within a cell, and to copies",
        best=0.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
}


class Distribution(Metric):
    """Numbers of two sets of points in an embedding.

    Arguments:
        embedding: What makes points of samples.
        components: Principal components of the training samples, at most; fewer where these are less than twice as
            many, or have less features.
        name: What the numbers' names begin with.
        k: Neighbours within the radius of a ball, for precision, recall, density and coverage.
        classifier: Whether the two-sample test is made, which takes longest.
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
        self.embedding = embedding
        self.components = components
        self.name = name
        self.k = k
        self.classifier = classifier
        asked = {key: number for key, number in NUMBERS.items() if classifier or key != "c2st_auc"}
        self.numbers = {f"{name}/{key}": _blinded(number, embedding.blind) for key, number in asked.items()}

    def check(self, kind: Kind) -> None:
        """Raise UserError for samples that the embedding does not take."""
        super().check(kind)
        self.embedding.check(kind)

    def fit(self, real: Real) -> Scorer:
        """Components, cells and thresholds of the training samples; raises TooFew for a handful of samples."""
        from sklearn.cluster import KMeans
        from sklearn.metrics.pairwise import euclidean_distances

        self.check(real.kind)
        need(len(real.train), LEAST_TRAIN, "training samples")
        need(len(real.reference), self.k + 2, "reference samples")
        embed = _reduced(self.embedding.fit(real), real, self.components)
        train = embed(real.train.values)
        few = evenly(PAIRED, len(train))
        learned = Cloud(train[few], self.k)
        near = threshold(learned.distances, None if real.train.persons is None else real.train.persons[few])
        best = {key: each(np.ones(len(few)), np.ones(0)) for key, each in _diversity(learned, near).items()}
        cells = KMeans(min(CELLS, len(train) // 4), n_init=1, random_state=0).fit(train)
        reference = Cloud(embed(real.reference.values), self.k)
        width = float(np.median(reference.distances[np.triu_indices(len(reference.points), 1)])) or 1.0

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            need(len(samples), self.k + 2, "samples")
            cloud = reference if samples is real.reference else Cloud(embed(samples.values), self.k)
            between = euclidean_distances(cloud.points, reference.points)
            found = _kernels(cloud, reference, between, width) | _balls(cloud, reference, between, self.k)
            del between
            for key, statistic in _diversity(cloud, near).items():
                found[f"{key}_ratio"] = _over(statistic, best[key])
            found["near_duplicates"] = _duplicates(cloud, repeated(train, min(len(samples), len(train))))
            found["frechet"] = _frechet(cloud.points, reference.points)
            found["occupancy"] = _occupancy(cells.predict(cloud.points), cells.predict(reference.points))
            if self.classifier:
                groups = _persons(samples, cloud.points, real.train, train)
                auc = _c2st(cloud.points, reference.points, groups, real.reference.persons)
                found |= {"c2st_auc": auc} if auc is not None else {}
            return {f"{self.name}/{key}": found[key] for key in NUMBERS if key in found}

        return judge


def frechet(mean_a: Any, covariance_a: Any, mean_b: Any, covariance_b: Any) -> float:
    r"""Squared Frechet (2-Wasserstein) distance of two Gaussians with means `(d,)` and covariances `(d, d)`.

    The trace of $(S_a S_b)^{1/2}$ is that of $(R^T S_b R)^{1/2}$ for $S_a = R R^T$, which is symmetric.
    """
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(np.maximum(values, 0))
    crossed = np.linalg.eigvalsh(root.T @ covariance_b @ root)
    apart = float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a) + np.trace(covariance_b))
    return max(apart - 2 * float(np.sqrt(np.maximum(crossed, 0)).sum()), 0.0)


def threshold(distances: Matrix, persons: NDArray[np.int64] | None) -> float:
    """Below it are 0.1 % of the distances `(N, N)` between different persons; of all where nobody is known."""
    upper = np.triu_indices(len(distances), 1)
    if persons is None or len(np.unique(persons)) < 2:
        return float(np.quantile(distances[upper], NEAR))
    return float(np.quantile(distances[upper][persons[upper[0]] != persons[upper[1]]], NEAR))


def repeated(points: Points, count: int) -> float:
    """Nearer than this to another are only 1 % of points `(N, d)`, of which `count` are taken."""
    from sklearn.neighbors import NearestNeighbors

    few = points[evenly(count, len(points))]
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(few).kneighbors()[0]
    return float(np.quantile(nearest, REPEATED))


@dataclass(frozen=True)
class Cloud:
    """Points `(N, d)` with the distances between them."""

    points: Points
    k: int

    @cached_property
    def distances(self) -> Matrix:
        """Of any two points, `(N, N)`; 0 of a point to itself."""
        from sklearn.metrics.pairwise import euclidean_distances

        return euclidean_distances(self.points)

    @cached_property
    def radius(self) -> Points:
        """The distance of each point to the `k`-th of its neighbours, `(N,)`."""
        return np.partition(self.distances, self.k, axis=1)[:, self.k].copy()


def _blinded(number: Number, blind: tuple[str, ...]) -> Number:
    seen = tuple(control for control in number.sees if control not in blind)
    return Number(number.unit, number.meaning, number.best, seen, number.limits)


def _reduced(embed: Embed, real: Real, components: int) -> Embed:
    from sklearn.decomposition import PCA

    check_finite(real.train.values)
    features = embed(real.train.values)
    kept = max(1, min(components, len(features) // 2, features.shape[1]))
    basis = PCA(kept, svd_solver="covariance_eigh").fit(features)
    scale = np.sqrt(basis.explained_variance_.mean()) or 1.0

    def reduced(values: Any) -> Points:
        check_finite(values)
        return (basis.transform(embed(values)) / scale).astype(np.float32)

    return reduced


def _kernels(cloud: Cloud, reference: Cloud, between: Matrix, width: float) -> dict[str, Statistic]:
    pairs = (cloud.points, cloud.points), (reference.points, reference.points), (cloud.points, reference.points)
    apart = cloud.distances, reference.distances, between
    return {
        "kid": discrepancy(*(_cubic(*pair) for pair in pairs)),
        "mmd": discrepancy(*(_gaussian(each, width) for each in apart)),
    }


def _cubic(a: Points, b: Points) -> Matrix:
    kernel = a @ b.T
    kernel /= np.float32(a.shape[1])
    kernel += 1
    return np.power(kernel, 3, out=kernel)


def _gaussian(distances: Matrix, width: float) -> Matrix:
    kernel = np.square(distances)
    kernel *= np.float32(-0.5 / width**2)
    return np.exp(kernel, out=kernel)


def discrepancy(within: Matrix, reference: Matrix, between: Matrix) -> Statistic:
    """The unbiased squared MMD from kernels `(N, N)`, `(M, M)` and `(N, M)`."""

    def statistic(judged: Weights, real: Weights) -> float:
        cross = judged @ _times(between, real) / (judged.sum() * real.sum())
        return float(pair_mean(within, judged) + pair_mean(reference, real) - 2 * cross)

    return statistic


def pair_mean(values: Any, weights: Weights) -> float:
    """Mean of `(N, N)` over pairs of different indices; NaN where less than two weigh anything."""
    own = weights**2
    pairs = weights.sum() ** 2 - own.sum()
    total = weights @ _times(values, weights) - own @ values.diagonal()
    return float(total / pairs) if pairs > 0 else float("nan")


def _times(matrix: Any, weights: Weights) -> NDArray[np.float64]:
    return np.asarray(matrix @ weights.astype(np.float32), np.float64)


def _balls(cloud: Cloud, reference: Cloud, between: Matrix, k: int) -> dict[str, Statistic]:
    in_real = csr_matrix(between < reference.radius, dtype=np.float32)
    of_real = in_real.T.tocsr()
    in_judged = csr_matrix((between < cloud.radius[:, None]).T, dtype=np.float32)

    def density(judged: Weights, real: Weights) -> float:
        return mean(_times(in_real, real) * len(real) / (k * real.sum()), judged)

    return {
        "precision": lambda judged, real: mean((_times(in_real, real) > 0).astype(float), judged),
        "recall": lambda judged, real: mean((_times(in_judged, judged) > 0).astype(float), real),
        "density": density,
        "coverage": lambda judged, real: mean((_times(of_real, judged) > 0).astype(float), real),
    }


def _diversity(cloud: Cloud, near: float) -> dict[str, Statistic]:
    close = _closer(cloud, near)

    def support(judged: Weights, _: Weights) -> float:
        share = pair_mean(close, judged)
        return 1 / share if share > 0 else float("nan")

    return {
        "vendi": lambda judged, _: vendi(cloud.points, judged),
        "pairwise": lambda judged, _: pair_mean(cloud.distances, judged),
        "support": support,
    }


def _over(statistic: Statistic, best: float) -> Statistic:
    return lambda judged, real: statistic(judged, real) / best if best > 0 else float("nan")


def _duplicates(cloud: Cloud, alike: float) -> Statistic:
    close = _closer(cloud, alike)
    return lambda judged, _: mean((_times(close, judged) > 0).astype(float), judged)


def _closer(cloud: Cloud, near: float) -> csr_matrix:
    close = csr_matrix(cloud.distances < near, dtype=np.float32)
    close.setdiag(0)
    close.eliminate_zeros()
    return close


def vendi(points: Points, weights: Weights) -> float:
    """Vendi score of points `(N, d)` by the cosines between them: 1 where all are alike, d at most."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    unit = points / np.where(length > 0, length, 1)
    share = (weights / weights.sum()).astype(np.float32)[:, None]
    values = np.linalg.eigvalsh((unit.T @ (unit * share)).astype(np.float64))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def _frechet(a: Points, b: Points) -> Statistic:
    def moments(points: Points, weights: Weights) -> tuple[Any, Any]:
        centre = weights @ points / weights.sum()
        off = (points - centre) * np.sqrt(weights / max(weights.sum() - 1, 1))[:, None]
        return centre, off.T @ off

    return lambda judged, real: frechet(*moments(a, judged), *moments(b, real))


def _occupancy(judged: NDArray[Any], real: NDArray[Any]) -> Statistic:
    cells = int(max(judged.max(), real.max())) + 1

    def divergence(of_judged: Weights, of_real: Weights) -> float:
        shares = np.bincount(judged, of_judged, cells), np.bincount(real, of_real, cells)
        return float(jensenshannon(*shares, base=2)) ** 2

    return divergence


def _persons(samples: SampleSet, points: Points, train: SampleSet, known: Points) -> NDArray[np.int64] | None:
    """Whose samples are; nobody's samples go with the training person whose sample is nearest, whom they may copy."""
    if samples.persons is not None or train.persons is None:
        return samples.persons
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known).kneighbors(points, return_distance=False)
    return train.persons[nearest[:, 0]]


def _c2st(a: Points, b: Points, of_a: NDArray[Any] | None, of_b: NDArray[Any] | None) -> Statistic | None:
    """AUC of judged against reference, each person's samples scored by a classifier of the others; None for one."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    both, judged = np.concatenate([a, b]), np.repeat([1, 0], [len(a), len(b)])
    alone = -1 - np.arange(len(both))
    groups = np.concatenate([alone[: len(a)] if of_a is None else of_a, alone[len(a) :] if of_b is None else of_b])
    folds = min(FOLDS, *(len(np.unique(groups[judged == side])) for side in (0, 1)))
    if folds < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_val_predict(model, both, judged, groups=groups, cv=parts, method="decision_function")

    def auc(of_judged: Weights, of_real: Weights) -> float:
        # With few persons a classifier that finds nothing is below 0.5: whoever is left out is missing in training.
        return float(roc_auc_score(judged, scores, sample_weight=np.concatenate([of_judged, of_real])))

    return auc
