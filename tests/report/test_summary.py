"""A sweep's page from the folders of its jobs, finished, failed and damaged ones."""

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ganlab.core.errors import UserError
from ganlab.core.words import REDUCED
from ganlab.plot.collapse import draw_diversity, draw_rates
from ganlab.plot.curves import draw_curves
from ganlab.plot.figure import png_bytes
from ganlab.plot.images import grid_image
from ganlab.report.jobs import Job, group_runs, read_jobs, titles
from ganlab.report.run import COMPARISON
from ganlab.report.summary import summarize, write_summary
from ganlab.tracking.collapse import CollapseRate, State
from tests.report.parts import plain

RISK = "The report of each run states the risk to the patients whose records trained it."
HOSTILE = '"><script>alert(1)</script>'
COLLAPSED, HEALTHY = [0.9, 0.8, 0.1, 0.05, 0.1], [0.1, 0.5, 0.9, 1.0, 0.9]
RATIOS = {
    "collapsed": COLLAPSED,
    "recovered": [0.9, 0.1, 0.1, 0.1, 0.9],
    "healthy": HEALTHY,
    "dead": [0.9, 0.9, math.nan],
    "not judged": [0.9],
}


def job(
    sweep: Path,
    number: int,
    overrides: list[str],
    ratios: list[float] | None = None,
    run: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    series: str = "diversity/ratio",
) -> Path:
    """A job's folder; without `run` one that failed before training, without `measured` one that is not finished."""
    folder = sweep / f"{number}_job"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    if run is not None:
        facts = {"overrides": overrides, "seed": number, "choices": {"dataset": "ptbdb", "trick": ["ema"]}, **run}
        (folder / "run.json").write_text(json.dumps(facts))
        (folder / "config.yaml").write_text(yaml.safe_dump({"batch_size": 30, **(config or {})}))
        rows = [{"step": 10 * k + 9, "epoch": k + 1, series: ratio} for k, ratio in enumerate(ratios or [])]
        (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    if measured is not None:
        (folder / "metrics.json").write_text(json.dumps(measured))
        (folder / "report.html").write_text("")
    return folder


def noise(value: float | None, real: float = 10.0) -> dict[str, Any]:
    return {"physiology/noise_uv": {"synthetic": value, "real": real, "unit": "uV", "meaning": HOSTILE}}


def fill(sweep: Path) -> Path:
    """Two experiments of three seeds, seed by seed; one job failed, one goes on."""
    finished = {"seconds": 60.0, "checkpoint": "step_50", "batch_size": 30, "epochs": 5}
    reported = {"reported": f"mode collapse from epoch 75 {HOSTILE}"}
    for seed, (value, ratios) in enumerate([(20.0, COLLAPSED), (24.0, HEALTHY), (None, COLLAPSED)]):
        over = ["experiment=paper/rgb_collapse", f"seed={seed}", "tracking=none"]
        job(sweep, 2 * seed, over, ratios, finished, reported, noise(value))
    names = ["experiment=paper/acgan", "tracking=none"]
    job(sweep, 1, [*names, "seed=0"], HEALTHY, finished, None, noise(5.0), series="diversity/class_min")
    job(sweep, 3, [*names, "seed=1"], HEALTHY[:4], {"left_out": [HOSTILE]})
    failed = job(sweep, 5, [*names, "seed=2"])
    (failed / "run.log").write_text(
        f"[2026-01-01][ganlab][INFO] - x\n[2026-01-01][ganlab][ERROR] - no root {HOSTILE}\n"
    )
    job(sweep, 10, [*names, "seed=3"], HEALTHY, finished)
    return sweep


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, but not turned into PNG files, which takes most of the time; the whole page has them."""
    monkeypatch.setattr("ganlab.report.page.png_bytes", lambda *_: b"\x89PNG")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fill(tmp_path_factory.mktemp("sweeps") / "one")
    image = png_bytes(grid_image(np.zeros((9, 1, 45, 45))))
    (folder / "0_job" / COMPARISON).write_bytes(image)
    for name in ("epoch_0005.png", "epoch_0010.png"):
        (folder / "0_job" / "grids").mkdir(exist_ok=True)
        (folder / "0_job" / "grids" / name).write_bytes(image)
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": {"task": ["seed=range(3)"]}}}))
    return folder


@pytest.fixture(scope="module")
def page(sweep: Path) -> str:
    return write_summary(sweep).read_text(encoding="utf-8")


def drawn(jobs: list[Job]) -> Figure:
    """The panel of one experiment."""
    return draw_diversity([[(each.history, each.verdict.state) for each in jobs]], ["a"])


def test_runs_that_differ_in_their_seed_alone_are_one_experiment(sweep: Path) -> None:
    groups = group_runs(read_jobs(sweep))
    assert titles(groups) == ["paper/rgb_collapse", "paper/acgan"]
    assert [[job.seed for job in group] for group in groups] == [[0, 2, 4], [1, 3, "2", 10]]


def test_titles_tell_what_differs_besides_the_experiment(tmp_path: Path) -> None:
    for number, batch in enumerate((30, 60)):
        job(tmp_path, number, ["experiment=paper/rgb", f"batch_size={batch}", "+seed=1", "size=reduced"])
    assert titles(group_runs(read_jobs(tmp_path))) == ["paper/rgb batch_size=30", "paper/rgb batch_size=60"]


def test_collapse_is_a_rate_over_seeds_with_its_interval(page: str) -> None:
    assert "Collapsed: 2 of 3 (9–99 %)" in plain(page)
    assert "Collapsed: 0 of 2 (0–84 %), 1 not judged" in plain(page)
    assert "collapsed at epoch 3" in plain(page)
    assert "healthy so far" in plain(page)


def test_measures_are_means_and_spreads_with_the_real_ones_and_the_lost_are_counted(page: str) -> None:
    assert "22 ± 2.8 (2 of 3) real 10" in plain(page)
    assert re.search(r"noise_uv .{0,60} 22 ± 2.8 \(2 of 3\) 10 uV", plain(page))


def test_a_distance_stands_beside_that_of_other_persons_and_experiments_beside_each_other(tmp_path: Path) -> None:
    rows = {"signal/psd_db": {"synthetic": 3.0, "real": None, "floor": 1.5, "unit": "dB"}}
    for number, batch in enumerate((30, 60)):
        job(tmp_path, number, [f"batch_size={batch}"], HEALTHY, {}, None, rows)
    said = plain(write_summary(tmp_path).read_text())
    assert "metric batch_size=30 batch_size=60 unit signal/psd_db 3 real 1.5 3 real 1.5 dB" in said


def test_each_run_shows_its_lights(tmp_path: Path) -> None:
    job(tmp_path, 0, [], HEALTHY, {}, None, {})
    light = {"name": "varied", "title": "as varied as the real", "colour": "red", "reason": "recall", "parts": {}}
    (tmp_path / "0_job" / "verdict.json").write_text(json.dumps({"lights": [light]}))
    page = write_summary(tmp_path).read_text()
    assert '<span class="line dot red" title="recall">as varied as the real: no</span>' in page


def test_many_numbers_are_folded(tmp_path: Path) -> None:
    job(tmp_path, 0, [], HEALTHY, {}, None, {f"signal/n{place}": {"synthetic": 3.0} for place in range(9)})
    assert "<details><summary>All metrics (9) of all experiments" in write_summary(tmp_path).read_text()


def test_settings_reported_result_and_finished_runs_stand_in_one_row(page: str) -> None:
    row = plain(re.findall(r"<tr>.*?</tr>", page, re.DOTALL)[1])
    for said in ("paper/rgb_collapse", "ptbdb", "batch 30", "5 epochs", "ema", "from epoch 75", "3 of 3", "1 min"):
        assert said in row
    assert "1 of 4" in plain(re.findall(r"<tr>.*?</tr>", page, re.DOTALL)[2])


def test_failed_and_unfinished_jobs_are_listed_with_their_state(page: str) -> None:
    said = plain(page)
    assert "Failed or unfinished: 3 runs" in said
    assert "failed before training. no root" in said
    assert "not finished: in epoch 4." in said
    assert "trained, not measured." in said


def test_it_links_to_reports_and_to_nothing_outside(page: str, sweep: Path) -> None:
    links = re.findall(r'href="([^"#]+)"', page)
    assert links[:3] == ["effects.csv", "effects.md", "effects.tex"]
    assert len(links) == 7
    assert all((sweep / link).is_file() and not link.startswith("/") for link in links)
    assert not re.search(r'(src|href)="https?:', page)
    assert all(f'id="{target}"' in page for target in re.findall(r'href="#([^"]+)"', page))


def test_pictures_are_the_last_grid_the_comparison_and_the_curves(page: str) -> None:
    said = plain(page)
    assert "seed 0, epoch 10: collapsed" in said
    assert "epoch 5: " not in said
    assert "1 of 3 runs" in said
    assert 'alt="real and synthetic samples"' in page
    assert 'alt="collapse rates with intervals"' in page
    assert 'alt="diversity ratio against epochs"' in page


def test_names_and_reasons_cannot_become_markup_and_the_notices_stand_there(page: str) -> None:
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "Not for clinical use" in page
    assert RISK in page


def test_the_sweeps_command_and_what_is_common_are_shown_once(page: str) -> None:
    assert "python -m ganlab.run --multirun seed=range(3)" in plain(page)
    assert "All experiments: tracking=none" in plain(page)


@pytest.mark.parametrize(("reduced", "said"), [(2, "All runs had"), (1, "1 of 2 runs had"), (0, None)])
def test_reduced_runs_are_said_in_large_letters(reduced: int, said: str | None, tmp_path: Path) -> None:
    for number in range(2):
        job(tmp_path, number, [f"seed={number}"], HEALTHY, {}, {"reduced": number < reduced}, noise(1.0))
    page = write_summary(tmp_path).read_text()
    assert ('<p class="reduced">REDUCED</p>' in page) == (REDUCED in page) == bool(reduced)
    assert said is None or said in page


def test_losses_and_class_accuracies_are_drawn_where_they_were_logged(tmp_path: Path) -> None:
    folder = job(tmp_path, 0, [], HEALTHY, {}, None, noise(1.0))
    names = ("loss/G", "loss/D", "epoch/accuracy/class_real", "epoch/accuracy/class_synthetic", "accuracy/class_real")
    rows = [{"step": step, "epoch": 1, **dict.fromkeys(names, 0.5)} for step in range(3)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    page = write_summary(tmp_path).read_text()
    assert 'alt="loss against steps"' in page
    assert 'alt="accuracy of D on the class against steps"' in page
    assert "No run logged the diversity" in page
    assert "Dashed" not in page


def test_the_accuracy_of_the_class_is_drawn_beside_its_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}

    def record(*given: Any, label: str, **options: Any) -> Figure:
        drawn[label] = options["chance"]
        return draw_curves(*given, label=label, **options)

    monkeypatch.setattr("ganlab.report.summary.draw_curves", record)
    classes = dict.fromkeys(("ill", "well", "other"), 5)
    folder = job(tmp_path, 0, [], HEALTHY, {"data": {"classes": classes}}, None, noise(1.0))
    rows = [{"step": step, "epoch/accuracy/class_real": 0.5, "loss/G": 1} for step in range(3)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    page = write_summary(tmp_path).read_text()
    assert drawn == {"loss": None, "accuracy of D on the class": 1 / 3}
    assert "of real and generated samples, against steps. Dashed: 33 %" in page


def test_damaged_files_are_told_and_survived(tmp_path: Path) -> None:
    folder = job(tmp_path, 0, ["seed=1"], HEALTHY, {}, None, noise(1.0))
    (folder / "run.json").write_text('{"name": ')
    (folder / "metrics.json").write_text("[1]")
    (folder / "config.yaml").write_text("a: [")
    (folder / "metrics.jsonl").write_text('{"step": 1, "x": 1}\nhalf')
    said = plain(write_summary(tmp_path).read_text())
    for trouble in (
        "0_job/run.json could not be read",
        "0_job/config.yaml could not be read",
        "0_job/metrics.json is not a mapping",
        "0_job/metrics.jsonl: lines that could not be read: 1",
    ):
        assert trouble in said


def test_the_figures_show_each_rate_and_each_run(sweep: Path) -> None:
    groups = group_runs(read_jobs(sweep))
    rates = draw_rates([CollapseRate(2, 3), CollapseRate(0, 0, not_judged=2)], ["a", "b"]).axes[0]
    (dot,) = [line for line in rates.lines if line.get_gid() == "rate"]
    assert float(dot.get_xdata()[0]) == pytest.approx(200 / 3)
    assert [text.get_text() for text in rates.texts] == ["2 of 3 (9–99 %)", "2 not judged"]
    first = drawn(groups[0]).axes[0]
    (threshold,) = [line for line in first.lines if line.get_gid() == "threshold"]
    assert threshold.get_ydata()[0] == 0.3
    runs = [line for line in first.lines if len(line.get_xdata()) == 5]
    assert [to_hex(line.get_color()) for line in runs] == ["#d55e00", "#0072b2", "#d55e00"]
    assert runs[0].get_ydata().tolist() == COLLAPSED


@pytest.mark.parametrize("state", get_args(State))
def test_a_run_of_every_state_is_drawn_in_a_colour_of_its_own(state: str, tmp_path: Path) -> None:
    job(tmp_path, 0, [], RATIOS[state], {"checkpoint": "step_50"}, None, noise(1.0))
    (run,) = read_jobs(tmp_path)
    assert run.verdict.state == state
    assert write_summary(tmp_path).is_file()
    others = [read_jobs(job(tmp_path / name, 0, [], ratios, {}).parent)[0] for name, ratios in RATIOS.items()]
    lines = drawn(others).axes[0].lines
    colors = [to_hex(line.get_color()) for line in lines if line.get_marker() != "x" and line.get_gid() is None]
    assert len(set(colors)) == len(others)


def test_a_dead_generator_has_a_cross(tmp_path: Path) -> None:
    ratios = [0.9, 0.9, math.nan, math.nan]
    (group,) = group_runs([read_jobs(job(tmp_path, 0, [], ratios, {}).parent)[0]])
    crosses = [line for line in drawn(group).axes[0].lines if line.get_marker() == "x"]
    assert len(crosses[0].get_xdata()) == 2


def test_the_command_writes_the_page_again(command: Callable[..., Path], sweep: Path) -> None:
    (sweep / "summary.html").unlink(missing_ok=True)
    command("summary", f"sweep={sweep}")
    assert "paper/<wbr>rgb" in (sweep / "summary.html").read_text()
    with pytest.raises(SystemExit):
        command("summary", "sweep=nowhere")


def test_what_is_no_sweep_is_refused_with_where_they_lie(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Which sweep"):
        summarize(None)
    with pytest.raises(UserError, match=r"no such folder.*sweep=outputs/sweeps/NAME"):
        summarize(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="it contains no run"):
        summarize(str(tmp_path))


def test_groups_are_compared_by_seed_and_the_tables_can_be_pasted(tmp_path: Path) -> None:
    number = 0
    for seed in range(4):
        for loss in ("bce", "hinge"):
            for arrangement, more in (("z", 0.0), ("random_50%", 5.0)):
                scores = {"signal/psd_db": {"synthetic": 10.0 * seed + more + number / 100, "best": 0.0, "unit": "dB"}}
                overrides = [f"loss={loss}", f"arrangement={arrangement}", f"seed={seed}"]
                job(tmp_path, number, overrides, HEALTHY, {"seed": seed}, measured=scores)
                number += 1
    page = plain(write_summary(tmp_path).read_text())
    assert "compared with the first one, loss=bce arrangement=z" in page
    lines = (tmp_path / "effects.csv").read_text().splitlines()
    assert lines[0].startswith("number,group,runs,mean,deviation,interval_low")
    expected = [f"loss={loss} arrangement={each}" for loss in ("bce", "hinge") for each in ("z", "random_50%")]
    assert [line.split(",")[1:3] for line in lines[1:]] == [[name, "4"] for name in expected]
    markdown = (tmp_path / "effects.md").read_text()
    assert "signal/psd_db (dB, lower is better), by arrangement over all other settings" in markdown
    pooled = next(line for line in markdown.splitlines() if line.startswith("| arrangement=random_50%"))
    assert "| 8 |" in pooled
    assert "| 5.01 | 5.01 to 5.01 |" in pooled
    latex = (tmp_path / "effects.tex").read_text()
    assert r"random\_50\%" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == markdown.count("**signal/psd_db")
    assert markdown in page.replace("\u200b", "") or "Markdown to copy" in page


def test_one_experiment_is_compared_with_nothing(tmp_path: Path) -> None:
    for seed in range(2):
        job(tmp_path, seed, [f"seed={seed}"], HEALTHY, {"seed": seed}, measured=noise(5.0))
    assert "Differences between" not in write_summary(tmp_path).read_text()
    assert not (tmp_path / "effects.csv").exists()
