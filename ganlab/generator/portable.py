"""The files of an exported generator, read without trust in whoever made them.

`generator.safetensors` holds tensors and cannot hold code: the weights of the network that samples are drawn from, and
the fitted state of the codec. `generator.json` holds plain values, from which ganlab's own classes are built again, and
the SHA-256 of the weights, which shows damage but not who made them. `README.md` is the card. Nothing else of the run
is exported: no record, patient, path, split, optimizer or discriminator.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import torch
from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from torch import Tensor, nn

from ganlab import __version__
from ganlab.architecture.base import refuse_larger
from ganlab.arrangement.base import Arrangement
from ganlab.codec import Codec
from ganlab.core.errors import UserError, reason_of
from ganlab.core.files import sha256_of
from ganlab.core.instantiate import build
from ganlab.core.kind import Column, Kind
from ganlab.core.ratio import Ratio
from ganlab.core.schema import LARGEST, read_json, validated
from ganlab.gan.conditional import Conditional
from ganlab.gan.conditions import Conditions
from ganlab.gan.gan import GAN
from ganlab.generator.allowed import Allowed, choices
from ganlab.generator.schema import FORMAT, Exported
from ganlab.generator.trained import LISTED, Trained, other_code, unlike_tensors
from ganlab.loss.bce import BCE
from ganlab.standardization.base import Standardization

CONFIG = "generator.json"
WEIGHTS = "generator.safetensors"
TRIED = 8
"""Samples that are generated to see whether they are finite."""
KINDS = {kind.noun: kind for kind in get_args(Kind)}


def load_portable(folder: Path, checkpoint: str = "last") -> Trained:
    """Return the generator of an exported folder, whoever made it.

    Raises UserError where a file is missing, damaged or larger than what it describes, names a class that is not on the
    list, or holds tensors of other names, shapes or types, or values that are not finite.
    """
    file = folder / CONFIG
    config = _read_config(file)
    about = config["about"]
    if checkpoint not in ("last", about["checkpoint"]):
        raise UserError(f"checkpoint={checkpoint}: {folder} is an exported generator and holds {about['checkpoint']}.")
    weights = folder / WEIGHTS
    try:
        actual, size = sha256_of(weights), weights.stat().st_size
    except OSError as error:
        raise UserError(f"{weights}: {error.strerror}. An exported generator is {CONFIG} and {WEIGHTS}.") from error
    if actual != config["sha256"]:
        raise UserError(
            f"{weights} is damaged or changed: its SHA-256 is {actual}, {CONFIG} has {config['sha256']}. Copy it again."
        )
    with _made_by(about):
        gan, kind = rebuilt(config, file, size)
        own = state_of(gan)
        if size > (described := sum(tensor.nbytes for tensor in own.values())) + LARGEST:
            raise UserError(f"{weights} has {size:,} bytes, and {CONFIG} describes tensors of {described:,}.")
        tensors = _tensors(weights.read_bytes(), own, weights)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
    check_sample(gan, kind, str(file))
    return Trained(gan.eval(), kind, about, about["checkpoint"], about["steps"])


@contextmanager
def _made_by(about: Mapping[str, Any]) -> Iterator[None]:
    """Let errors say which code made the generator, where it is other code than this."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error} It is from {code}." if (code := other_code(about)) else str(error)) from error


def state_of(gan: GAN) -> dict[str, Tensor]:
    """Return the tensors that sampling needs: weights, and the fitted state of codec and conditions, without counts."""
    counts = {
        f"{name}.{key}" for name, m in gan.codec.named_modules() if isinstance(m, Ratio) for key in m.state_dict()
    }
    fitted = {f"codec.{key}": value for key, value in gan.codec.state_dict().items() if key not in counts}
    conditions = gan.conditions.state_dict() if isinstance(gan, Conditional) else {}
    fitted |= {f"conditions.{key}": value for key, value in conditions.items()}
    return {f"generator.{key}": value for key, value in gan.sampling_generator.state_dict().items()} | fitted


def _read_config(file: Path) -> dict[str, Any]:
    """Return the content of `generator.json`, its form and every value checked."""
    config = read_json(file)
    if isinstance(config, dict) and isinstance(config.get("format"), int) and config["format"] != FORMAT:
        raise UserError(f"{file}: format {config['format']}; this ganlab ({__version__}) reads {FORMAT}.")
    return validated(Exported, config, str(file)).model_dump()


def rebuilt(config: dict[str, Any], file: Path, size: int) -> tuple[GAN, Kind]:
    """Return the GAN without a discriminator, its weights not loaded yet, and the kind of its samples.

    The network is first built without memory: one that is larger than its `size` bytes of weights is refused. Raises
    UserError for classes that are not allowed or do not fit together.
    """
    gan_class = own_class(config["gan"], "gan", GAN)
    try:
        kind = _kind(dict(config["sample"]))
        arrangement = build_allowed(config["arrangement"], "arrangement", Arrangement)
        standardization = build_allowed(config["standardization"], "standardization", Standardization)
        make = build_allowed(config["generator"], "architecture", nn.Module)
        conditions = _conditions(config)
        numbers = config["noise"] + conditions.width
        refuse_larger(size, partial(make, arrangement, noise=numbers))
        gan = gan_class(
            generator=make(arrangement, noise=numbers),
            discriminator=nn.Identity(),
            codec=Codec(standardization, arrangement),
            loss=BCE(),
            noise=config["noise"],
            **({"classes": conditions.classes, "conditions": conditions} if gan_class.conditional else {}),
        )
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    except Exception as error:
        raise UserError(f"{file} describes networks that cannot be built: {reason_of(error)}") from error
    if kind.leads and arrangement.decoded_leads != kind.leads:
        leads, own = ", ".join(kind.leads), ", ".join(map(str, arrangement.decoded_leads))
        raise UserError(f"{file}: it generates leads {own}, but describes a window of {leads}.")
    return gan, kind


def build_allowed(node: Any, package: str, base: type) -> Any:
    """Return the object of `node`, as Hydra builds it, if conf/<package> names all it names.

    Its class has to be a `base`, whether it is built or, with `_partial_`, still takes arguments. Raises UserError for
    any other target, before anything is built.
    """
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise UserError(f"{package}: accepted is an object with a _target_ in ganlab.{package}.")
    own_class(node["_target_"], package, base)
    Allowed(package, exported=True).check(node, package)
    return build(OmegaConf.create(node))


def own_class(target: str, package: str, base: type) -> Any:
    """Return the class of that name. Raises UserError where conf/<package> does not name it, or it is no `base`."""
    if target not in choices(package):
        raise UserError(f"{package}: {target!r} is refused. Accepted are {', '.join(sorted(choices(package)))}.")
    module, _, name = target.rpartition(".")
    member = getattr(import_module(module), name)
    if not (inspect.isclass(member) and issubclass(member, base)):
        raise UserError(f"{package}: {target} is no {base.__name__}.")
    return member


def _conditions(config: dict[str, Any]) -> Conditions:
    given = config.get("conditions") or {}
    names = tuple(given.get("attributes", ()))
    return Conditions(tuple(config["classes"]), given.get("many_labels", False), names, names)


def _kind(sample: dict[str, Any]) -> Kind:
    made = KINDS[sample.pop("noun")]
    if "columns" in sample:
        sample["columns"] = [Column(**column) for column in sample["columns"]]
    return made(**{key: tuple(value) if isinstance(value, list) else value for key, value in sample.items()})


def _tensors(data: bytes, own: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Return the tensors. Raises UserError where names, shapes or types are not the networks', or values not finite."""
    try:
        tensors = read_tensors(data)
    except SafetensorError as error:
        raise UserError(f"{file} is not a safetensors file: {error}") from error
    if differences := unlike_tensors(tensors, own, types=True):
        listed = "\n".join(differences[:LISTED])
        raise UserError(f"{file} holds other tensors than {CONFIG} describes ({len(differences)}):\n{listed}")
    check_tensors(tensors, str(file))
    return tensors


def check_tensors(tensors: dict[str, Tensor], place: str) -> None:
    """Raise UserError where a tensor holds NaN or infinity; `place` names the file in the message."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{place}: {name} holds NaN or infinity, so nothing can be generated from it.")


def check_sample(gan: GAN, kind: Kind, place: str) -> None:
    """Raise UserError where generated samples are not of this kind, or not finite; `place` names the file."""
    try:
        samples = gan.sample(TRIED)
    except Exception as error:
        raise UserError(f"{place}: nothing can be generated from it: {reason_of(error)}") from error
    gan.codec.forget_counts()
    shape = tuple(samples[0].shape)
    if shape != kind.shape:
        raise UserError(f"{place}: it generates {shape}, but describes a {kind.noun} of {kind.shape}.")
    if bad := int((~torch.isfinite(samples)).flatten(1).any(dim=1).sum()):
        raise UserError(f"{place}: {bad} of {TRIED} generated {kind.noun}s hold NaN or infinity.")
