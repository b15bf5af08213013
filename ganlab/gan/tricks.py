"""The tricks of a GAN as one: each hook is called for every trick, in the order in which they were named."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from ganlab.trick.base import Trick, hooks_of


class Tricks(nn.ModuleDict):
    """Tricks by name; `ganlab.trick.base.Trick` describes the hooks. Their memory is in the state_dict."""

    def each(self) -> Iterator[Trick]:
        """Iterate over the tricks in their order."""
        return iter(self.values())  # type: ignore[arg-type]

    def overriding(self, hook: str) -> bool:
        """Return whether a trick overrides this hook."""
        return any(hook in hooks_of(trick) for trick in self.each())

    def every(self, hook: str, *arguments: Any) -> list[Any]:
        """Return what the hook of each trick returns, without None. Every trick is asked, since it may count."""
        answers = [getattr(trick, hook)(*arguments) for trick in self.each()]
        return [answer for answer in answers if answer is not None]

    def chain(self, hook: str, value: Any, *more: Any) -> Any:
        """Return a value that the hook of each trick has changed in turn; `more` are the hook's other arguments."""
        for trick in self.each():
            value = getattr(trick, hook)(value, *more)
        return value

    def merged(self, hook: str) -> dict[str, Any]:
        """Return the entries of all dictionaries that the hook of each trick returns."""
        return {name: value for answer in self.every(hook) for name, value in answer.items()}
