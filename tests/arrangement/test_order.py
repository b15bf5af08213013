"""Which sample stands at which pixel."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganlab.architecture import cnn
from ganlab.arrangement import order
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from tests.arrangement.built import arranged


def path(chosen: Tensor, width: int | None = None) -> Tensor:
    """Rows and columns `(samples, 2)` of the pixels in the order of time."""
    width = width or round(len(chosen) ** 0.5)
    pixels = chosen.argsort()
    return torch.stack([pixels // width, pixels % width], dim=1)


def test_pixels_of_the_documents_orders() -> None:
    pixels = torch.arange(9.0).view(1, 1, 9)
    images = {
        chosen.__name__: Leads(order=chosen, side=3).encode(pixels)[0, 0].tolist()
        for chosen in (order.z, order.transposed, order.reversed_z, order.serpentine)
    }
    assert images["z"] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert images["transposed"] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert images["reversed_z"] == [[8, 7, 6], [5, 4, 3], [2, 1, 0]]
    assert images["serpentine"] == [[0, 1, 2], [5, 4, 3], [6, 7, 8]]


@pytest.mark.parametrize("name", ["z", "transposed", "serpentine", "hilbert", "random"])
def test_choices_have_the_order_of_their_name(name: str) -> None:
    assert arranged(name).pixel_to_sample.equal(getattr(order, name)(45))


@pytest.mark.parametrize("chosen", [order.serpentine, order.hilbert])
def test_no_step_leaves_a_pixels_four_neighbours_at_any_side(chosen: Callable[[int], Tensor]) -> None:
    for side in range(1, 61):
        steps = path(chosen(side)).diff(dim=0)
        assert chosen(side).sort().values.equal(order.z(side))
        assert (steps.abs().sum(1) == 1).all(), side


@pytest.mark.parametrize("chosen", [order.serpentine, order.hilbert])
def test_nor_in_any_image_that_is_no_square(chosen: Callable[[tuple[int, int]], Tensor]) -> None:
    for height, width in [(25, 40), (50, 100), (7, 3), (3, 7), (2, 9), (1, 6), (9, 2), (40, 26)]:
        if chosen is order.hilbert and width % 2 and not height % 2:
            with pytest.raises(UserError, match=r"even height and an odd width; accepted is \[9,2\]"):
                chosen((height, width))
            continue
        steps = path(chosen((height, width)), width).diff(dim=0)
        assert chosen((height, width)).sort().values.equal(torch.arange(height * width))
        assert (steps.abs().sum(1) == 1).all(), (height, width)


def test_orders_of_images_that_are_no_squares() -> None:
    pixels = torch.arange(6.0).view(1, 1, 6)
    images = {
        chosen.__name__: Leads(order=chosen, side=[2, 3]).encode(pixels)[0, 0].tolist()
        for chosen in (order.z, order.transposed, order.reversed_z, order.serpentine)
    }
    assert images["z"] == [[0, 1, 2], [3, 4, 5]]
    assert images["transposed"] == [[0, 2, 4], [1, 3, 5]]
    assert images["reversed_z"] == [[5, 4, 3], [2, 1, 0]]
    assert images["serpentine"] == [[0, 1, 2], [5, 4, 3]]
    assert order.stripes((4, 3), leads=2).tolist() == [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11]
    assert order.squares((2, 4), leads=2, block=2).tolist() == [0, 1, 4, 5, 2, 3, 6, 7]


def test_sizes_for_a_window() -> None:
    assert [next(order.sizes(pixels)) for pixels in (1000, 5000, 2025, 997)] == [
        (25, 40),
        (50, 100),
        (45, 45),
        (32, 32),
    ]
    assert [*order.sizes(7)][:2] == [(3, 3), (4, 4)]
    assert all(height * width >= 997 for height, width in order.sizes(997))


def test_hilbert_keeps_what_is_near_in_time_near_in_the_image() -> None:
    def farthest(chosen: Tensor, lag: int) -> float:
        places = path(chosen).double()
        return float((places[lag:] - places[:-lag]).norm(dim=1).max())

    for side in (32, 45):
        for lag in (4, 16, 44, 100, 400):
            assert farthest(order.hilbert(side), lag) <= 3 * lag**0.5
        assert path(order.hilbert(side))[[0, -1]].tolist() == [[0, 0], [0, side - 1]]
    assert farthest(order.serpentine(45), 44) > 3 * 44**0.5


def test_random_is_its_seeds_and_nearly_nothing_stays_beside_its_neighbour() -> None:
    assert order.random(45).equal(order.random(45, seed=0))
    assert not order.random(45).equal(order.random(45, seed=1))
    assert arranged("random").pixel_to_sample.equal(order.random(45))
    assert order.random(3).tolist() == [7, 2, 1, 4, 8, 6, 3, 0, 5]
    assert (path(order.random(45)).diff(dim=0).abs().sum(1) <= 1).float().mean() < 0.01


def places_of_leads(name: str) -> Tensor:
    """Which of the three leads each pixel shows, `(45, 45)`."""
    leads = torch.arange(3.0)[None, :, None].expand(1, 3, 675)
    return arranged(name).encode(leads)[0, 0]


def test_three_leads_in_one_channel_stand_where_they_say() -> None:
    row, column = torch.meshgrid(torch.arange(45), torch.arange(45), indexing="ij")
    assert places_of_leads("concat").equal((row // 15).float())
    assert places_of_leads("stripes").equal((row % 3).float())
    assert places_of_leads("squares").equal(((row // 15 + column // 15) % 3).float())


def test_stripes_and_squares_keep_the_order_of_time() -> None:
    time = torch.arange(675.0).expand(1, 3, 675)
    stripes, squares = (arranged(name).encode(time)[0, 0] for name in ("stripes", "squares"))
    assert stripes[4].tolist() == list(range(45, 90))
    assert squares[:15, :15].flatten().tolist() == list(range(225))
    assert squares[15:30, 15:30].flatten().tolist() == list(range(225, 450))
    assert squares[30:, :15].flatten().tolist() == list(range(450, 675))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (lambda: order.stripes(44), "side=44 with 3 leads"),
        (lambda: order.squares(45, block=9), "3 x 9"),
        (lambda: order.squares(45, leads=2), "2 x 15"),
    ],
)
def test_leads_without_equal_shares_are_refused(chosen: Callable[[], Tensor], said: str) -> None:
    with pytest.raises(UserError, match=said):
        chosen()


@pytest.mark.parametrize(
    ("name", "turn"), [("transposed", lambda w: w.transpose(-1, -2)), ("reversed", lambda w: w.flip(-1, -2))]
)
def test_transposed_and_reversed_are_z_with_turned_weights(name: str, turn: Callable[[Tensor], Tensor]) -> None:
    """So whatever tells runs of these arrangements apart is seed noise (paper 4.2)."""
    torch.manual_seed(0)
    z, other = arranged("z"), arranged(name)

    def pair(network: Callable[..., torch.nn.Module]) -> tuple[torch.nn.Module, torch.nn.Module]:
        under_z, under_other = (network(a, width=0.125).double().eval() for a in (z, other))
        under_other.load_state_dict({k: turn(w) if w.ndim == 4 else w for k, w in under_z.state_dict().items()})
        return under_z, under_other

    windows = torch.rand(3, 1, 2025, dtype=torch.double) * 2 - 1
    under_z, under_other = pair(cnn.Discriminator)
    assert under_z(z.encode(windows)).std() > 1e-4
    assert torch.allclose(under_other(other.encode(windows)), under_z(z.encode(windows)), rtol=0, atol=1e-6)
    under_z, under_other = pair(cnn.Generator)
    noise = torch.randn(3, 100, dtype=torch.double)
    ours, theirs = z.decode(under_z(noise)), other.decode(under_other(noise))
    assert ours.std() > 1e-3
    assert torch.allclose(theirs, ours, rtol=0, atol=1e-6)
