"""Secrets kept out of what is written: credentials in addresses, and values of the environment."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

MASK = "***"
CREDENTIALS = re.compile(r"(?<=://)[^\s'\"<>]*(?=@)")
"""What stands between `://` and the last `@` of a word."""
QUERY = re.compile(
    r"(?<=[?&])([a-z_-]*(?:password|passwd|token|secret|signature|api_?key|access_?key)=)([^&\s'\"<>]+)", re.I
)
"""A secret in the query of an address."""
ARGUMENT = re.compile(r"(?<=://)[^\s'\",]*(?=@)")
VARIABLE = "GANLAB_CREDENTIALS"
"""Variable of the environment that holds the credentials of the command line's first address; others have a number."""


def masked(text: str) -> str:
    """Return a text with `***` for the user and password of each address, and for secrets in its query.

    A variable of the environment in their place is no secret and stays.
    """
    if "://" not in text:
        return text
    hidden = CREDENTIALS.sub(lambda match: match[0] if "${oc.env:" in match[0] else MASK, text)
    return QUERY.sub(rf"\1{MASK}", hidden)


class MaskedRecord(logging.LogRecord):
    """A line of a log whose message and traceback show no credentials."""

    def getMessage(self) -> str:
        """Return the message."""
        return masked(super().getMessage())

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, masked(value) if name == "exc_text" and value else value)


def masked_values(value: Any) -> Any:
    """Return plain values with all texts masked."""
    if isinstance(value, Mapping):
        return {key: masked_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(inner) for inner in value]
    return masked(value) if isinstance(value, str) else value


def without_credentials(arguments: list[str], environment: MutableMapping[str, str]) -> list[str]:
    """Return the arguments of a command line with variables for the credentials in addresses.

    The variables are set in `environment`, which the processes of a sweep inherit. So nothing that Hydra or ganlab
    writes of the command line holds a secret.
    """

    def variable(secret: str) -> str:
        if not secret or "${" in secret:
            return secret
        names = (VARIABLE if number == 1 else f"{VARIABLE}_{number}" for number in count(1))
        name = next(name for name in names if environment.get(name, secret) == secret)
        environment[name] = secret
        return f"${{oc.env:{name}}}"

    return [
        QUERY.sub(lambda match: match[1] + variable(match[2]), ARGUMENT.sub(lambda match: variable(match[0]), argument))
        for argument in arguments
    ]


def stored_text(config: DictConfig) -> str:
    """Return a configuration as the text that a run stores: resolved but for the environment, credentials masked."""
    values = OmegaConf.to_container(config, resolve=True)
    return OmegaConf.to_yaml(OmegaConf.create(_stored(config, values)))


def _stored(node: Any, value: Any) -> Any:
    """Return a resolved value as it is stored; `node` is where it comes from, its interpolations not resolved."""
    if isinstance(value, dict):
        return {key: _stored(_child(node, key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_stored(_child(node, number), inner) for number, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    return masked(node if isinstance(node, str) and "${oc.env:" in node else value)


def _child(node: Any, key: Any) -> Any:
    """Return a value of a configuration with `${oc.env:NAME}` in the place of what a variable holds."""
    if not isinstance(node, DictConfig | ListConfig):
        return None
    with _environment_unresolved():
        try:
            return node[key]
        except Exception:
            return None


@contextmanager
def _environment_unresolved() -> Iterator[None]:
    from omegaconf.resolvers import oc

    OmegaConf.register_new_resolver("oc.env", _unresolved, replace=True)
    try:
        yield
    finally:
        resolver: Callable[..., Any] = oc.env
        OmegaConf.register_new_resolver("oc.env", resolver, replace=True)


def _unresolved(name: str, default: str | None = None) -> str:
    if default is None:
        return f"${{oc.env:{name}}}"
    plain = re.fullmatch(r"[A-Za-z0-9_./-]+", default)
    text = default if plain else "'" + default.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"${{oc.env:{name},{text}}}"
