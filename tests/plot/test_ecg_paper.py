import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from ganlab.plot.ecg_paper import center_windows, draw_windows, lead_name, lead_spans
from ganlab.plot.figure import png_bytes
from ganlab.plot.images import grid_image

LEADS = ("i", "avr")


def windows(count=2, height=1.0, samples=2025):
    beat = height * np.exp(-(((np.arange(samples) - samples // 2) / 20) ** 2))
    return np.tile(beat, (count, len(LEADS), 1))


def artist(axes, gid):
    return next(child for child in axes.get_children() if child.get_gid() == gid)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [t.get_text() for t in figure.texts]


def gaps(axes, gid, column):
    lines = artist(axes, gid)
    assert isinstance(lines, LineCollection)
    places = {round(a[column], 6) for a, b in lines.get_segments() if np.isclose(a[column], b[column])}
    return [b - a for a, b in pairwise(sorted(places))]


@pytest.mark.parametrize(("gid", "seconds", "millivolts"), [("1 mm", 0.04, 0.1), ("5 mm", 0.2, 0.5)])
def test_lines_stand_at_these_times_and_voltages(gid, seconds, millivolts):
    axes = draw_windows(windows(), leads=LEADS, rate=1000).axes[0]
    assert np.allclose(gaps(axes, gid, 0), seconds, atol=1e-6)
    assert np.allclose(gaps(axes, gid, 1), millivolts, atol=1e-6)


def test_lines_cover_the_panel_and_are_drawn_below_the_trace():
    axes = draw_windows(windows(), leads=LEADS, rate=1000).axes[0]
    ends = np.concatenate(artist(axes, "1 mm").get_segments())
    assert np.allclose([ends[:, 0].min(), ends[:, 0].max()], axes.get_xlim())
    assert np.allclose([ends[:, 1].min(), ends[:, 1].max()], axes.get_ylim())
    assert artist(axes, "5 mm").get_zorder() < artist(axes, "lead i").get_zorder()


def test_a_millimetre_of_paper_is_a_millimetre_both_ways():
    figure = draw_windows(windows(3), leads=LEADS, rate=1000, columns=2)
    figure.canvas.draw()
    for axes in figure.axes:
        across, upwards = axes.transData.transform((0.04, 0.1)) - axes.transData.transform((0, 0))
        assert across == pytest.approx(figure.dpi / 25.4, rel=1e-6)
        assert upwards == pytest.approx(figure.dpi / 25.4, rel=1e-6)


def test_a_figure_that_is_stretched_keeps_its_paper_square():
    figure = draw_windows(windows(), leads=LEADS, rate=1000)
    figure.set_size_inches(5, 30)
    figure.canvas.draw()
    across, upwards = np.subtract(*figure.axes[0].transData.transform([(0.04, 0.1), (0, 0)]))
    assert across == pytest.approx(upwards, rel=1e-6)


def test_the_trace_has_its_time_and_its_millivolts():
    axes = draw_windows(windows(height=0.8), leads=LEADS, rate=500).axes[0]
    time, trace = artist(axes, "lead avr").get_data()
    assert time[-1] == pytest.approx(2024 / 500)
    assert np.ptp(trace) == pytest.approx(0.8, abs=1e-6)
    assert np.ptp(artist(axes, "1 mV").get_ydata()) == pytest.approx(1)


def test_zero_millivolts_lie_on_a_heavy_line():
    axes = draw_windows(windows(), leads=LEADS, rate=1000).axes[0]
    for lead in LEADS:
        zero = artist(axes, f"lead {lead}").get_ydata()[0]
        assert zero / 0.5 == pytest.approx(round(zero / 0.5), abs=1e-6)


def test_leads_are_named_and_do_not_overlap():
    figure = draw_windows(windows(height=3.2), leads=LEADS, rate=1000, note="hear this", titles=["a", "b"])
    assert {"I", "aVR", "hear this", "25 mm/s   10 mm/mV"} <= set(texts(figure))
    assert figure.axes[1].get_title(loc="left") == "b"
    first, second = (artist(figure.axes[0], f"lead {lead}").get_ydata() for lead in LEADS)
    assert first.min() > second.max()


def test_a_row_grows_for_a_trace_that_the_common_range_would_cut():
    values = windows(12)
    values[7, 1] *= -4
    common = lead_spans(values)
    assert common[1, 0] == -0.5
    figure = draw_windows(values, leads=LEADS, rate=1000, columns=3)
    heights = [float(np.ptp(axes.get_ylim())) for axes in figure.axes]
    assert heights[6] == heights[7] == pytest.approx(heights[0] + 4)
    trace = artist(figure.axes[7], "lead avr").get_ydata()
    assert trace.min() > figure.axes[7].get_ylim()[0]
    assert np.ptp(trace) == pytest.approx(4, abs=1e-4)


def test_a_trace_beyond_the_tallest_panel_is_cut_loudly():
    said = texts(draw_windows(windows(1, height=1e6), leads=LEADS, rate=1000))
    assert any(text.startswith("cut: ") and "1e+06 mV" in text for text in said)


def test_what_is_not_finite_is_a_gap_and_is_counted():
    values = windows(1)
    values[0, 0, 5:8] = np.nan
    values[0, 1] = np.inf
    figure = draw_windows(values, leads=LEADS, rate=1000, center=True)
    png_bytes(figure, dpi=50)
    assert "3 samples are not finite" in texts(figure)
    assert np.isnan(artist(figure.axes[0], "lead i").get_ydata()).sum() == 3


def test_centered_windows_say_what_was_taken_away():
    values = windows(1) - 1.82
    centered, medians = center_windows(values)
    assert np.allclose(medians, -1.82)
    assert np.allclose(np.median(centered, axis=-1), 0)
    assert "−1.82 mV" in texts(draw_windows(values, leads=LEADS, rate=1000, center=True))
    assert "−1.82 mV" not in texts(draw_windows(values, leads=LEADS, rate=1000))


def test_names_as_printed():
    assert [lead_name(lead) for lead in ("ii", "avf", "v3")] == ["II", "aVF", "V3"]


def test_a_grey_grid_has_the_levels_of_its_images_and_separators():
    images = np.linspace(-1, 1, 9)[:, None, None, None] * np.ones((9, 1, 2, 2))
    picture = grid_image(images, scale=4)
    assert picture.dtype == np.uint8
    assert picture.shape == (3 * 8 + 4 * 2, 3 * 8 + 4 * 2, 3)
    assert (picture[0] == 255).all()
    assert (picture[10:12] == 255).all()
    middles = picture[6::10, 6::10][:3, :3]
    assert (middles == np.rint(np.linspace(0, 255, 9)).reshape(3, 3, 1)).all()


def test_three_channels_are_red_green_and_blue():
    images = np.broadcast_to(np.array([1.0, -1.0, 0.0])[None, :, None, None], (9, 3, 2, 2))
    assert grid_image(images, scale=1)[1, 1].tolist() == [255, 0, 128]


@pytest.mark.parametrize(("channels", "grids"), [(2, 2), (6, 2), (4, 4)])
def test_further_channels_stand_beside_the_first(channels, grids):
    images = np.full((9, channels, 5, 5), -1.0)
    images[:, -1] = 1
    picture = grid_image(images, scale=2)
    one = 3 * 10 + 4
    assert picture.shape == (one, grids * one + (grids - 1) * 4, 3)
    assert picture[3, 3].max() == 0
    assert picture[3, -3].max() == 255


def test_values_outside_saturate_and_never_wrap():
    images = np.array([5.0, -5.0, np.nan, np.inf])[:, None, None, None] * np.ones((4, 1, 1, 1))
    picture = grid_image(images, scale=1)
    assert [picture[1, 1, 0], picture[1, 3, 0], picture[3, 1, 0], picture[3, 3, 0]] == [255, 0, 0, 255]


def test_png_holds_the_picture_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(picture)))) == picture).all()


def test_png_of_a_figure_follows_the_dpi():
    figure = draw_windows(windows(1), leads=LEADS, rate=1000)
    width = Image.open(io.BytesIO(png_bytes(figure, dpi=50.8))).width
    assert width == round(figure.get_figwidth() * 50.8)
