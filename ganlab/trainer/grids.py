"""3x3 grids of generated images through time, from the same noise throughout (the documents' figures).

A conditional generator has one row per class (paper Fig. 20).
"""

from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from ganlab.gan.gan import GAN
from ganlab.plot.figure import png_bytes
from ganlab.plot.images import draw_grid

ROWS = COLUMNS = 3
NOISE_SEED = 2021


class Grids(Callback):
    """Writes `grids/epoch_<n>.png` in the run folder, which MLflow follows, and logs the grid to TensorBoard."""

    def __init__(self, folder: Path, every_n_epochs: int = 5) -> None:
        self.folder = folder / "grids"
        self.every_n_epochs = every_n_epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Draw a grid every `every_n_epochs` epochs, and after the first epoch."""
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero and (epoch == 1 or epoch % self.every_n_epochs == 0):
            self._draw(trainer, pl_module, epoch)

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Draw a grid of the last state."""
        if trainer.is_global_zero:
            self._draw(trainer, pl_module, max(1, trainer.current_epoch))

    def _draw(self, trainer: Trainer, module: GAN, epoch: int) -> None:
        draw = torch.Generator().manual_seed(NOISE_SEED)
        if module.classes:
            noise = torch.cat([module.draw_noise(COLUMNS, draw, label) for label in range(len(module.classes))])
        else:
            noise = module.draw_noise(ROWS * COLUMNS, draw)
        image = draw_grid(module.generate(noise).cpu().numpy(), COLUMNS)
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"epoch_{epoch:04d}.png").write_bytes(png_bytes(image))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("grids", image, module.steps, dataformats="HWC")
