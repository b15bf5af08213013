"""Spectral normalization of the discriminator (Miyato et al. 2018, arXiv 1802.05957).

Each layer's weight is divided by its largest singular value, which one power iteration a step follows.
"""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganlab.trick.base import Trick


class SpectralNorm(Trick):
    """Acts on D's convolutions and linear layers; the iteration's vectors go into the checkpoint with D's weights."""

    refuses = {  # noqa: RUF012
        "batch_norm": "batch norm scales each channel anew, which undoes the bound on D's slope",
        "discriminator_gradient": "a patient's own gradient cannot pass through the power iteration of all",
    }

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Normalize the weights from now on."""
        layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
        for layer in [module for module in discriminator.modules() if isinstance(module, layers)]:
            spectral_norm(layer)
