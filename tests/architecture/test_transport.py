"""Transport: drawn numbers come to be distributed as those of few training windows."""

import torch
from torch import Tensor

from ganlab.architecture.patient import energy_distance
from ganlab.architecture.transport import Transport


def sparse(count: int, seed: int) -> Tensor:
    """Return numbers of which each row has few large ones, along axes that are not those of the numbers."""
    draws = torch.Generator().manual_seed(seed)
    large = torch.rand(count, 6, generator=draws) < 0.15
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(9)))[0]
    return torch.randn(count, 6, generator=draws) * (0.1 + 2 * large) @ turn


def test_normal_numbers_become_those_of_other_windows_of_the_same_kind() -> None:
    wanted, unseen = sparse(400, 0), sparse(2000, 1)
    drawn, fresh = torch.randn(2000, 6), torch.randn(2000, 6) * wanted.std(0)
    transport = Transport(6)
    torch.testing.assert_close(transport(fresh), fresh)
    transport.fit(drawn * wanted.std(0), wanted)
    own = energy_distance(unseen, unseen.flip(0))

    def away(x: Tensor) -> float:
        return float(energy_distance(x, unseen) - own)

    assert away(transport(fresh)) < 0.3 * away(fresh)
    # Of the axes of the numbers alone, without independent components, that is not reached.
    each = torch.stack([w.quantile(torch.rand(2000)) for w in wanted.T], 1)
    assert away(transport(fresh)) < 0.7 * away(each)


def test_fewer_windows_than_numbers_are_no_error_and_nothing_is_far_out() -> None:
    wanted, transport = sparse(5, 0), Transport(6)
    transport.fit(torch.randn(500, 6), wanted)
    moved = transport(10 * torch.randn(500, 6))
    assert moved.isfinite().all()
    assert moved.abs().max() < 100
