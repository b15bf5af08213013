"""The tricks of a GAN as one: each hook is called for every trick, in the order in which they were named."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from ganlab.codec import Codec
from ganlab.trick.base import Trick, hooks_of


class Tricks(nn.ModuleDict):
    """Tricks by name. What a trick has to remember is in the state_dict."""

    def each(self) -> Iterator[Trick]:
        """Iterate over the tricks in their order."""
        return iter(self.values())  # type: ignore[arg-type]

    def overriding(self, hook: str) -> bool:
        """Return whether a trick overrides this hook."""
        return any(hook in hooks_of(trick) for trick in self.each())

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Show the networks to the tricks, before training."""
        for trick in self.each():
            trick.adopt(generator, discriminator)

    def seeds(self) -> Iterator[int]:
        """Iterate over the numbers that tricks add to the seed of a step."""
        return (number for trick in self.each() for number in trick.seeds())

    def real_target(self) -> float:
        """Return the target of D for real images, 1 where no trick changes it."""
        target = 1.0
        for trick in self.each():
            target = trick.real_target(target)
        return target

    def augmented(self, images: Tensor, codec: Codec) -> Tensor:
        """Return images `(B, C, H, W)` as D is shown them."""
        for trick in self.each():
            images = trick.augment(images, codec)
        return images

    def learn_from_gradient(self, step: int) -> bool:
        """Return whether a penalty of this step is of a gradient by images."""
        return any(trick.learns_from_gradient(step) for trick in self.each())

    def penalties(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, step: int
    ) -> list[Tensor]:
        """Return what is added to D's loss, given real and generated images `(B, C, H, W)`."""
        penalties = [trick.penalty(discriminator, real, fake, step) for trick in self.each()]
        return [penalty for penalty in penalties if penalty is not None]

    def generator_terms(self, fake: Tensor, real: Tensor, step: int) -> list[Tensor]:
        """Return what is added to G's loss, given generated and real images `(B, C, H, W)`."""
        terms = [trick.generator_term(fake, real, step) for trick in self.each()]
        return [term for term in terms if term is not None]

    def discriminator_steps(self, loss: Tensor) -> bool:
        """Return whether D is updated, given its adversarial loss. Asks every trick, which may count."""
        wishes = [trick.discriminator_steps(loss) for trick in self.each()]
        return all(wishes)

    def discriminator_gradient(
        self, discriminator: nn.Module, loss: Callable[[slice], Tensor], patients: Tensor | None
    ) -> bool:
        """Let tricks set D's gradients instead of the backward pass; return whether one did."""
        done = [trick.discriminator_gradient(discriminator, loss, patients) for trick in self.each()]
        return any(done)

    def generator_images(self, count: int) -> int:
        """Return how many images a step of G makes, where the batch has `count` real ones."""
        for trick in self.each():
            count = trick.generator_images(count)
        return count

    def generator_steps(self, step: int) -> bool:
        """Return whether G is updated at this step, which counts from 0."""
        return all(trick.generator_steps(step) for trick in self.each())

    def after_step(self, generator: nn.Module, step: int) -> None:
        """Tell the tricks that G was updated."""
        for trick in self.each():
            trick.after_step(generator, step)

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """Return the generator that samples are drawn from."""
        for trick in self.each():
            generator = trick.sampling_generator(generator)
        return generator

    def spent(self) -> bool:
        """Return whether a trick ends the training."""
        return any(trick.spent() for trick in self.each())

    def counts(self) -> dict[str, float]:
        """Return what the tricks have counted, for the log."""
        return {name: count for trick in self.each() for name, count in trick.counts().items()}

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` says because of the tricks: plain values by name."""
        return {name: fact for trick in self.each() for name, fact in trick.facts().items()}
