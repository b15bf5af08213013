"""The slice of a step's batch that one process computes, where several train together."""

from typing import NamedTuple


class BatchSlice(NamedTuple):
    """Samples `first` to `last`, excluded, of a batch of `whole`.

    `weight` is the weight of their mean in the mean over the processes, which makes the latter the mean over the batch.
    """

    first: int
    last: int
    whole: int
    weight: float


def batch_slice(whole: int, rank: int, world: int, group: int = 1) -> BatchSlice:
    """Return the slice of process `rank` of `world`: whole groups, as many as the others have or one group more.

    `group` is the number of neighbouring samples that a network judges together. A batch of fewer groups than
    processes, or not of whole ones, is not cut: each process computes all of it, and the mean of equals is the same.
    """
    groups, rest = divmod(whole, group)
    if rest or groups < world:
        return BatchSlice(0, whole, whole, 1.0)
    first, last = (group * (groups * edge // world) for edge in (rank, rank + 1))
    return BatchSlice(first, last, whole, world * (last - first) / whole)
