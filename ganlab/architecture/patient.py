r"""Who a recording is of: from a style to the numbers of a template, a rhythm and a noise that go together.

Before the networks are trained the numbers are brought near those of the training windows, together with their
conditions, by the energy distance (Szekely and Rizzo 2013), in some seconds, and moved to their distribution
(`ganlab.architecture.transport`); then they stay.

    2 E |X - Y| - E |X - X'| - E |Y - Y'|

Beside the numbers it is that of what is seen of them, such as how steep a beat is at each time: each number may be
spread as it should be, and their beats are not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlab.architecture.signal_layers import unit
from ganlab.architecture.transport import Transport

BATCH, LEARNING_RATE = 256, 1e-3
"""Of the fit before training, by Adam, with a rate that falls to 0."""
OUTLINE = 3.0
"""Deviation of what is seen, beside conditions of 0 and 1."""
DRAWN = 6000
"""Numbers drawn for the transport."""
RIDGE = 4.0
"""Windows that say a condition changes nothing."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: steps this small wait for a second one, ten times as long on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Patient(nn.Module):
    """Maps `given` numbers, the style and the conditions, and `own` ones of a recording to `numbers`.

    The last of the numbers are as many as the recording's own, and vary with these too. It has no gradient.
    """

    def __init__(self, given: int, own: int, numbers: int, style: int) -> None:
        super().__init__()
        self.given = given
        self.mapping = layers(given, style, numbers)
        self.linear = nn.Linear(given, numbers)
        self.scale = nn.Parameter(torch.ones(own))
        self.shape, self.recording = Transport(numbers - own), Transport(own)
        nn.init.eye_(self.linear.weight[:-own].detach())
        nn.init.zeros_(self.linear.weight[-own:].detach())
        nn.init.zeros_(self.linear.bias)
        self.requires_grad_(False)

    def forward(self, given: Tensor, own: Tensor) -> Tensor:
        """Return the numbers `(B, numbers)`."""
        shape, recording = self._parts(self._drawn(given, own))
        return torch.cat([self.shape(shape), self.recording(recording)], dim=1)

    def _parts(self, numbers: Tensor) -> tuple[Tensor, ...]:
        """Return the numbers that are a patient's and those that are a recording's."""
        return numbers.tensor_split([numbers.shape[1] - len(self.scale)], dim=1)

    def _drawn(self, given: Tensor, own: Tensor) -> Tensor:
        """Return the numbers before the transport."""
        numbers = self.linear(given) + self.mapping(unit(given))
        shape, recording = self._parts(numbers)
        return torch.cat([shape, recording + self.scale * own], dim=1)

    @one_thread()
    def fit(
        self,
        numbers: Tensor,
        weights: Tensor,
        conditions: Tensor,
        steps: int,
        outline: Callable[[Tensor], Tensor],
    ) -> None:
        """Bring the numbers near those of windows `(N, numbers)` with conditions `(N, C)`; differences are weighted.

        So is the `outline` of them, `(N, features)`.

        Numbers that are not known of a window, NaN, are normal. Weights of half a float are fitted as whole ones.
        """
        draws, precision = torch.Generator().manual_seed(0), self.scale.dtype
        self.to(torch.promote_types(precision, torch.float32))
        numbers, weights, conditions = (each.to(self.scale) for each in (numbers, weights, conditions))
        numbers = numbers.where(numbers.isfinite(), torch.randn(numbers.shape, generator=draws).to(numbers))
        self._start(numbers, conditions)
        real = torch.cat([numbers * weights, conditions], dim=1)
        features = torch.cat([outline(part) for part in numbers.split(BATCH)])
        scale = OUTLINE / features.var(0).sum().sqrt().clamp(min=1e-9)
        features = scale * features
        self.requires_grad_(True)
        optimizer = torch.optim.Adam(self.parameters(), LEARNING_RATE, betas=(0.5, 0.99))
        style = self.given - conditions.shape[1]
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
            of, other = torch.randint(len(real), (2, BATCH), generator=draws)
            noise = torch.randn(BATCH, style + len(self.scale), generator=draws).to(numbers)
            given, own = noise.tensor_split([style], dim=1)
            with torch.enable_grad():
                made = self._drawn(torch.cat([given, conditions[of]], dim=1), own)
                distance = energy_distance(torch.cat([made * weights, conditions[of]], dim=1), real[other])
                pair = (scale * outline(made), conditions[of]), (features[other], conditions[other])
                distance = distance + energy_distance(*(torch.cat(each, dim=1) for each in pair))
            optimizer.zero_grad()
            distance.backward()
            optimizer.step()
        self.requires_grad_(False)
        self._move(numbers, conditions, draws)
        self.to(precision)

    @torch.no_grad()
    def _start(self, numbers: Tensor, conditions: Tensor) -> None:
        """Set weights by which the numbers are normal about a mean that is linear in the conditions (ridge)."""
        alike = RIDGE * torch.eye(conditions.shape[1]).to(numbers)
        slope = torch.linalg.solve(conditions.T @ conditions + alike, conditions.T @ numbers)
        left = numbers - conditions @ slope
        shape = len(left.T) - len(self.scale)
        spread = torch.linalg.cholesky(left[:, :shape].T.cov().view(shape, shape) + 1e-4 * torch.eye(shape).to(numbers))
        for weights in (self.linear.weight, self.linear.bias):
            weights.zero_()
        self.linear.weight[:shape, :shape] = spread
        self.linear.weight[:, self.given - len(slope) :] += slope.T
        self.scale.copy_(left[:, shape:].std(0))

    @torch.no_grad()
    def _move(self, numbers: Tensor, conditions: Tensor, draws: torch.Generator) -> None:
        """Fit the transports from numbers that are drawn for the windows' conditions."""
        of = torch.randint(len(numbers), (DRAWN,), generator=draws)
        noise = torch.randn(DRAWN, self.given - conditions.shape[1] + len(self.scale), generator=draws).to(numbers)
        style, own = noise.tensor_split([noise.shape[1] - len(self.scale)], dim=1)
        drawn = self._parts(self._drawn(torch.cat([style, conditions[of]], dim=1), own))
        for transport, made, real in zip((self.shape, self.recording), drawn, self._parts(numbers), strict=True):
            transport.fit(made, real)


def layers(before: int, hidden: int, after: int) -> nn.Sequential:
    """Return a network of three layers whose output is 0 at first."""
    last = nn.Linear(hidden, after)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    active = nn.LeakyReLU(0.2)
    return nn.Sequential(nn.Linear(before, hidden), active, nn.Linear(hidden, hidden), active, last)


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the energy distance of points `(N, d)` and `(M, d)`, but for what only the second have."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))
