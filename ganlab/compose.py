"""From a configuration to objects: the one place where Hydra's values meet ganlab's classes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from torch import nn

from ganlab.architecture.base import refuse_larger
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import sizes
from ganlab.codec import Codec
from ganlab.core.errors import UserError
from ganlab.core.instantiate import build, configuration_errors
from ganlab.core.kind import Kind
from ganlab.core.masking import stored_text
from ganlab.core.values import check_whole
from ganlab.dataset.data_on_device import Reading
from ganlab.dataset.module import Data
from ganlab.dataset.source import Source
from ganlab.gan.conditions import Conditions
from ganlab.gan.gan import GAN
from ganlab.loss.base import Loss
from ganlab.metrics.base import Metric
from ganlab.standardization.base import Standardization
from ganlab.stopping.base import Stopping
from ganlab.tracking.mlflow_follower import Follow, follows
from ganlab.trainer.build import AUTO, Schedule, check_settings
from ganlab.trick.base import Trick, refuse_combinations, traits_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Networks:
    """A GAN with its codec, the data set that it is for, and the kind of its samples."""

    gan: GAN
    arrangement: Arrangement
    source: Source
    kind: Kind


@dataclass(frozen=True)
class Metrics:
    """What is measured at the end of a run.

    `settings` are the plain values of the group `metrics`: numbers of samples, draws, and those of each metric.
    """

    by_name: Mapping[str, Metric]
    settings: Mapping[str, Any]

    @property
    def objective(self) -> str | None:
        """Name of the number that sweepers optimize."""
        return self.settings["objective"]


@dataclass(frozen=True)
class Experiment:
    """All objects of an experiment, its configuration as plain values, and the text of its `config.yaml`.

    `trainer` is Lightning's Trainer, which still takes callbacks and loggers. `follow` is empty without MLflow and W&B.
    """

    networks: Networks
    data: Data
    metrics: Metrics
    stopping: Stopping
    trainer: Callable[..., pl.Trainer]
    schedule: Schedule
    follow: Sequence[Follow]
    config: Mapping[str, Any]
    config_yaml: str

    @property
    def gan(self) -> GAN:
        """The module that trains."""
        return self.networks.gan


@configuration_errors()
def compose(cfg: DictConfig, largest: int | None = None) -> Experiment:
    """Build all objects of a configuration. Reads no data.

    Raises UserError for values that do not fit, for combinations that cannot work, and for networks of more than
    `largest` bytes of weights, before they take memory.
    """
    check_whole("seed", cfg.seed, least=0, most=2**32 - 1)
    check_whole("num_workers", cfg.num_workers, least=0)
    for name in ("strict", "compile"):
        if not isinstance(cfg.get(name, False), bool):
            raise UserError(f"{name}={cfg[name]}: accepted is true or false.")
    if not isinstance(cfg.cache, str):
        raise UserError(f"cache={cfg.cache}: accepted is the path of a folder.")
    pl.seed_everything(cfg.seed, verbose=False)
    networks = compose_networks(cfg, largest)
    check_settings(plain_values(cfg.trainer))
    networks.gan.configure_optimizers()  # refuses a learning rate below 0, before data are read
    config, trainer = plain_values(cfg), cfg.trainer.copy()
    if trainer.get("precision") == AUTO:
        trainer.precision = None  # Lightning knows no such value; a probe chooses it
    return Experiment(
        networks=networks,
        data=compose_data(cfg, networks),
        metrics=compose_metrics(cfg.metrics),
        stopping=build(cfg.stopping),
        trainer=build(trainer),
        schedule=_schedule(config),
        follow=follows(config),
        config=config,
        config_yaml=stored_text(cfg),
    )


@configuration_errors()
def compose_networks(cfg: DictConfig, largest: int | None = None) -> Networks:
    """Build networks and codec, as sampling needs them too.

    Raises UserError for choices that do not go together, and for networks of more than `largest` bytes of weights.
    """
    check_whole("batch_size", cfg.batch_size)
    check_whole("architecture.noise", cfg.architecture.noise)
    source: Source = build(cfg.dataset)
    set_window(cfg, source)
    if "rate" in cfg.architecture.generator and cfg.architecture.generator.rate is None:
        OmegaConf.update(cfg, "architecture.generator.rate", getattr(source, "rate", None))
    arrangement: Arrangement = build(cfg.arrangement)
    kind = source.kind(arrangement)
    standardization: Standardization = build(cfg.standardization)
    _check_kind(_choice(cfg.standardization), standardization, kind)
    make_gan = build(cfg.gan)
    conditions = _conditions(make_gan, source)
    noise = cfg.architecture.noise + conditions.width
    make_generator = partial(build(cfg.architecture.generator), arrangement, noise=noise)
    make_discriminator = partial(build(cfg.architecture.discriminator), arrangement, classes=conditions.width)
    if largest is not None:
        refuse_larger(largest, make_generator, make_discriminator)
    discriminator, generator = make_discriminator(), make_generator()
    loss, codec = build(cfg.loss), Codec(standardization, arrangement)
    gan = make_gan(
        generator=generator,
        discriminator=discriminator,
        codec=codec,
        loss=loss,
        tricks=_tricks(cfg, source, make_gan.func, conditions, loss, codec, discriminator, generator),
        noise=cfg.architecture.noise,
        seed=cfg.seed,
        classes=conditions.classes,
        **({"conditions": conditions} if make_gan.func.conditional else {}),
    )
    return Networks(gan, arrangement, source, kind)


def set_window(cfg: DictConfig, source: Source) -> None:
    """Set side and samples of the configured arrangement to windows of `window_seconds`, where that is given.

    The side is the first of `ganlab.arrangement.order.sizes` that the arrangement accepts; a side that holds more is
    padded, and the log says by how much. Raises UserError where the samples are no recordings, or no side fits.
    """
    seconds, rate = cfg.get("window_seconds"), getattr(source, "rate", None)
    if seconds is None:
        return
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    if rate is None or "leads" not in cfg.arrangement or not number:
        raise UserError(
            f"window_seconds={seconds}: accepted are seconds above 0, for data sets and arrangements of recordings; "
            f"dataset={source.name}. Leave it out (null) for rows and images."
        )
    samples = int(seconds * rate / cfg.arrangement.get("decimation", 1) + 1e-6)
    refused: UserError | None = None
    for size in sizes(samples * cfg.arrangement.get("leads_per_channel", 1)) if samples else ():
        side = size[0] if size[0] == size[1] else list(size)
        for key, value in {"side": side, "samples": samples}.items():
            OmegaConf.update(cfg, f"arrangement.{key}", value, force_add=True)
        try:
            leads: Leads = build(cfg.arrangement)
        except UserError as error:
            refused = refused or error
            continue
        padding = f", {leads.padding} pixels of each lead are padding" if leads.padding else ""
        log.info("windows of %g s: %d samples in %d x %d pixels%s", seconds, samples, *leads.size, padding)
        return
    raise refused or UserError(f"window_seconds={seconds}: that is less than one sample at {rate:g} Hz.")


def compose_data(cfg: DictConfig, networks: Networks) -> Data:
    """Build the data module that these networks train on."""
    return Data(
        source=networks.source,
        split=build(cfg.split),
        arrangement=networks.arrangement,
        batch_size=cfg.batch_size,
        draws=list(networks.gan.tricks.each()),
        seed=cfg.seed,
        labelled=networks.gan.conditional,
        group=getattr(networks.gan.discriminator, "group", 1),
        reading=Reading(cfg.num_workers, cfg.get("data_on_device", "auto")),
    )


def compose_metrics(cfg: DictConfig) -> Metrics:
    """Build the metrics of the group `metrics`. Raises UserError for numbers of samples and draws out of range."""
    for name, least in (("samples", 1), ("train", 1), ("draws", 0)):
        if cfg[name] is not None or name == "draws":
            check_whole(f"metrics.{name}", cfg[name], least)
    return Metrics({str(name): build(node) for name, node in cfg.measures.items()}, plain_values(cfg))


def _schedule(config: Mapping[str, Any]) -> Schedule:
    return Schedule(
        batch_size=config["batch_size"],
        progress_bar=config["trainer"]["enable_progress_bar"],
        tensorboard=config["tracking"]["tensorboard"],
        check_every=config["check_every"],
        checkpoint_every=config.get("checkpoint_every", 1),
        checkpoint_minutes=config["checkpoint_minutes"],
        grids_every=config["grids_every"],
        diversity_images=config["diversity"]["images"],
        diversity_every_n_steps=config["diversity"]["every_n_steps"],
    )


def _conditions(make_gan: Any, source: Source) -> Conditions:
    """Return what the generator is given behind its noise: nothing where the GAN knows no conditions."""
    if not make_gan.func.conditional:
        return Conditions(())
    make = make_gan.keywords.get("conditions", Conditions)
    return make(tuple(source.classes), source.many_labels, tuple(source.attribute_names))


def _tricks(
    cfg: DictConfig,
    source: Source,
    gan: type[GAN],
    conditions: Conditions,
    loss: Loss,
    codec: Codec,
    *networks: nn.Module,
) -> dict[str, Trick]:
    tricks: dict[str, Trick] = {name: build(node) for name, node in cfg.trick.items() if node is not None}
    traits = dict.fromkeys(getattr(gan, "traits", ()), f"gan={_choice(cfg.gan)}")
    traits |= {trait: f"loss={_choice(cfg.loss)}" for trait in loss.traits}
    traits |= {trait: f"a discriminator with {trait.replace('_', ' ')}" for trait in traits_of(networks[0])}
    if any(hasattr(network, "fit") for network in networks):
        traits["fitted"] = f"architecture={_choice(cfg.architecture.generator)}"
    for group, part in (("arrangement", codec.arrangement), ("standardization", codec.standardization)):
        if part.fitted:
            traits["fitted"] = f"{group}={_choice(cfg[group])}"
    if conditions.fitted:
        traits["fitted_conditions"] = f"several labels or attributes of gan={_choice(cfg.gan)}"
    if not codec.arrangement.leads:
        traits["no_leads"] = f"arrangement={_choice(cfg.arrangement)}"
    if cfg.gan.get("reuse_fakes", False):
        traits["reused_fakes"] = "gan.reuse_fakes=true"
    refuse_combinations(traits, tricks)
    for name, trick in tricks.items():
        if trick.needs_classes and len(source.classes) < 2:
            raise UserError(f"trick={name} needs data with two or more classes, and {source.name} has none.")
    return tricks


def _check_kind(name: str, standardization: Standardization, kind: Kind) -> None:
    if not isinstance(kind, standardization.kinds):
        taken = ", ".join(f"{other.noun}s" for other in standardization.kinds)
        raise UserError(
            f"standardization={name} takes {taken}, and this data set gives {kind.noun}s. Windows go with "
            "adapted_range, fixed_range and others, rows with min_max, images with as_it_is."
        )
    if not standardization.takes_unit(kind):
        raise UserError(
            f"standardization={name} has its range in mV, and these windows are in {kind.other_unit} (dataset.unit): "
            "standardization=quantile_range and equalized take theirs from the training data."
        )


def _choice(node: DictConfig) -> str:
    return str(node._target_).rsplit(".", 2)[-2]


def plain_values(cfg: DictConfig) -> dict[str, Any]:
    """The configuration resolved to dictionaries, lists and plain values."""
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
