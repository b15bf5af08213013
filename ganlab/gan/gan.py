"""The GAN of the paper, step by step: D on real and on generated images apart, then G with fresh noise."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganlab.codec import Codec
from ganlab.dataset.windows import Batch
from ganlab.loss.base import Loss
from ganlab.trick.base import Trick

FITTED_WINDOWS = 2000
"""Training windows, spread evenly over all, from which a standardization takes what it needs."""


def adam(parameters: Any) -> Optimizer:
    """The documents' optimizer."""
    return Adam(parameters, lr=2e-4)


class GAN(LightningModule):
    """Trains on batches of mV, generates images, samples mV.

    `lr_end` is the learning rate of the last step as a share of the first, falling linearly; `planned_steps` is set by
    what stops the training. Noise is drawn from a seed and the number of the step, so a resumed run draws the same.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        codec: Codec,
        loss: Loss,
        tricks: Mapping[str, Trick] | None = None,
        optimizer_g: Callable[..., Optimizer] = adam,
        optimizer_d: Callable[..., Optimizer] = adam,
        noise: int = 100,
        lr_end: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.codec = codec
        self.loss = loss
        self.tricks = nn.ModuleDict(tricks or {})
        self.optimizer_g = optimizer_g
        self.optimizer_d = optimizer_d
        self.noise = noise
        self.lr_end = lr_end
        self.seed = seed
        self.steps = 0
        self.planned_steps = 0
        for trick in self.all_tricks():
            trick.adopt(generator, discriminator)

    def all_tricks(self) -> list[Trick]:
        """The tricks in the order in which they were named."""
        return list(self.tricks.values())  # type: ignore[arg-type]

    def setup(self, stage: str) -> None:
        """Fit the standardization to training windows; a resumed run then loads what its first start fitted."""
        data = getattr(self.trainer, "datamodule", None)
        if data is not None:
            self.codec.standardization.fit(data.train.spread(FITTED_WINDOWS))

    def configure_optimizers(self) -> list[Optimizer]:
        """One for G, one for D."""
        return [
            self.optimizer_g(self.generator.parameters()),
            self.optimizer_d(self.discriminator.parameters()),
        ]

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Windows in mV `(B, leads, samples)` become images on the device."""
        return batch._replace(sample=self.codec.encode(batch.sample)[0])

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One update of D, unless a trick lets it rest, and one of G."""
        torch.manual_seed(hash((self.seed, self.steps)) % 2**63)
        optimizer_g, optimizer_d = self.optimizers()  # type: ignore[attr-defined]
        self._set_rates(optimizer_g, optimizer_d)
        real = batch.sample
        self.toggle_optimizer(optimizer_d)
        logs = self.step_discriminator(real, optimizer_d)
        self.untoggle_optimizer(optimizer_d)
        self.toggle_optimizer(optimizer_g)
        logs |= self.step_generator(real, optimizer_g)
        self.untoggle_optimizer(optimizer_g)
        for trick in self.all_tricks():
            trick.after_step(self.generator, self.steps)
        self.steps += 1
        self.log_dict(logs, prog_bar=False, batch_size=len(real))

    def step_discriminator(self, real: Tensor, optimizer: Any) -> dict[str, Tensor]:
        """Update D on real images `(B, C, H, W)` and as many generated ones."""
        with torch.no_grad():
            fake = self.generator(self.draw_noise(len(real)))
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        target = 1.0
        for trick in self.all_tricks():
            target = trick.real_target(target)
        loss = self.loss.discriminator(on_real, on_fake, target)
        wishes = [trick.discriminator_steps(loss.detach()) for trick in self.all_tricks()]
        if all(wishes):
            penalties = [trick.penalty(self.discriminator, real, fake, self.steps) for trick in self.all_tricks()]
            optimizer.zero_grad()
            self.manual_backward(sum((p for p in penalties if p is not None), loss))
            optimizer.step()
        boundary = self.loss.boundary(on_real.detach(), on_fake.detach())
        return {
            "loss/D": loss.detach(),
            "accuracy/real": (on_real > boundary).float().mean(),
            "accuracy/synthetic": (on_fake < boundary).float().mean(),
        }

    def step_generator(self, real: Tensor, optimizer: Any) -> dict[str, Tensor]:
        """Update G on as many new images as there are real ones `(B, C, H, W)`."""
        on_fake = self.discriminator(self.generator(self.draw_noise(len(real))))
        with torch.no_grad():
            on_real = self.discriminator(real) if self.loss.pairs else None
        loss = self.loss.generator(on_fake, on_real)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return {"loss/G": loss.detach()}

    def draw_noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal, `(count, noise)`."""
        if generator is None:
            return torch.randn(count, self.noise, device=self.device)
        return torch.randn(count, self.noise, generator=generator).to(self.device)

    def _set_rates(self, *optimizers: Any) -> None:
        if self.lr_end == 1.0 or not self.planned_steps:
            return
        share = 1 - (1 - self.lr_end) * min(1.0, self.steps / self.planned_steps)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group.setdefault("lr_start", group["lr"])
                group["lr"] = share * group["lr_start"]

    @property
    def sampling_generator(self) -> nn.Module:
        """The generator that samples are drawn from: with averaged weights where a trick averages them."""
        network = self.generator
        for trick in self.all_tricks():
            network = trick.sampling_generator(network)
        return network

    @torch.inference_mode()
    def generate(self, noise: Tensor) -> Tensor:
        """Images `(B, C, H, W)` from noise `(B, noise)`, in evaluation mode."""
        network = self.sampling_generator
        was_training = network.training
        images = network.eval()(noise)
        network.train(was_training)
        return images

    def sample(self, count: int, seed: int = 0, batch_size: int = 256) -> Tensor:
        """`count` windows `(count, leads, samples)` in mV, the same for the same seed, on the CPU.

        The leads are those of the arrangement's `decoded_leads`.
        """
        draw = torch.Generator().manual_seed(seed)
        noise = self.draw_noise(count, draw).split(batch_size)
        return torch.cat([self.codec.decode(self.generate(part)).cpu() for part in noise])

    def counts(self) -> dict[str, float]:
        """What codec and tricks have counted, for the log."""
        counts = self.codec.counts()
        for trick in self.all_tricks():
            counts |= trick.counts()
        return counts

    def on_train_epoch_end(self) -> None:
        """Log the counts."""
        self.log_dict(self.counts())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The number of steps goes into the checkpoint."""
        checkpoint["steps"] = self.steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And back."""
        self.steps = checkpoint["steps"]
