"""Where a pixel's channels lie in memory changes no weight that is learned.

Of networks whose kernels have four dimensions: the signal networks have none, and their own order is test_signal.py's.
"""

import pytest
import torch
from torch.utils.data import DataLoader

from ganlab.compose import compose_networks
from ganlab.dataset.samples import Batch
from ganlab.gan.gan import GAN
from tests.gan.test_gan import fit
from tests.test_conf import composed

NETWORKS = {
    "cnn": ("architecture=cnn", "architecture.width=0.07"),
    "three leads, classes": ("architecture=cnn", "architecture.width=0.07", "arrangement=rgb", "gan=acgan"),
}
STEPS = 3


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


def trained(channels_last: bool, overrides: tuple[str, ...]) -> GAN:
    torch.manual_seed(0)
    gan = compose_networks(composed(*overrides, f"gan.channels_last={channels_last}")).gan
    draw = torch.Generator().manual_seed(1)
    shape = (4, len(gan.codec.arrangement.leads), gan.codec.arrangement.samples)
    samples = [torch.randn(*shape, dtype=torch.float64, generator=draw) for _ in range(STEPS)]
    data = [Batch(x, torch.arange(4) % 3, torch.zeros(4, dtype=torch.long)) for x in samples]
    return fit(gan, DataLoader(data, batch_size=None), precision="64-true")


@pytest.mark.parametrize("overrides", NETWORKS.values(), ids=NETWORKS)
def test_either_order_in_memory_learns_the_same_weights(overrides: tuple[str, ...]) -> None:
    last, first = trained(True, overrides), trained(False, overrides)
    theirs = first.state_dict()
    for name, tensor in last.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-10)
    torch.manual_seed(0)
    start = compose_networks(composed(*overrides)).gan.state_dict()
    moved = [name for name, weight in first.named_parameters() if not torch.equal(weight.float(), start[name])]
    assert len(moved) > 0.9 * len(list(first.parameters()))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("overrides", [NETWORKS["cnn"], NETWORKS["three leads, classes"]])
def test_kernels_lie_as_it_was_asked_for_and_still_do_after_training(
    channels_last: bool, overrides: tuple[str, ...]
) -> None:
    gan = trained(channels_last, overrides)
    kernels = [weight for weight in gan.parameters() if weight.ndim == 4 and weight.shape[1] > 1]
    assert len(kernels) >= 6
    assert all(weight.stride(1) == 1 for weight in kernels) is channels_last
    assert any(weight.stride(1) == 1 for weight in kernels) is channels_last
