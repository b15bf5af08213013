"""A trained generator, loaded from the folder that its run left."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

import ganlab.settings  # noqa: F401  (the resolvers of stored configurations)
from ganlab.compose import compose_networks
from ganlab.dataset.kind import Kind
from ganlab.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.tracking.checkpoints import checkpoint_in

SHOWN = 6


@dataclass(frozen=True)
class Trained:
    """A generator that samples windows, rows or images in their own units; `kind` says what they are."""

    gan: GAN
    kind: Kind
    run: dict[str, Any]
    checkpoint: str
    steps: int | None
    """Of training, at the checkpoint; None for a generator alone."""

    def sample(self, n: int, seed: int = 0, batch_size: int = 256, label: str | None = None) -> Tensor:
        """`n` samples, such as windows `(n, leads, samples)` in mV; the same for the same seed.

        A conditional generator makes those of the class `label`, or of random classes. Raises UserError for another.
        """
        return self.gan.sample(n, seed, batch_size, self.number_of(label))

    def number_of(self, label: str | None) -> int | None:
        """Index of a class by its name. Raises UserError for a class that the generator was not told of."""
        if label is None:
            return None
        if label not in self.gan.classes:
            told = ", ".join(self.gan.classes) or "none: it was trained without classes (gan=acgan has them)"
            raise UserError(f"label={label}: this generator knows {told}.")
        return self.gan.classes.index(label)


def load(run: str | Path, checkpoint: str | None = None) -> Trained:
    """The generator of a run folder, from a named checkpoint; None for the chosen one, else the last, as `last` is.

    A name in `generators`, such as `epoch_0050`, is accepted too. Raises UserError where the folder is no run, the
    checkpoint is missing, or belongs to other networks.
    """
    folder = Path(run)
    if not (folder / "config.yaml").is_file():
        raise UserError(f"run={folder}: no config.yaml there, so it is no run folder. Runs lie in outputs/runs.")
    cfg = OmegaConf.load(folder / "config.yaml")
    assert isinstance(cfg, DictConfig)
    networks = compose_networks(cfg)
    gan = networks.gan
    alone = folder / "generators" / f"{checkpoint}.pt"
    if alone.is_file():
        path, steps = alone, None
        gan.sampling_generator.load_state_dict(torch.load(alone, map_location="cpu", weights_only=True))
        fitted = torch.load(checkpoint_in(folder), map_location="cpu", weights_only=True)["state_dict"]
        gan.codec.load_state_dict({k.removeprefix("codec."): v for k, v in fitted.items() if k.startswith("codec.")})
    else:
        path = checkpoint_in(folder, checkpoint)
        steps = restore(gan, path)
    facts = json.loads((folder / "run.json").read_text())
    return Trained(gan.eval(), networks.kind, facts, path.stem, steps)


def restore(gan: GAN, path: Path) -> int:
    """Load a checkpoint's weights, and return after how many steps it was written. Raises UserError as `load` does."""
    check_weights(gan, path)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    gan.load_state_dict(stored["state_dict"])
    return stored["steps"]


def check_weights(gan: GAN, path: Path) -> None:
    """Raise UserError with the differences where a checkpoint belongs to other networks."""
    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    own = gan.state_dict()
    differences = [f"{key}: missing in the checkpoint" for key in own.keys() - weights.keys()]
    differences += [f"{key}: not in these networks" for key in weights.keys() - own.keys()]
    differences += [
        f"{key}: {tuple(weights[key].shape)} in the checkpoint, {tuple(own[key].shape)} in these networks"
        for key in own.keys() & weights.keys()
        if own[key].shape != weights[key].shape
    ]
    if differences:
        shown = "\n".join(f"  {line}" for line in sorted(differences)[:SHOWN])
        raise UserError(
            f"{path} is a checkpoint of other networks than its run's config.yaml says "
            f"({len(differences)} differences):\n{shown}\nRestore the config.yaml of the run that wrote it."
        )
