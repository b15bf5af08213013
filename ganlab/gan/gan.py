"""The GAN of the paper, step by step: D on real and on generated images apart, then G with fresh noise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganlab.codec import Codec
from ganlab.core import collective
from ganlab.core.errors import UserError
from ganlab.dataset.batch_slice import BatchSlice
from ganlab.dataset.samples import Batch
from ganlab.gan.means import EpochMeans
from ganlab.loss.base import Loss
from ganlab.trick.base import Trick, hooks_of


def adam(parameters: Any) -> Optimizer:
    """The documents' optimizer."""
    return Adam(parameters, lr=2e-4)


class Verdict(NamedTuple):
    """What D says of images: logits of being real `(B,)`, and of the classes `(B, classes)` where it tells them."""

    source: Tensor
    label: Tensor | None = None


class Made(NamedTuple):
    """Noise `(B, latent)` and the images `(B, C, H, W)` that G made of it, with the graph to its weights."""

    noise: Tensor
    images: Tensor


Terms = tuple[list[Tensor], dict[str, Tensor]]
"""What is added to a network's loss, and what is logged."""


class GAN(LightningModule):
    """Trains on batches of a data set's samples, generates images, samples in the data set's own units.

    `lr_end` is the learning rate of the last step as a share of the first, falling linearly; `planned_steps` is set by
    what stops the training. With `reuse_fakes` G is judged by the images that D has just learned from, a pass less;
    the documents draw new ones. Noise is drawn from a seed and the number of the step, so a resumed run draws the same.
    With `channels_last` convolutions of images keep a pixel's channels side by side in memory, which is faster.
    `classes` are the names of the labels; a `conditional` GAN needs them. `last` has what the last step gave to log, on
    the device: whoever reads it waits for the step.
    """

    conditional: ClassVar[bool] = False

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
        reuse_fakes: bool = False,
        channels_last: bool = True,
        seed: int = 0,
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        if channels_last:
            for network in (generator, discriminator):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = generator
        self.discriminator = discriminator
        self.codec = codec
        self.loss = loss
        self.tricks = nn.ModuleDict(tricks or {})
        self.optimizer_g = optimizer_g
        self.optimizer_d = optimizer_d
        self.noise = noise
        self.lr_end = lr_end
        self.reuse_fakes = reuse_fakes
        self.seed = seed
        self.classes = tuple(classes)
        self.steps = 0
        self.planned_steps = 0
        self.means = EpochMeans()
        self._slice: BatchSlice | None = None
        self._may_rest = any("discriminator_steps" in hooks_of(trick) for trick in self.all_tricks())
        self.last: dict[str, Tensor] = {}
        for trick in self.all_tricks():
            trick.adopt(generator, discriminator)

    def all_tricks(self) -> list[Trick]:
        """The tricks in the order in which they were named."""
        return list(self.tricks.values())  # type: ignore[arg-type]

    @property
    def latent(self) -> int:
        """How many numbers the generator takes for an image."""
        return self.noise

    def setup(self, stage: str) -> None:
        """Fit a codec that needs it to training samples; a resumed run then loads what its first start fitted."""
        data = getattr(self.trainer, "datamodule", None)
        if data is not None and self.codec.fitted:
            self.codec.fit(data.train.to_fit())

    def configure_optimizers(self) -> list[Optimizer]:
        """One for G, one for D."""
        return [
            self.optimizer_g(self.generator.parameters()),
            self.optimizer_d(self.discriminator.parameters()),
        ]

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Samples become images `(B, C, H, W)` on the device."""
        return batch._replace(sample=self.codec.encode(batch.sample)[0])

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One update of D and one of G, unless a trick lets one of them rest."""
        self._slice = batch.slice
        self._seed_step()
        optimizer_g, optimizer_d = self.optimizers()  # type: ignore[attr-defined]
        self._set_rates(optimizer_g, optimizer_d)
        real = batch.sample
        made = self._make(len(real)) if self.reuse_fakes and len(real) else None
        logs = self.step_discriminator(real, batch.label, optimizer_d, batch.person, made)
        if all(trick.generator_steps(self.steps) for trick in self.all_tricks()):
            # D's weights need no gradient of G's loss; of D's loss nothing reaches G.
            self.toggle_optimizer(optimizer_g)
            logs |= self.step_generator(real, optimizer_g, made)
            self.untoggle_optimizer(optimizer_g)
            for trick in self.all_tricks():
                trick.after_step(self.generator, self.steps)
        self.steps += 1
        if any(trick.spent() for trick in self.all_tricks()):
            self.trainer.should_stop = True
        count = len(real) if batch.slice is None else batch.slice.whole
        self.last = self._of_all(logs)
        self.means.add(self.current_epoch, self.last, count)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Log the step where Lightning writes it down: logging at every step costs more than a small network's step."""
        trainer: Any = self.trainer
        every = trainer.log_every_n_steps
        if trainer.should_stop or trainer.fast_dev_run or (every and self.steps % every == 0):
            self.log_dict(self.last, batch_size=len(batch.sample) if batch.slice is None else batch.slice.whole)

    def step_discriminator(
        self, real: Tensor, label: Tensor, optimizer: Any, person: Tensor | None = None, made: Made | None = None
    ) -> dict[str, Tensor]:
        """Update D on real images `(B, C, H, W)` of classes `label` and persons `person` `(B,)`, and as many generated.

        New ones, unless some were `made`. A trick that lets D rest takes the adversarial loss and the penalties
        away, not the other terms. One that sets the gradient itself takes the place of them all.
        """
        if made is not None:
            noise, fake = made.noise, made.images.detach()
        else:
            noise = self._step_noise(len(real))
            with torch.no_grad():
                fake = self.generator(noise) if len(noise) else real

        def look(some: slice) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
            return self._look(real[some], label[some], fake[some], noise[some])

        optimizer.zero_grad()
        own = [
            trick.discriminator_gradient(self.discriminator, lambda some: _total(*look(some)[:2]), person)
            for trick in self.all_tricks()
        ]
        if any(own):
            optimizer.step()
            with torch.no_grad():
                return look(slice(None))[2] if len(real) else {}
        loss, terms, logs = look(slice(None))
        judged = self._of_all({"loss": loss.detach()})["loss"] if self._may_rest else loss.detach()
        wishes = [trick.discriminator_steps(judged) for trick in self.all_tricks()]
        if all(wishes):
            terms = [loss, *self._penalties(real, fake), *terms]
        self._update(optimizer, terms)
        return logs

    def _look(
        self, real: Tensor, label: Tensor, fake: Tensor, noise: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """D's adversarial loss on real and generated images, what its loss has beside it, and what is logged."""
        on_real, on_fake = self.judge(real), self.judge(fake)
        loss = self.loss.discriminator(on_real.source, on_fake.source, self._real_target())
        terms, logs = self.discriminator_terms(on_real, on_fake, label, noise)
        boundary = self.loss.boundary(on_real.source.detach(), on_fake.source.detach())
        return (
            loss,
            terms,
            {
                "loss/D": loss.detach(),
                "accuracy/real": (on_real.source > boundary).float().mean(),
                "accuracy/synthetic": (on_fake.source < boundary).float().mean(),
                **logs,
            },
        )

    def step_generator(self, real: Tensor, optimizer: Any, made: Made | None = None) -> dict[str, Tensor]:
        """Update G on images that were `made`, or on new ones.

        Of these as many as there are real ones `(B, C, H, W)`, unless a trick says how many.
        """
        noise, fake = made or self._make(self._images_of_generator(len(real)))
        on_fake = self.judge(fake)
        with torch.no_grad():
            on_real = self.discriminator(real) if self.loss.pairs else None
        loss = self.loss.generator(on_fake.source, on_real)
        terms, logs = self.generator_terms(on_fake, noise)
        wanted = [trick.generator_term(fake, real, self.steps) for trick in self.all_tricks()]
        optimizer.zero_grad()
        self._update(optimizer, [loss, *terms, *(term for term in wanted if term is not None)])
        return {"loss/G": loss.detach(), **logs}

    def _make(self, count: int) -> Made:
        noise = self._step_noise(count)
        return Made(noise, self.generator(noise))

    def _images_of_generator(self, count: int) -> int:
        for trick in self.all_tricks():
            count = trick.generator_images(count)
        return count

    def judge(self, images: Tensor) -> Verdict:
        """D's verdict on images `(B, C, H, W)`."""
        return Verdict(self.discriminator(images))

    def discriminator_terms(self, on_real: Verdict, on_fake: Verdict, label: Tensor, noise: Tensor) -> Terms:
        """What D's loss has beside the adversarial one, given the labels `(B,)` of real images: nothing."""
        return [], {}

    def generator_terms(self, on_fake: Verdict, noise: Tensor) -> Terms:
        """What G's loss has beside the adversarial one: nothing."""
        return [], {}

    def _seed_step(self) -> None:
        # torch.manual_seed looks for every kind of device, which takes longer than a small network's step.
        seed = torch.manual_seed if self.device.type != "cpu" else torch.default_generator.manual_seed
        own = (number for trick in self.all_tricks() for number in trick.seeds())
        number = hash((self.seed, self.steps, *own)) % 2**63
        seed(number)
        if self._slice is not None:
            # Noise is that of one process; dropout is each process's own.
            self._draws = torch.Generator(self.device).manual_seed(number)
            seed(hash((number, self.global_rank)) % 2**63)

    def _step_noise(self, count: int) -> Tensor:
        """Noise of a step for `count` images, or for this process's rows of the step's batch."""
        if self._slice is None:
            return self.draw_noise(count)
        return self.draw_noise(self._slice.whole, self._draws)[self._slice.first : self._slice.last]

    def _of_all(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """The means over the step's batch, given those over this process's rows of it."""
        if self._slice is None or not values:
            return values
        return dict(zip(values, collective.mean(torch.stack([*values.values()]), self._slice.weight), strict=True))

    def _real_target(self) -> float:
        target = 1.0
        for trick in self.all_tricks():
            target = trick.real_target(target)
        return target

    def _penalties(self, real: Tensor, fake: Tensor) -> list[Tensor]:
        penalties = [trick.penalty(self.discriminator, real, fake, self.steps) for trick in self.all_tricks()]
        return [penalty for penalty in penalties if penalty is not None]

    def _update(self, optimizer: Any, terms: Sequence[Tensor]) -> None:
        """One step down the sum of the terms, none where there are none; the gradients are clear."""
        if not terms:
            return
        self.manual_backward(_total(terms[0], terms[1:]))
        if self._slice is not None:
            own = (parameter for group in optimizer.param_groups for parameter in group["params"])
            collective.average_gradients(own, self._slice.weight)
        optimizer.step()

    def draw_noise(self, count: int, generator: torch.Generator | None = None, label: int | None = None) -> Tensor:
        """Standard normal, `(count, latent)`. Raises UserError for a `label`, of which this GAN knows nothing."""
        if label is not None:
            raise UserError(f"label={label}: this GAN was trained without classes. gan=acgan generates by class.")
        return self._normal(count, generator)

    def labels_of(self, noise: Tensor) -> Tensor | None:
        """Classes `(B,)` that G was asked for by `noise` `(B, latent)`; None where it knows of none."""
        return None

    def _normal(self, count: int, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            return torch.randn(count, self.noise, device=self.device)
        return torch.randn(count, self.noise, generator=generator, device=generator.device).to(self.device)

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
        """Images `(B, C, H, W)` from noise `(B, latent)`, in evaluation mode."""
        network = self.sampling_generator
        was_training = network.training
        images = network.eval()(noise.to(self.dtype))
        network.train(was_training)
        return images

    def sample(self, count: int, seed: int = 0, batch_size: int = 256, label: int | None = None) -> Tensor:
        """`count` decoded samples along the first axis, the same for the same seed, on the CPU.

        Of the class `label` only, where the GAN is conditional and one is given. Windows are `(count, leads, samples)`
        in mV with the leads that the arrangement decodes to.
        """
        draw = torch.Generator().manual_seed(seed)
        samples, done = torch.empty(0), 0
        for part in self.draw_noise(count, draw, label).split(batch_size):
            some = self.codec.decode(self.generate(part))
            if not done:
                # One place for all: memory of a batch is then used again by the next.
                samples = torch.empty(count, *some.shape[1:], dtype=some.dtype)
            samples[done : done + len(some)] = some
            done += len(some)
        return samples

    def counts(self) -> dict[str, float]:
        """What codec and tricks have counted, for the log."""
        counts = self.codec.counts()
        for trick in self.all_tricks():
            counts |= trick.counts()
        return counts

    def facts(self) -> dict[str, Any]:
        """What a run says of itself because of the tricks, plain values by name."""
        return {name: fact for trick in self.all_tricks() for name, fact in trick.facts().items()}

    def on_train_epoch_end(self) -> None:
        """Log the counts, and the means of what the epoch's steps logged."""
        self.log_dict({**self.counts(), **self.means.means()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The number of steps goes into the checkpoint, and the epoch's sums so far."""
        checkpoint["steps"] = self.steps
        checkpoint["epoch_means"] = self.means.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And back."""
        self.steps = checkpoint["steps"]
        if "epoch_means" in checkpoint:
            self.means.load_state_dict(checkpoint["epoch_means"])


def _total(first: Tensor, others: Sequence[Tensor]) -> Tensor:
    return sum(others, first)
