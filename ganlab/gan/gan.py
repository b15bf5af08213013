"""The GAN of the paper, step by step: D on real and on generated images apart, then G on images of fresh noise."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from ganlab.codec import Codec
from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch, Samples
from ganlab.gan.draws import StepDraws
from ganlab.gan.means import EpochMeans, batch_means
from ganlab.gan.optimization import Optimization
from ganlab.gan.outputs import Fakes, Given, Logs, Losses, Outputs, Terms, total
from ganlab.gan.tricks import Tricks
from ganlab.gan.updates import Updates, clear, fixed
from ganlab.loss.base import Loss
from ganlab.trick.base import Trick
from ganlab.trick.gradients import KnownLogits


class GAN(LightningModule):
    """Trains on batches of a data set's samples, generates images, samples in the data set's own units.

    `noise` is the length of G's noise vector. Noise is drawn from `seed` and the number of the step, so a resumed run
    draws the same. `classes` are the names of the labels; a `conditional` GAN needs them. `optimization` are the values
    of `ganlab.gan.optimization.Optimization`. Whatever stops the training sets `planned_steps`. `last` holds what the
    last step logged, on the device: reading it waits for the step.
    """

    conditional: ClassVar[bool] = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        codec: Codec,
        loss: Loss,
        tricks: Mapping[str, Trick] | None = None,
        noise: int = 100,
        seed: int = 0,
        classes: Sequence[str] = (),
        **optimization: Any,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.optimization = Optimization(**optimization)
        self.optimization.lay_out(generator, discriminator)
        self.generator = generator
        self.discriminator = discriminator
        self.codec = codec
        self.loss = loss
        self.tricks = Tricks(tricks or {})
        self.noise = noise
        self.draws = StepDraws(seed)
        self.classes = tuple(classes)
        self.steps = self.planned_steps = 0
        self.updates = Updates()
        self.compiled = False
        self.means = EpochMeans()
        self.last: dict[str, Tensor] = {}
        self._d_may_rest = self.tricks.overriding("discriminator_steps")
        self.tricks.every("adopt", generator, discriminator)

    @property
    def many_labels(self) -> bool:
        """Whether a generated sample may be of several classes."""
        return False

    @property
    def latent(self) -> int:
        """Length of the generator's input."""
        return self.noise

    def setup(self, stage: str) -> None:
        """Fit what needs it to training samples; a resumed run then loads what its first start fitted."""
        if data := getattr(self.trainer, "datamodule", None):
            self.fit(data.train)

    def fit(self, train: Samples) -> None:
        """Fit codec and generator to training samples, those of them that need it."""
        if self.codec.fitted:
            self.codec.fit(train.to_fit())
        if fit := getattr(self.generator, "fit", None):
            few = train.few_to_fit()
            fit(self.codec.picture(few.sample), self.conditions_of(few))
            self.tricks.every("adopt", self.generator, self.discriminator)

    def conditions_of(self, batch: Batch) -> Tensor:
        """Return what G is given behind its noise for samples like these, `(B, conditions)`: nothing."""
        return torch.zeros(len(batch.sample), 0)

    def configure_optimizers(self) -> list[Optimizer]:
        """Return the optimizers of G and of D."""
        return self.optimization.optimizers(self.generator, self.discriminator)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Encode the samples as images `(B, C, H, W)`, on the device: each step's alone, for their number rounds."""
        parts = batch.sample.split(batch.each or max(1, len(batch.sample)))
        return batch._replace(sample=torch.cat([self.codec.encode(part)[0] for part in parts]))

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take the batch's steps, one or several, and count them."""
        trainer: Any = self.trainer
        self.updates.scaler = trainer.scaler
        optimizer_g, optimizer_d = self.optimizers(use_pl_optimizer=False)  # type: ignore[misc]
        parts = batch.steps()
        for part in parts:
            self.step(part, optimizer_g, optimizer_d)
        self.updates.report(trainer, len(parts))

    def step(self, batch: Batch, optimizer_g: Optimizer, optimizer_d: Optimizer) -> None:
        """Update D, then G, unless a trick lets one of them rest."""
        self.updates.begin()
        self.draws.begin(self.steps, sum(self.tricks.every("seeds"), ()), batch.slice, self.device, self.global_rank)
        self.optimization.set_rates(self.steps, self.planned_steps, optimizer_g, optimizer_d)
        real, target = batch.sample, self.targets(batch)
        reused = self._generated(len(real), target) if self.optimization.reuse_fakes and len(real) else None
        logs = self.step_discriminator(real, target, optimizer_d, batch.patient, reused)
        if all(self.tricks.every("generator_steps", self.steps)):
            # D's weights need no gradient of G's loss; of D's loss nothing reaches G.
            with fixed(optimizer_d):
                logs |= self.step_generator(real, target, optimizer_g, reused)
            self.tricks.every("after_step", self.generator, self.steps)
        self.steps += 1
        if any(self.tricks.every("spent")):
            self.trainer.should_stop = True
        self.last = batch_means(logs, self.draws.slice)
        self.means.add(self.current_epoch, self.last, batch.size)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Log the step where Lightning writes it down: logging at every step costs more than a small network's step."""
        trainer: Any = self.trainer
        every = trainer.log_every_n_steps
        if trainer.should_stop or trainer.fast_dev_run or (every and self.steps % every == 0):
            self.log_dict(self.last, batch_size=batch.size)

    def step_discriminator(
        self, real: Tensor, target: Tensor, optimizer: Any, patient: Tensor | None = None, made: Fakes | None = None
    ) -> Logs:
        """Update D on real images `(B, C, H, W)`, with their `targets` and patients, and on as many generated ones.

        Generated images are new unless `made` holds some. A trick that lets D rest removes the adversarial loss and the
        penalties, not the other terms; one that sets the gradient itself replaces them all. Returns what is logged.
        """
        with torch.no_grad():
            noise, fake = made or self._generated(len(real), target)
            real, fake = (self.tricks.chain("augment", images, self.codec) for images in (real, fake.detach()))
        logits_of = KnownLogits(lambda images: self.discriminate(images, target).source)

        def losses(rows: slice) -> Losses:
            on_real = self.discriminate(real[rows], target[rows])
            on_fake = self.discriminate(fake[rows], noise[rows, self.noise :])
            logits_of.computed = (real, on_real.source), (fake, on_fake.source)
            return self._discriminator_losses(on_real, target[rows], on_fake, noise[rows])

        clear(optimizer)
        gradient = (self.discriminator, lambda rows: total(*losses(rows)[:2]), patient)
        if any(self.tricks.every("discriminator_gradient", *gradient)):
            self.updates.step(optimizer)
            with torch.no_grad():
                return losses(slice(None))[2] if len(real) else {}
        second = any(self.tricks.every("learns_from_gradient", self.steps))
        if second:
            real, fake = (images.detach().requires_grad_() for images in (real, fake))
        # What torch.compile makes has no second derivative.
        with torch.compiler.set_stance("force_eager") if second and self.compiled else nullcontext():
            loss, terms, logs = losses(slice(None))
            mean = batch_means({"loss": loss.detach()}, self.draws.slice)["loss"] if self._d_may_rest else loss.detach()
            if all(self.tricks.every("discriminator_steps", mean)):
                terms = [loss, *self.tricks.every("penalty", logits_of, real, fake, self.steps), *terms]
        if terms:
            self.updates.down(optimizer, terms, self.draws.slice)
        return logs

    def _discriminator_losses(self, on_real: Outputs, target: Tensor, on_fake: Outputs, noise: Tensor) -> Losses:
        """Return D's adversarial loss on real and generated images, its other terms, and what is logged."""
        loss = self.loss.discriminator(on_real.source, on_fake.source, self.tricks.chain("real_target", 1.0))
        terms, logs = self.discriminator_terms(on_real, on_fake, target, noise)
        boundary = self.loss.boundary(on_real.source.detach(), on_fake.source.detach())
        right_real, right_fake = on_real.source > boundary, on_fake.source < boundary
        accuracy = {"accuracy/real": right_real.float().mean(), "accuracy/synthetic": right_fake.float().mean()}
        return loss, terms, {"loss/D": loss.detach(), **accuracy, **logs}

    def step_generator(self, real: Tensor, target: Tensor, optimizer: Any, made: Fakes | None = None) -> Logs:
        """Update G on the images `made`, or on as many new ones as there are real ones `(B, C, H, W)`.

        A trick may say another number. Returns what is logged.
        """
        noise, fake = made or self._generated(self.tricks.chain("generator_images", len(real)), target)
        on_fake = self.discriminate(self.tricks.chain("augment", fake, self.codec), noise[:, self.noise :])
        with torch.no_grad():
            on_real = self.loss.pairs and self.discriminate(self.tricks.chain("augment", real, self.codec), target)
        loss = self.loss.generator(on_fake.source, on_real.source if on_real else None)
        terms, logs = self.generator_terms(on_fake, noise)
        terms = [loss, *terms, *self.tricks.every("generator_term", fake, real, self.steps)]
        clear(optimizer)
        self.updates.down(optimizer, terms, self.draws.slice)
        return {"loss/G": loss.detach(), **logs}

    def targets(self, batch: Batch) -> Tensor:
        """Return what D predicts of real images besides their source, or is given, with a row each: their labels."""
        return batch.label

    def discriminate(self, images: Tensor, conditions: Tensor | None = None) -> Outputs:
        """Return D's verdict on images `(B, C, H, W)`, whose conditions it does not take."""
        return Outputs(self.discriminator(images))

    def discriminator_terms(self, on_real: Outputs, on_fake: Outputs, label: Tensor, noise: Tensor) -> Terms:
        """Return the terms of D's loss besides the adversarial one, given the labels `(B,)` of real images: none."""
        return [], {}

    def generator_terms(self, on_fake: Outputs, noise: Tensor) -> Terms:
        """Return the terms of G's loss besides the adversarial one: none."""
        return [], {}

    def _generated(self, count: int, target: Tensor) -> Fakes:
        noise = self._training_noise(count, target)
        images = self.codec.valid(self.generator(noise)) if count else noise.new_empty(0, *self.codec.arrangement.shape)
        return Fakes(noise, images)

    def _training_noise(self, count: int, target: Tensor) -> Tensor:
        return self.draws.noise(self.draw_noise, count)

    def draw_noise(
        self, count: int, generator: torch.Generator | None = None, label: Given = None, **attributes: float
    ) -> Tensor:
        """Return standard normal noise `(count, latent)`. Raises UserError for conditions: this GAN knows none."""
        if label is not None or attributes:
            what = f"label={label}" if label is not None else f"attributes={attributes}"
            raise UserError(f"{what}: this GAN was trained without conditions. gan=acgan generates by class.")
        return self._normal(count, generator)

    def labels_of(self, noise: Tensor) -> Tensor | None:
        """Return the classes `(B,)` that `noise` `(B, latent)` asks G for; None without classes."""
        return None

    def _normal(self, count: int, generator: torch.Generator | None) -> Tensor:
        device = self.device if generator is None else generator.device
        return torch.randn(count, self.noise, generator=generator, device=device).to(self.device)

    @property
    def sampling_generator(self) -> nn.Module:
        """The generator that samples are drawn from: with averaged weights where a trick averages them."""
        return self.tricks.chain("sampling_generator", self.generator)

    @torch.inference_mode()
    def generate(self, noise: Tensor) -> Tensor:
        """Return images `(B, C, H, W)` of noise `(B, latent)`, in evaluation mode."""
        network = self.sampling_generator
        was_training = network.training
        images = self.codec.valid(network.eval()(noise.to(self.dtype)))
        network.train(was_training)
        return images

    def sample(
        self, count: int, seed: int = 0, batch_size: int = 256, label: Given = None, **attributes: float
    ) -> Tensor:
        """Return `count` decoded samples along the first axis, the same for the same seed, on the CPU.

        A conditional GAN makes samples of the `label` and the `attributes` only, if they are given. Windows are
        `(count, leads, samples)` in mV with the leads that the arrangement decodes to.
        """
        generator = torch.Generator().manual_seed(seed)
        samples, done = torch.empty(0), 0
        for noise in self.draw_noise(count, generator, label, **attributes).split(batch_size):
            part = self.codec.decode(self.generate(noise))
            if not done:
                # One place for all: memory of a batch is then used again by the next.
                samples = torch.empty(count, *part.shape[1:], dtype=part.dtype)
            samples[done : done + len(part)] = part
            done += len(part)
        return samples

    def counts(self) -> dict[str, float]:
        """Return what codec and tricks have counted, for the log."""
        return self.codec.counts() | self.tricks.merged("counts")

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` says because of the tricks: plain values by name."""
        return self.tricks.merged("facts")

    def on_train_epoch_end(self) -> None:
        """Log the counts, and the means of what the epoch's steps logged."""
        self.log_dict({**self.counts(), **self.means.means()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the number of steps and the epoch's sums so far to the checkpoint."""
        checkpoint["steps"] = self.steps
        checkpoint["epoch_means"] = self.means.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the number of steps and the epoch's sums so far."""
        self.steps = checkpoint["steps"]
        if "epoch_means" in checkpoint:
            self.means.load_state_dict(checkpoint["epoch_means"])
