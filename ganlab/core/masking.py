"""Secrets kept out of what is written: credentials in addresses, and values of the environment."""

import logging
import re
import string
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

MASK = "***"
ADDRESS = re.compile(r"://(?:[^\s'\"<>]|['\"]+(?=\w))*")
"""A word from `://` on; a quote within it may be part of a password."""
WHOLE = re.compile(r"([\w+.-]+://)((?:(?!://).)*)@([^@]*)")
"""A value that is an address: what stands before its last `@` may hold blanks, quotes and commas."""
NAMES = r"(?:password|passwd|pwd|token|secret|signature|sig|credential|auth|key)"
QUERY = re.compile(rf"((?:[?&]|%3B)[a-z0-9_-]*{NAMES}(?:=|%3D))([^&\s'\"<>]+)", re.I)
"""A secret in the query of an address, or in one that is packed into it."""
PARAMETER = re.compile(rf"([;#][a-z0-9_-]*{NAMES}=)([^&\s'\"<>]+)", re.I)
"""A secret behind another sign, which is looked for in an address alone."""
KEY = re.compile(r"(?:PASSWORD|TOKEN|SECRET|KEY)$|(?:^|[._])(?:password|passwd|token|(?:api|access)_?key)$")
"""End of the name of a setting or variable that holds a secret."""
ENTRY = re.compile(r"([A-Z_]*(?:PASSWORD|TOKEN|SECRET|KEY)['\"]?\s*:\s*)('[^']*'|\"[^\"]*\"|[^,}\s]+)")
"""Such a variable among others, as in `hydra.job.env_set={MLFLOW_TRACKING_PASSWORD: x}`."""
SCHEME = string.ascii_letters + string.digits + "+.-"
VARIABLE = "GANLAB_CREDENTIALS"
"""Variable of the environment that holds the credentials of the command line's first address; others have a number."""


def masked(text: str) -> str:
    """Return a text with `***` for the user and password of each address, and for secrets in its query.

    A variable of the environment in their place is no secret and stays.
    """
    return _hidden(text, lambda secret: secret if "${oc.env:" in secret else MASK)


def _hidden(text: str, hide: Callable[[str], str]) -> str:
    """Return a text with `hide` of each secret of its addresses. Its time grows with the length alone."""

    def address(match: re.Match[str]) -> str:
        user, at, rest = match[0].rpartition("@")
        shown = f"://{hide(user[3:])}@{rest}" if at else match[0]
        return PARAMETER.sub(lambda each: each[1] + hide(each[2]), shown)

    one = WHOLE.fullmatch(text)
    text = f"{one[1]}{hide(one[2])}@{one[3]}" if one else text
    return QUERY.sub(lambda match: match[1] + hide(match[2]), text if one else ADDRESS.sub(address, text))


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
        return {key: _entry(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(inner) for inner in value]
    return masked(value) if isinstance(value, str) else value


def _entry(key: Any, value: Any) -> Any:
    secret = isinstance(value, str | int | float) and "${" not in str(value) and KEY.search(str(key))
    return MASK if secret and not isinstance(value, bool) else masked_values(value)


def without_addresses(text: str) -> str:
    """Return the overrides of a job, joined by commas, without what may be a password; more may be left out."""
    head, scheme, rest = text.partition("://")
    return masked(head + scheme + rest.rpartition("@")[2])


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

    def argument(text: str) -> str:
        key, equals, value = text.partition("=")
        if KEY.search(key) and value[:1] not in ("[", "{"):
            quoted = value[:1] in ("'", '"') and value[:1] == value[-1:]
            return key + equals + variable(value[1:-1] if quoted else value)
        if key.partition(".")[0].lstrip("+") == "hydra":
            value = ENTRY.sub(lambda match: match[1] + variable(match[2].strip("'\"")), value)
        return key + equals + "://".join([*_users(value, variable)])

    return [_hidden(argument(text), variable) for text in arguments]


def _users(value: str, hide: Callable[[str], str]) -> Iterator[str]:
    """Yield the parts of an override's value between `://`, users and passwords hidden.

    A quoted address ends at its quote, one in a list at a comma; another holds all up to the last `@`, for a comma or
    a blank may be part of a password.
    """
    first, *others = value.split("://")
    yield first
    before, several = first, value[:1] in ("[", "{")
    for part in others:
        quote = before.rstrip(SCHEME)[-1:]
        end = rf"[^{quote}\\]|\\." if quote in ("'", '"') else "[^,]" if several else "."
        address = (re.match(f"(?:{end})*", part, re.S) or [""])[0]
        user, at, rest = address.rpartition("@")
        yield (hide(user) if at else "") + at + rest + part[len(address) :]
        before = part


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
