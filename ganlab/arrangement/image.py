"""Images as they are."""

from torch import Tensor

from ganlab.arrangement.base import Arrangement


class AsItIs(Arrangement):
    """Images of `channels` x `height` x `width` pixels."""

    def __init__(self, channels: int, height: int, width: int, batch_size: int) -> None:
        super().__init__()
        self.channels = channels
        self.height = height
        self.width = width
        self.batch_size = batch_size

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the image."""
        return self.channels, self.height, self.width

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the pixels `(B, C, H, W)` themselves."""
        return pixels

    def decode(self, image: Tensor) -> Tensor:
        """Return the image `(B, C, H, W)` itself."""
        return image
