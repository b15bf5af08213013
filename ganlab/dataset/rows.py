"""Which rows of a step's batch a process has, where several train together."""

from typing import NamedTuple


class Rows(NamedTuple):
    """Rows `first` to `last`, excluded, of a batch of `whole`.

    `weight` is what the mean over them counts for in the mean over the processes, so that this is the mean over the
    batch.
    """

    first: int
    last: int
    whole: int
    weight: float


def rows(whole: int, rank: int, world: int, group: int = 1) -> Rows:
    """The rows of process `rank` of `world`: neighbours, in whole groups, as many as the others have or one group more.

    `group` is how many neighbouring samples a network judges together. A batch of fewer groups than processes, or not
    of whole ones, is not cut: each process computes all of it, and the mean of equals is what one would have.
    """
    groups, rest = divmod(whole, group)
    if rest or groups < world:
        return Rows(0, whole, whole, 1.0)
    first, last = (group * (groups * edge // world) for edge in (rank, rank + 1))
    return Rows(first, last, whole, world * (last - first) / whole)
