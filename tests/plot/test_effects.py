"""The picture of groups with their intervals."""

import math

from matplotlib.axes import Axes

from ganlab.evaluation.effects import compared
from ganlab.plot.effects import draw_effects


def points(axes: Axes) -> list[float]:
    return [float(line.get_xdata()[0]) for line in axes.lines if line.get_gid() == "effect"]


def test_means_or_differences_stand_in_the_groups_order_and_chance_is_shaded() -> None:
    runs = {name: {(str(seed), ""): [more + seed] for seed in range(4)} for name, more in (("z", 0.0), ("random", 2.0))}
    effects = compared(runs, "z", best=0.0)
    means, apart = draw_effects({"a": effects}), draw_effects({"a": effects}, "dB", ("z", "random"), differences=True)
    assert points(means.axes[0]) == [1.5, 3.5]
    assert points(apart.axes[0]) == [0.0, 2.0]
    assert [label.get_text() for label in means.axes[0].get_yticklabels()] == ["z", "random"]
    assert not means.axes[0].patches
    assert len(apart.axes[0].patches) == 1
    assert not any(math.isnan(value) for value in points(apart.axes[0]))
