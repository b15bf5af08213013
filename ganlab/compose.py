"""From a configuration to objects: the one place where Hydra's values meet ganlab's classes."""

from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from ganlab.arrangement.base import Arrangement
from ganlab.codec import Codec
from ganlab.command import build
from ganlab.dataset.module import RecordingsData
from ganlab.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.loss.base import Loss
from ganlab.trick.base import Trick, refuse_combinations, traits_of


@dataclass(frozen=True)
class Composed:
    """What an experiment is made of."""

    gan: GAN
    data: RecordingsData
    arrangement: Arrangement


def compose(cfg: DictConfig) -> Composed:
    """Build networks, codec and data of a configuration. Reads no data.

    Raises UserError for combinations that cannot work.
    """
    pl.seed_everything(cfg.seed, verbose=False)
    gan, arrangement = compose_gan(cfg)
    data = RecordingsData(
        source=build(cfg.dataset),
        split=build(cfg.split),
        leads=arrangement.leads,
        judged_leads=arrangement.decoded_leads,
        length=arrangement.samples,
        batch_size=cfg.batch_size,
        num_workers=cfg.num_workers,
        draws=gan.all_tricks(),
        seed=cfg.seed,
    )
    return Composed(gan, data, arrangement)


def compose_gan(cfg: DictConfig) -> tuple[GAN, Arrangement]:
    """Networks and codec alone, as sampling needs them."""
    arrangement: Arrangement = build(cfg.arrangement)
    tricks: dict[str, Trick] = {name: build(node) for name, node in cfg.trick.items() if node is not None}
    discriminator = build(cfg.architecture.discriminator)(arrangement)
    loss: Loss = build(cfg.loss)
    traits = {trait: f"loss={_choice(cfg.loss)}" for trait in loss.traits}
    traits |= {trait: f"a discriminator with {trait.replace('_', ' ')}" for trait in traits_of(discriminator)}
    refuse_combinations(traits, tricks)
    if cfg.batch_size < 1:
        raise UserError(f"batch_size={cfg.batch_size}: accepted is 1 or more.")
    gan = build(cfg.gan)(
        generator=build(cfg.architecture.generator)(arrangement, noise=cfg.architecture.noise),
        discriminator=discriminator,
        codec=Codec(build(cfg.standardization), arrangement),
        loss=loss,
        tricks=tricks,
        noise=cfg.architecture.noise,
        seed=cfg.seed,
    )
    return gan, arrangement


def _choice(node: DictConfig) -> str:
    return str(node._target_).rsplit(".", 2)[-2]


def plain_values(cfg: DictConfig) -> dict[str, Any]:
    """The configuration resolved to dictionaries, lists and plain values."""
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
