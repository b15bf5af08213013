"""Flow matching (Lipman et al. 2023, arXiv 2210.02747) with a one-dimensional U-Net: the leaderboard's baseline.

`Rival` is what scripts/leaderboard.py and scripts/peers.py train: it sees the signals that ganlab's one-dimensional
networks see, `(B, leads, length)` at a fraction of the data's rate, in units of the standardization's reach (2.5 mV).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam


class Rival(nn.Module):
    """Learns from batches `(B, leads, length)`, and samples."""

    def __init__(self, leads: int, length: int) -> None:
        super().__init__()
        self.leads, self.length, self.steps = leads, length, 0

    def step(self, real: Tensor, done: float) -> None:
        """Learn from a batch, when this share of the training is over."""
        raise NotImplementedError

    def sample(self, count: int) -> Tensor:
        """Return signals `(count, leads, length)`."""
        raise NotImplementedError


class Residual(nn.Module):
    """Two convolutions whose input is scaled and shifted by the time's embedding."""

    def __init__(self, before: int, after: int, embedding: int) -> None:
        super().__init__()
        self.norm, self.first = nn.GroupNorm(8, before), nn.Conv1d(before, after, 5, padding=2)
        self.time, self.second = nn.Linear(embedding, 2 * after), nn.Conv1d(after, after, 5, padding=2)
        self.inner = nn.GroupNorm(8, after)
        self.skip = nn.Conv1d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Return `(B, after, length)`."""
        scale, shift = self.time(time)[:, :, None].chunk(2, dim=1)
        y = self.inner(self.first(F.silu(self.norm(x)))) * (1 + scale) + shift
        return self.skip(x) + self.second(F.silu(y))


class UNet(nn.Module):
    """Noisy signals `(B, leads, length)` and times `(B,)` to velocities; four samples are folded into channels."""

    def __init__(self, leads: int, widths: tuple[int, ...] = (48, 96, 128), fold: int = 4) -> None:
        super().__init__()
        self.fold, embedding = fold, widths[0]
        self.time = nn.Sequential(nn.Linear(embedding, 128), nn.SiLU())
        self.register_buffer("rates", torch.exp(torch.linspace(0, math.log(200.0), embedding // 2)), persistent=False)
        self.first, self.last = (
            nn.Conv1d(leads * fold, widths[0], 3, padding=1),
            nn.Conv1d(widths[0], leads * fold, 3, padding=1),
        )
        pairs = list(zip((widths[0], *widths), widths, strict=False))
        self.down = nn.ModuleList(Residual(before, after, 128) for before, after in pairs)
        self.middle = nn.ModuleList((Residual(widths[-1], widths[-1], 128), Residual(widths[-1], widths[-1], 128)))
        self.attention = nn.MultiheadAttention(widths[-1], 4, batch_first=True)
        self.up = nn.ModuleList(Residual(2 * after, before, 128) for before, after in reversed(pairs))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return velocities of the same shape."""
        angle = t[:, None] * self.rates
        time = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        x = self.first(x.unflatten(2, (-1, self.fold)).transpose(2, 3).flatten(1, 2))
        kept = []
        for block in self.down:
            x = block(x, time)
            kept.append(x)
            x = F.avg_pool1d(x, 2)
        x = self.middle[0](x, time)
        rows = x.transpose(1, 2)
        x = self.middle[1](x + self.attention(rows, rows, rows, need_weights=False)[0].transpose(1, 2), time)
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), kept.pop()], dim=1), time)
        return self.last(x).unflatten(1, (-1, self.fold)).transpose(2, 3).flatten(2)


class Flow(Rival):
    """Straight paths from noise to data; Heun's steps back, with averaged weights."""

    RATE, STEPS, DECAY = 1e-3, 20, 0.995

    def __init__(self, leads: int, length: int) -> None:
        super().__init__(leads, length)
        self.network, self.average = UNet(leads), UNet(leads)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = Adam(self.network.parameters(), lr=self.RATE)
        self.scale = 0.0

    def step(self, real: Tensor, done: float) -> None:
        """Predict the difference of data and noise between them; the rate falls as a cosine."""
        self.scale = self.scale or float(real.std())
        self.optimizer.param_groups[0]["lr"] = self.RATE * (0.02 + 0.98 * math.cos(done * math.pi / 2))
        data, noise = real / self.scale, torch.randn_like(real)
        t = torch.sigmoid(torch.randn(len(real)))
        at = t[:, None, None]
        loss = (self.network(at * data + (1 - at) * noise, t) - (data - noise)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        decay = min(self.DECAY, (1 + self.steps) / (10 + self.steps))
        for mine, own in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mine.data.lerp_(own.data, 1 - decay)
        self.steps += 1

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Integrate from noise."""
        x = torch.randn(count, self.leads, self.length)
        for k in range(self.STEPS):
            t, wide = torch.full((count,), k / self.STEPS), 1 / self.STEPS
            slope = self.average(x, t)
            x = x + wide * (slope + self.average(x + wide * slope, t + wide)) / 2
        return x * self.scale
