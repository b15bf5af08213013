import re

import numpy as np
import pandas as pd
import pytest

from ganlab.core.kind import Column, Image, Row, Window
from ganlab.dataset.source import Skipped
from ganlab.plot.histograms import Histogram, draw_histograms
from ganlab.report import explore, page
from ganlab.report.explore import Exploration, write_exploration

HOSTILE = "<script>alert(1)</script>"
WINDOW = Window(("i", "avr"), 200.0, 400)


def filled(*parts, keep=100_000):
    histogram = Histogram(keep)
    for part in parts:
        histogram.update(part)
    return histogram


def heavy(seed, count=50_000):
    """Values with long tails, as those of a lead."""
    return np.random.default_rng(seed).standard_t(2.5, count) * 0.3 + 0.1


def exploration(**changes):
    given = {
        "source": f"hearts {HOSTILE}",
        "kind": WINDOW,
        "counts": {"records": 549, "patients": 290},
        "tables": {"Diagnoses": {HOSTILE: {"records": 368, "windows": 20015}, "healthy": {"records": 80}}},
        "histograms": {"i": filled(heavy(0)), "avr": filled(heavy(1), [np.nan])},
        "ranges": {"i": (-2.0, 2.0)},
        "saturation": {"fixed_range": 0.01875, HOSTILE: 0.0},
        "samples": np.tile(np.sin(np.arange(400) / 20), (2, 2, 1)),
        "titles": (HOSTILE, "patient002"),
        "images": {"z": np.zeros((2, 1, 20, 20)), "six": np.zeros((2, 6, 20, 20))},
        "skipped": (Skipped("patient002/s0015lre", HOSTILE), Skipped("beyond limits", "too high", 1164)),
        "settings": f"dataset: {HOSTILE}",
    }
    return Exploration(**(given | changes))


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Figures are made, but not turned into PNG files, which takes most of the time; the whole page has them."""
    monkeypatch.setattr("ganlab.report.page.png_bytes", lambda *_: b"\x89PNG")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    path = write_exploration(folder / "new", exploration())
    assert list(path.parent.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


def test_values_that_fit_have_the_numbers_that_pandas_gives():
    parts = [heavy(seed, 3000) for seed in range(3)]
    known = pd.Series(np.concatenate(parts)).describe(percentiles=[0.01, 0.25, 0.5, 0.75, 0.99])
    assert list(filled(*parts).describe().values()) == pytest.approx(known.tolist())
    assert list(filled(*parts).describe()) == [name.replace("%", " %") for name in known.index]


@pytest.mark.parametrize("order", [1, -1])
def test_values_that_do_not_fit_have_exact_moments_and_quantiles_within_a_bin(order):
    parts = [heavy(seed) * 100.0 ** (seed - 1) for seed in range(3)][::order]
    values = np.concatenate(parts)
    histogram = filled(*parts, keep=1000)
    found, known = histogram.describe(), pd.Series(values).describe(percentiles=[0.01, 0.25, 0.5, 0.75, 0.99])
    for name in ("count", "mean", "std", "min", "max"):
        assert found[name] == pytest.approx(known[name], rel=1e-9)
    assert np.ptp(values) / 2**17 <= histogram.width <= np.ptp(values) / 2**16
    for share in (0.001, 0.01, 0.25, 0.5, 0.99):
        assert abs(histogram.quantile(share) - np.quantile(values, share)) <= histogram.width


def test_values_on_a_grid_stay_exact_however_many_there_are():
    levels = np.random.default_rng(0).integers(0, 256, 20_000)
    histogram = filled(*np.split(levels, 10), keep=500)
    values, counts = histogram.points()
    assert values.tolist() == list(range(256))
    assert counts.tolist() == np.bincount(levels).tolist()
    assert histogram.quantile(0.25) == np.quantile(levels, 0.25)
    edges, bars = histogram.bars(128)
    assert edges[:3].tolist() == [-0.5, 1.5, 3.5]
    assert bars.tolist() == np.bincount(levels).reshape(-1, 2).sum(axis=1).tolist()


@pytest.mark.parametrize("shift", [-7, 0, 1000])
def test_a_value_falls_into_the_same_bin_before_and_after_bins_are_widened(shift):
    near, far = shift + np.arange(-3, 4), shift + np.arange(-499, 501)
    values, counts = filled(near, far, far, keep=5).points()
    assert values.tolist() == far.tolist()
    assert counts.tolist() == (2 + np.isin(far, near)).tolist()


def test_a_few_values_between_the_steps_do_not_make_a_comb():
    edges, counts = filled(np.repeat(np.arange(98) / 100, 50), [0.515, 0.5219]).bars()
    assert edges[1] - edges[0] == pytest.approx(0.01, rel=0.02)
    assert counts.min() == 50


@pytest.mark.parametrize("values", [heavy(3), np.full(3000, 0.1), [5.0], [0, 1, 1], np.arange(97) / 100, [1, 1e9]])
@pytest.mark.parametrize("keep", [10, 10**6])
def test_bars_hold_every_value(values, keep):
    edges, counts = filled(values, keep=keep).bars(64)
    assert counts.sum() == len(values)
    assert len(counts) == len(edges) - 1 <= 64
    assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_what_is_no_number_is_counted_apart():
    histogram = filled([1.0, np.nan, np.inf], [], [[np.nan]], [3.0])
    assert (histogram.count, histogram.not_finite, histogram.mean, histogram.quantile(0.5)) == (2, 3, 2.0, 2.0)
    assert np.isnan(list(filled([np.nan]).describe().values())[1:]).all()


def of_panel(axes, gid):
    return [child for child in axes.get_children() if child.get_gid() == gid]


def test_a_panel_marks_the_quantiles_and_the_range_and_shows_tails_on_a_log_axis():
    histograms = {"i": filled(heavy(0)), "age": filled(np.linspace(0, 1, 5000))}
    i, age = draw_histograms(histograms, noun="samples", unit="mV", ranges={"i": (-2.0, 1.5)}).axes
    lines = [line.get_xdata()[0] for line in of_panel(i, "quantile")]
    assert lines == pytest.approx(np.quantile(heavy(0), [0.01, 0.99]))
    (band,) = of_panel(i, "range")
    assert (band.get_x(), band.get_x() + band.get_width()) == (-2.0, 1.5)
    assert not of_panel(age, "range")
    assert [(axes.get_yscale(), axes.get_ylabel()) for axes in (i, age)] == [
        ("log", "samples (log)"),
        ("linear", "samples"),
    ]
    assert i.get_xlabel() == "mV"
    (bars,) = of_panel(i, "bars")
    assert bars.get_data().values.sum() == 50_000
    assert i.get_ylim()[0] < 1 <= bars.get_data().values.max() < i.get_ylim()[1]


def test_two_values_are_bars_with_their_counts():
    (axes,) = draw_histograms({"sick": filled([0] * 6000 + [1])}, noun="rows").axes
    assert [text.get_text() for text in axes.texts] == ["6\u202f000", "1"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1"]
    assert not of_panel(axes, "quantile")


def test_the_page_says_what_there_is(whole):
    assert re.search(r"<dt>patients</dt><dd>290</dd>", whole)
    rows = dict(re.findall(r"<tr><td>([^<]*)</td>(.*?)</tr>", whole))
    numbers = {name: re.findall(r'class="number">([^<]*)<', row) for name, row in rows.items()}
    assert numbers["healthy"] == ["80", "–"]
    assert numbers["fixed_range"] == ["1.88 %"]
    assert len(numbers["i"]) == 11
    assert numbers["i"][0] == "50\u202f000"
    assert numbers["i"][4] == f"{np.quantile(heavy(0), 0.01):.4g}".replace("-", "−")
    assert numbers["avr"][-1] == "1"
    assert numbers["patient002/s0015lre"] == ["1"]
    assert numbers["beyond limits"] == ["1\u202f164"]


def test_the_page_shows_each_sample_beside_its_images(whole):
    assert whole.count("<img") == 1 + 2 * 2
    assert whole.count("As z, six.") == 2
    assert "<h3>patient002</h3>" in whole


def test_an_arrangement_that_cannot_take_a_sample_is_named_beside_the_others_only(tmp_path):
    images = {"z": np.zeros((2, 1, 20, 20)), "six": [None, np.zeros((6, 20, 20))]}
    content = write_exploration(tmp_path, exploration(images=images)).read_text(encoding="utf-8")
    first, second = content.split("<h3>patient002</h3>")
    assert "As z." in first
    assert "As z, six." in second
    assert "As z, six." not in first


def test_a_colour_image_stands_beside_its_planes_and_orders_are_drawn(tmp_path):
    images = {"z": np.zeros((2, 1, 20, 20)), "rgb": np.zeros((2, 3, 20, 20))}
    layouts = {"z": np.arange(400).reshape(20, 20).tolist()}
    content = write_exploration(tmp_path, exploration(images=images, layouts=layouts)).read_text(encoding="utf-8")
    assert content.count("The planes of rgb, and the image.") == 2
    assert "Which value is at which pixel" in content
    assert content.count("<img") == 1 + 1 + 2 * 3


def test_nothing_on_the_page_is_markup_from_outside_and_it_asks_nobody(whole):
    assert "<script>alert" not in whole
    assert not re.search(r'(src|href)="(?!data:)', whole)


def test_the_page_draws_every_lead_in_its_unit_with_the_chosen_range(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(explore, "draw_histograms", lambda held, **options: calls.append((held, options)))
    monkeypatch.setattr(page, "png_bytes", lambda figure, dpi=0: b"png")
    write_exploration(tmp_path, exploration())
    ((held, options),) = calls
    assert list(held) == ["i", "avr"]
    assert options == {"noun": "samples", "unit": "mV", "ranges": {"i": (-2.0, 2.0)}, "across": 3}


def test_only_a_simulated_source_has_a_banner_and_it_comes_first(whole, tmp_path):
    assert page.NOTICE not in whole
    assert 'class="banner"' not in whole
    simulated = write_exploration(tmp_path, exploration(simulated=True)).read_text(encoding="utf-8")
    main = simulated[simulated.index("<main>") :]
    assert main.index("Simulated data</h1>") < main.index("<h1>hearts")
    assert "samples are real" in whole
    assert "samples are real" not in simulated


def test_rows_and_images_have_pages_too(tmp_path):
    kind = Row((Column("age"), Column("sick", binary=True)))
    values = np.stack([np.linspace(0.01, 0.97, 30), np.arange(30) % 2], axis=1)
    histograms = {"age": filled(values[:, 0]), "sick": filled(values[:, 1]), "gone": filled([np.nan])}
    of_rows = Exploration(
        "thyroid", kind, histograms=histograms, samples=values[:3], images={"table": np.zeros((3, 1, 7, 7))}
    )
    content = write_exploration(tmp_path, of_rows).read_text(encoding="utf-8")
    assert content.count("<img") == 2 + 3
    assert "Only NaN or infinite values: gone." in content
    assert re.search(r'<td>age</td><td class="number">0.01</td><td class="number">0.0431', content)
    of_images = Exploration("iris", Image((1, 12, 16)), samples=np.zeros((4, 1, 12, 16)))
    assert write_exploration(tmp_path, of_images).read_text(encoding="utf-8").count("<img") == 1
    assert "<section>" not in write_exploration(tmp_path, Exploration("nothing", kind)).read_text(encoding="utf-8")
