"""3x3 grids of generated images through time, from the same noise throughout (the documents' figures).

Where the generator is told a class, each class has a row (paper Fig. 20).
"""

from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from ganlab.gan.gan import GAN
from ganlab.plot.ecg_paper import png_bytes
from ganlab.plot.images import draw_grid

ROWS = COLUMNS = 3
NOISE_SEED = 2021


class Grids(Callback):
    """Writes `grids/epoch_<n>.png` in the run folder, where MLflow finds it, and shows it to TensorBoard."""

    def __init__(self, folder: Path, every_n_epochs: int = 5) -> None:
        self.folder = folder / "grids"
        self.every_n_epochs = every_n_epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Every few epochs, and after the first."""
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero and (epoch == 1 or epoch % self.every_n_epochs == 0):
            self._draw(trainer, pl_module, epoch)

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """The last state, wherever in an epoch it is."""
        if trainer.is_global_zero:
            self._draw(trainer, pl_module, max(1, trainer.current_epoch))

    def _draw(self, trainer: Trainer, pl_module: GAN, epoch: int) -> None:
        image = draw_grid(pl_module.generate(_noise(pl_module)).cpu().numpy(), COLUMNS)
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"epoch_{epoch:04d}.png").write_bytes(png_bytes(image))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("grids", image, pl_module.steps, dataformats="HWC")


def _noise(module: GAN) -> Tensor:
    draw = torch.Generator().manual_seed(NOISE_SEED)
    if not module.classes:
        return module.draw_noise(ROWS * COLUMNS, draw)
    return torch.cat([module.draw_noise(COLUMNS, draw, label) for label in range(len(module.classes))])
