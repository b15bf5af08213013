"""A trained generator, and the weights of a checkpoint loaded into its networks."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import ganlab.core.settings  # noqa: F401  (the resolvers of stored configurations)
from ganlab import __version__
from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.core.labels import SEPARATOR, multi_hot, names_in
from ganlab.core.names import name_of, spelled
from ganlab.gan.gan import GAN
from ganlab.gan.outputs import Given
from ganlab.tracking.checkpoints import read_checkpoint
from ganlab.tracking.facts import git_commit
from ganlab.tracking.record import read_facts

LISTED = 6
"""Differences in a message."""


@dataclass(frozen=True)
class Trained:
    """A generator of windows, rows or images in their own units; `run` is what the run's `run.json` says."""

    gan: GAN
    kind: Kind
    run: dict[str, Any]
    checkpoint: str
    steps: int | None
    """Training steps at the checkpoint; None for a generator that was stored alone."""

    def label_of(self, name: str | None) -> Given:
        """Return the label of a class by its name, or of several as in `NORM+SR` where a sample may have several.

        Raises UserError for a class that the generator does not know.
        """
        if name is None:
            return None
        name, classes = name_of(name), self.gan.classes
        several, places = self.gan.many_labels, spelled(classes)
        # A command line takes no semicolon without quotes.
        text = name.replace("+", SEPARATOR) if several and name not in classes else name
        if unknown := [each for each in (names_in(text) if several else [text]) if each not in places]:
            accepted = ", ".join(classes) or "none: it was trained without classes (gan=acgan has them)"
            more = f", and several of them as in {'+'.join(classes[:2])}" if several else ""
            raise UserError(f"label={name}: this generator has {accepted}{more}; not {', '.join(unknown)}.")
        return multi_hot(text, classes) if several else places[text]


def state_in(path: Path) -> dict[str, Any]:
    """Return a run's checkpoint, verified. Raises UserError where it holds no weights or no number of steps."""
    stored = read_checkpoint(path)
    if not isinstance(stored.get("state_dict"), Mapping) or not isinstance(stored.get("steps"), int):
        raise UserError(f"{path} is not a checkpoint of a run: it holds {', '.join(map(str, stored)) or 'nothing'}.")
    return stored


def restore(gan: GAN, path: Path, content: Mapping[str, Any] | None = None) -> int:
    """Load a checkpoint's weights and return its number of training steps; `content` is that of `state_in`, if read.

    Raises UserError if they do not fit.
    """
    stored = state_in(path) if content is None else content
    check_weights(gan, path, stored["state_dict"])
    gan.load_state_dict(stored["state_dict"])
    return int(stored["steps"])


def check_weights(module: nn.Module, path: Path, weights: Mapping[str, Any]) -> None:
    """Raise UserError with the differences where the weights in a file belong to other networks."""
    if differences := unlike_tensors(weights, module.state_dict()):
        listed = "\n".join(differences[:LISTED])
        raise UserError(
            f"{path} is a checkpoint of other networks than its run's config.yaml says "
            f"({len(differences)} differences):\n{listed}\nRestore the config.yaml of the run that wrote it"
            f"{_version(path.parent.parent)}."
        )


def unlike_tensors(stored: Mapping[str, Any], own: Mapping[str, Tensor], types: bool = False) -> list[str]:
    """Return a line for each tensor that only a file has, or only the networks, or both in other shapes or `types`."""

    def description(value: Any) -> str:
        if not isinstance(value, Tensor):
            return "missing" if value is None else type(value).__name__
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.') if types else ''}".rstrip()

    pairs = {name: (description(stored.get(name)), description(own.get(name))) for name in own.keys() | stored.keys()}
    return sorted(
        f"  {name}: {its} in the file, {ours} in these networks" for name, (its, ours) in pairs.items() if its != ours
    )


def _version(run: Path) -> str:
    with suppress(UserError):
        if code := other_code(read_facts(run, "version")):
            return f", or use the code that wrote it: {code}"
    return ""


def other_code(facts: Mapping[str, Any]) -> str:
    """Return which code trained a run, where it is another: networks of one name may change with it."""
    theirs, ours = (facts["version"], facts.get("git_commit")), (__version__, git_commit())
    return "" if theirs == ours else "ganlab {}, code {}; this is {}, code {}".format(*theirs, *ours)
