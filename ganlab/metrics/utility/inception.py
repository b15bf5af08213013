r"""The Inception Score with an ECG classifier.

The score (Salimans et al., NeurIPS 2016; section 4.7 of the paper) is $\exp \mathbb{E}_x \mathrm{KL}(p(y|x) \,\|\,
p(y))$ with the classifier of `ganlab.metrics.utility.classifier` in the place of Inception. A classifier is surer of
the patients it has learned from than of others, so the score is the mean of classifiers of which each leaves out a part
of the training patients, and scores no window of a patient that it has learned from.
"""

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Window
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.needs import TooFew
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.utility.classifier import STEPS, Probabilities, classify_unseen
from ganlab.metrics.weighted import mean_of_finite


class InceptionScore(Metric):
    """The Inception Score with an ECG classifier, its confidence, and the shares of the classes it predicts."""

    kinds = (Window,)
    numbers = numbers_of("inception")

    def __init__(self, steps: int = STEPS, seed: int = 0) -> None:
        self.steps, self.seed = steps, seed

    def fit(self, real: Real) -> Scorer:
        """Train the classifiers. Raises TooFew where the training samples have no labels or only one."""
        if real.train.labels is not None and real.train.labels.ndim == 2:
            raise TooFew("the Inception Score is of classes that exclude one another, and a sample may be of several.")
        classify = classify_unseen(real, self.seed, self.steps)
        reference = classify(real.reference)

        def score(samples: SampleSet) -> dict[str, Statistic]:
            judged = classify(samples)

            def scored(of: Weights, _: Weights) -> float:
                return mean_of_finite(inception_score(p, of * new) for p, new in judged)

            def confidence(of: Weights, _: Weights) -> float:
                return mean_of_finite(float(_average(p.max(axis=1), of * new)) for p, new in judged)

            def class_distance(of: Weights, other: Weights) -> float:
                return mean_of_finite(
                    0.5 * float(np.abs(_average(a, of * new_a) - _average(b, other * new_b)).sum())
                    for (a, new_a), (b, new_b) in zip(judged, reference, strict=True)
                )

            numbers = {"score": scored, "confidence": confidence, "class_distance": class_distance}
            return {f"inception/{name}": each for name, each in numbers.items()}

        return score


def inception_score(probabilities: Probabilities, weights: Weights) -> float:
    """Return exp of the weighted mean divergence of `(N, K)` probabilities from their mean; NaN for no weight."""
    if not weights.sum():
        return float("nan")
    mean = weights @ probabilities / weights.sum()
    divergence = np.sum(probabilities * (_log(probabilities) - _log(mean)), axis=1)
    return float(np.exp(weights @ divergence / weights.sum()))


def _log(probabilities: Probabilities) -> Probabilities:
    return np.log(np.maximum(probabilities, 1e-12))


def _average(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the weighted mean over the first axis; NaN without weight."""
    return weights @ values / (weights.sum() or np.nan)
