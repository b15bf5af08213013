"""Exact confidence bounds of proportions."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def proportion_interval(hits: int, count: int, tail: float = 0.025) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson (1934) for `hits` of `count` trials; 0 to 1 for no trial.

    Each end is a one-sided bound that the true proportion passes with a probability of at most `tail`: both together
    are the 95 % confidence interval by default.
    """
    # scipy.stats.binomtest has the same interval, but searches for its ends: to 1e-9 only.
    from scipy.stats import beta

    low = float(beta.ppf(tail, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, count - hits)) if hits < count else 1.0
    return low, high
