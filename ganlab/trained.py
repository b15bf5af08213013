"""A trained generator, loaded from the folder that its run left."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

import ganlab.settings  # noqa: F401  (the resolvers of stored configurations)
from ganlab.compose import compose_gan
from ganlab.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.tracking.checkpoints import checkpoint_in

SHOWN = 6


@dataclass(frozen=True)
class Trained:
    """A generator that samples windows in mV; `leads` and `rate` (Hz) say what they are."""

    gan: GAN
    leads: tuple[str, ...]
    rate: float
    run: dict[str, Any]
    checkpoint: str
    steps: int | None
    """Of training, at the checkpoint; None for a generator alone."""

    def sample(self, n: int, seed: int = 0, batch_size: int = 256) -> Tensor:
        """`n` windows `(n, leads, samples)` in mV; the same for the same seed."""
        return self.gan.sample(n, seed, batch_size)


def load(run: str | Path, checkpoint: str = "last") -> Trained:
    """The generator of a run folder, from its last or a named checkpoint.

    A name in `generators`, such as `epoch_0050`, is accepted too. Raises UserError where the folder is no run, the
    checkpoint is missing, or belongs to other networks.
    """
    folder = Path(run)
    if not (folder / "config.yaml").is_file():
        raise UserError(f"run={folder}: no config.yaml there, so it is no run folder. Runs lie in outputs/runs.")
    cfg = OmegaConf.load(folder / "config.yaml")
    assert isinstance(cfg, DictConfig)
    gan, arrangement = compose_gan(cfg)
    alone = folder / "generators" / f"{checkpoint}.pt"
    if alone.is_file():
        path, steps = alone, None
        gan.sampling_generator.load_state_dict(torch.load(alone, map_location="cpu", weights_only=True))
        fitted = torch.load(checkpoint_in(folder), map_location="cpu", weights_only=True)["state_dict"]
        gan.codec.load_state_dict({k.removeprefix("codec."): v for k, v in fitted.items() if k.startswith("codec.")})
    else:
        path = checkpoint_in(folder, checkpoint)
        check_weights(gan, path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
        steps = stored["steps"]
        gan.load_state_dict(stored["state_dict"])
    facts = json.loads((folder / "run.json").read_text())
    return Trained(gan.eval(), arrangement.decoded_leads, float(facts["data"]["rate"]), facts, path.stem, steps)


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
