import warnings

import numpy as np
import pytest

from ganlab.core.kind import Column
from ganlab.plot.figure import png_bytes
from ganlab.plot.table import draw_boxes, draw_correlations, draw_counts

COLUMNS = (Column("age"), Column("sick", binary=True), Column("tsh"), Column("goitre", binary=True))


def rows(seed, count=200):
    rng = np.random.default_rng(seed)
    age = rng.normal(50 + 10 * seed, 5, count)
    return np.stack([age, rng.integers(0, 2, count), age / 1e4, np.zeros(count)], axis=1)


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def of_panel(axes, gid):
    return [child for child in axes.get_children() if child.get_gid() == gid]


def test_a_panel_of_boxes_for_each_continuous_feature_has_the_medians_of_real_and_synthetic():
    real, synthetic = rows(0), rows(1)
    figure = draw_boxes(real, synthetic, COLUMNS)
    assert titles(figure) == ["age", "tsh"]
    for axes, column in zip(figure.axes, (0, 2), strict=True):
        levels = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        assert {np.median(real[:, column]), np.median(synthetic[:, column])} <= set(levels)
        assert [label.get_text() for label in axes.get_xticklabels()] == ["real", "synthetic"]
    assert figure.axes[0].get_ylim()[0] > 10 * figure.axes[1].get_ylim()[1]


def test_values_that_are_no_numbers_are_counted_where_they_are_left_out():
    broken = rows(1)
    broken[:3, 0] = np.nan
    broken[0, 1], broken[1, 1] = 0.5, np.nan
    assert titles(draw_boxes(rows(0), broken, COLUMNS)) == ["age (3 values not finite)", "tsh"]
    assert titles(draw_counts(rows(0), broken, COLUMNS)) == ["sick (2 neither)", "goitre"]
    assert titles(draw_correlations(rows(0), broken, COLUMNS))[:2] == ["Real", "Synthetic (3 rows not finite)"]


def test_bars_are_shares_and_say_their_counts():
    real, synthetic = np.zeros((1200, 4)), np.zeros((10, 4))
    real[:300, 1], synthetic[:9, 1] = 1, 1
    sick, goitre = draw_counts(real, synthetic, COLUMNS).axes
    assert [bar.get_height() for bar in of_panel(sick, "bars")] == [0.75, 0.25, 0.1, 0.9]
    assert [text.get_text() for text in sick.texts] == ["900", "300", "1", "9"]
    assert [text.get_text() for text in goitre.texts] == ["1\u202f200", "0", "10", "0"]
    assert sick.get_ylim() == goitre.get_ylim()


def test_heat_maps_are_of_real_of_synthetic_and_of_their_difference_and_blank_where_a_column_is_constant():
    real, synthetic = rows(0), np.random.default_rng(2).permuted(rows(0), axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_correlations(real, synthetic, COLUMNS)
        png_bytes(figure, dpi=40)
    maps = [of_panel(axes, "correlations")[0].get_array() for axes in figure.axes[:3]]
    assert np.allclose(maps[0][:3, :3], np.corrcoef(real[:, :3].T))
    assert maps[2][0, 2] == pytest.approx(maps[1][0, 2] - 1)
    assert [name.get_text() for name in figure.axes[0].get_yticklabels()] == ["age", "sick", "tsh", "goitre"]
    for values in maps:
        assert values.mask[3].all()
        assert values.mask[:, 3].all()
        assert not values.mask[:3, :3].any()


def test_the_scale_of_differences_holds_them_and_does_not_blow_up_noise():
    small = [
        of_panel(axes, "correlations")[0].get_clim() for axes in draw_correlations(rows(0), rows(1), COLUMNS).axes[:3]
    ]
    assert small == [(-1, 1), (-1, 1), (-0.25, 0.25)]
    turned = rows(0) * [1, 1, -1, 1]
    map_of_difference = of_panel(draw_correlations(rows(0), turned, COLUMNS).axes[2], "correlations")[0]
    assert map_of_difference.get_clim() == pytest.approx((-2, 2))
