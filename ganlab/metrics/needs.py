"""How many samples a metric needs, and that they are numbers."""

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Array


class TooFew(UserError):
    """There are not enough samples for a number."""


MORE_TRAINING = "More patients or records, or a larger metrics.train= where it is below what they have."
MORE_REFERENCE = (
    "More patients to compare with (split.validation=, split.test=), or a larger metrics.samples= where it is below "
    "what they have."
)


def need(count: int, least: int, what: str, advice: str = "") -> None:
    """Raise TooFew, with the advice, where `count` is below `least`."""
    if count < least:
        raise TooFew(f"{count} {what}, and {least} {'is' if least == 1 else 'are'} needed. {advice}".strip())


def need_generated(count: int, least: int, what: str, train: int) -> None:
    """Raise TooFew where `count` generated samples are below `least`; no more are compared than `train` samples."""
    more = "More of them: metrics.samples=, or n= when sampling."
    need(
        count,
        least,
        what,
        more if train >= least else f"At most as many are compared as there are training samples ({train}).",
    )


def check_finite(values: Array, noun: str = "samples") -> Array:
    """Return the samples `(N, *)` as they are. Raises UserError where some hold NaN or infinity, with their count."""
    broken = int((~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))).sum())
    if broken:
        raise UserError(f"{broken} of {len(values)} {noun} hold NaN or infinity: leave them out first.")
    return values
