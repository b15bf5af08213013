r"""Who a recording is of: from a style to the numbers of a template, a rhythm and a noise that go together.

Before the networks are trained the numbers are brought near those of the training windows, together with their
conditions, by the energy distance (Szekely and Rizzo 2013), in some seconds; then they stay.

    2 E |X - Y| - E |X - X'| - E |Y - Y'|
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlab.architecture.signal_layers import unit

BATCH, LEARNING_RATE = 256, 1e-3
"""Of the fit before training, by Adam, with a rate that falls to 0."""
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
        nn.init.eye_(self.linear.weight[:-own].detach())
        nn.init.zeros_(self.linear.weight[-own:].detach())
        nn.init.zeros_(self.linear.bias)
        self.requires_grad_(False)

    def forward(self, given: Tensor, own: Tensor) -> Tensor:
        """Return the numbers `(B, numbers)`."""
        numbers = self.linear(given) + self.mapping(unit(given))
        shape, recording = numbers.tensor_split([numbers.shape[1] - len(self.scale)], dim=1)
        return torch.cat([shape, recording + self.scale * own], dim=1)

    @one_thread()
    def fit(self, numbers: Tensor, weights: Tensor, conditions: Tensor, steps: int) -> None:
        """Bring the numbers near those of windows `(N, numbers)` with conditions `(N, C)`; differences are weighted.

        Numbers that are not known of a window, NaN, are normal. Weights of half a float are fitted as whole ones.
        """
        draws, precision = torch.Generator().manual_seed(0), self.scale.dtype
        self.to(torch.promote_types(precision, torch.float32))
        numbers, weights, conditions = (each.to(self.scale) for each in (numbers, weights, conditions))
        numbers = numbers.where(numbers.isfinite(), torch.randn(numbers.shape, generator=draws).to(numbers))
        self._start(numbers, conditions)
        real = torch.cat([numbers * weights, conditions], dim=1)
        self.requires_grad_(True)
        optimizer = torch.optim.Adam(self.parameters(), LEARNING_RATE, betas=(0.5, 0.99))
        style = self.given - conditions.shape[1]
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
            of, other = torch.randint(len(real), (2, BATCH), generator=draws)
            noise = torch.randn(BATCH, style + len(self.scale), generator=draws).to(numbers)
            given, own = noise.tensor_split([style], dim=1)
            with torch.enable_grad():
                made = self(torch.cat([given, conditions[of]], dim=1), own) * weights
                distance = energy_distance(torch.cat([made, conditions[of]], dim=1), real[other])
            optimizer.zero_grad()
            distance.backward()
            optimizer.step()
        self.requires_grad_(False).to(precision)

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
