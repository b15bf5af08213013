"""The base of all arrangements: pixels in a sample's own shape to an image, and back."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ganlab.core.kind import Array


class Arrangement(nn.Module, ABC):
    """A pair, encode and decode, without clipping: networks may use both inside, and gradients pass.

    Where an image or its pixels leave [-1, 1] the codec saturates them, and the arrangement counts what is special to
    it. `batch_size` is the one at which the documents trained it.
    """

    batch_size: int
    side: int | None = None
    """Pixels of the image's width where the arrangement folds leads of a recording; None otherwise."""
    leads: tuple[str, ...] = ()
    """Leads of the image; none where the samples are no windows."""
    tolerance: float = 0.0
    """Largest difference of decoded and encoded pixels, in levels 0..255."""

    @property
    def decoded_leads(self) -> tuple[str, ...]:
        """Leads of a decoded window: the image's own, then the derived ones. None where samples are no windows."""
        return self.leads

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the image."""

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image `(B, C, H, W)` of pixels in [-1, 1], `(B, *)` in the sample's own shape."""

    @abstractmethod
    def decode(self, image: Tensor) -> Tensor:
        """Return the pixels `(B, *)` of an image `(B, C, H, W)`: the inverse of `encode`."""

    def fit(self, pixels: Tensor) -> None:
        """Fit the arrangement to training samples `(N, *)` in [-1, 1]. Most need no fit."""

    @property
    def fitted(self) -> bool:
        """Whether it is fitted to training samples."""
        return type(self).fit is not Arrangement.fit

    def complete(self, x: Tensor) -> Tensor:
        """Return decoded samples `(B, *)`, in their own unit, with what is derived from them. Most derive nothing."""
        return x

    def without_derived(self, x: Array) -> Array:
        """Return decoded samples `(B, *)` without what `complete` added to them."""
        return x

    def count_encoded(self, image: Tensor) -> None:
        """Count what is special about an encoded image `(B, C, H, W)`; the codec calls it before it saturates."""

    def count_decoded(self, image: Tensor, pixels: Tensor) -> None:
        """Count what is special about an image `(B, C, H, W)` and its pixels `(B, *)`, as `count_encoded` does."""

    def counts(self) -> dict[str, float]:
        """Return the counts for the log, by name."""
        return {}
