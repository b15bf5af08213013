"""ganlab from Python: five lines train, sample, draw and write, and importing it costs nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

import ganlab
from ganlab.command.library import _text
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Image, Row, Window
from ganlab.generator.samples import SyntheticSamples
from tests.conftest import LIMB, ROOT

WINDOWS = SyntheticSamples(
    np.arange(24, dtype=np.float32).reshape(2, 2, 6) / 10, Window(("i", "ii"), 500.0, 6), ["well", "ill"]
)
COLUMNS = Row((Column("age"), Column("sex", binary=True)))
ROWS = SyntheticSamples(
    np.array([[61.0, 1.0], [42.0, 0.0]], np.float32), Row((Column("age"), Column("sex", binary=True)))
)
IMAGES = SyntheticSamples(np.full((3, 1, 4, 5), 127, np.float32), Image((1, 4, 5)))


def test_importing_ganlab_imports_nothing_else() -> None:
    code = "import sys, ganlab; print(ganlab.__version__, [m for m in ('torch', 'hydra', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"{ganlab.__version__} []\n"


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sampel'; it has SyntheticSamples"):
        ganlab.sampel  # noqa: B018


def test_a_run_is_trained_loaded_and_sampled(tmp_path: Path, blank_figures: None) -> None:
    generator = ganlab.train(
        epochs=1,
        outputs=tmp_path / "my outputs",
        dataset__patients=12,
        dataset__seconds=9,
        architecture="cnn_slim",
        architecture__width=0.0625,
        batch_size=8,
        metrics="paper",
        tracking="none",
        trick=["label_smoothing", "ema"],
        trainer__enable_progress_bar=False,
    )
    assert generator.folder.parent == tmp_path / "my outputs" / "runs"
    assert generator.report == generator.folder / "report.html"
    assert repr(generator).startswith("<generator of 2.025 s of i in mV at 1000 Hz, from ")
    samples = ganlab.load(generator.folder).sample(3, seed=4)
    np.testing.assert_array_equal(samples.values, generator.trained.gan.sample(3, seed=4).numpy())
    assert repr(samples) == "<3 synthetic windows: 2.025 s of i in mV at 1000 Hz>"
    assert any("seed of the noise: 4" in line for line in samples.about)
    with pytest.raises(UserError, match="seed=first: accepted is a whole number"):
        generator.sample(3, seed="first")  # type: ignore[arg-type]


def test_what_cannot_work_is_a_user_error_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset=ptbd: no such choice. Did you mean ptbdb"):
        ganlab.train(outputs=tmp_path, dataset="ptbd")
    with pytest.raises(UserError, match=r"stopping\.steps=0: accepted is a whole number from 1"):
        ganlab.train(steps=0, outputs=tmp_path)
    assert [*tmp_path.glob("runs/*")] == []


def test_a_foreign_folder_names_no_class_of_its_own(made_run: Callable[..., Path], tmp_path: Path) -> None:
    text = (made_run(*LIMB) / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("ganlab.loss.bce.BCE", "os.system"))
    with pytest.raises(UserError, match=r"os\.system"):
        ganlab.load(tmp_path)


def test_windows_become_a_table_and_records(tmp_path: Path) -> None:
    import wfdb

    table = WINDOWS.to_dataframe()
    assert list(table) == ["window", "time_ms", "i", "ii", "label"]
    assert table.iloc[7].tolist() == [2, 2.0, pytest.approx(1.3), pytest.approx(1.9), "ill"]
    assert WINDOWS.to_wfdb(tmp_path / "records") == tmp_path / "records"
    record = wfdb.rdrecord(str(tmp_path / "records" / "synthetic00002"))
    np.testing.assert_allclose(record.p_signal.T, WINDOWS.values[1], atol=3e-4)
    assert record.comments[0].startswith("synthetic: ")
    assert "class: ill" in record.comments
    with pytest.raises(UserError, match="folder"):
        WINDOWS.to_wfdb(tmp_path / "records")


def test_rows_become_a_table_of_numbers_and_images_none() -> None:
    table = ROWS.to_dataframe()
    assert table["age"].tolist() == [61.0, 42.0]
    assert table["sex"].tolist() == [1, 0]
    with pytest.raises(UserError, match="rows: to_dataframe"):
        ROWS.to_wfdb("nowhere")
    with pytest.raises(UserError, match="images are not a table"):
        IMAGES.to_dataframe()


def test_each_kind_has_a_picture() -> None:
    assert len(WINDOWS.plot(1).axes) == 1
    assert [axes.get_title(loc="left") for axes in ROWS.plot().axes] == ["age", "sex"]
    assert isinstance(IMAGES.plot(), Pictures.Image)
    with pytest.raises(UserError, match="count=0"):
        WINDOWS.plot(0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ("paper/acgan", "paper/acgan"),
        ("a b", "'a b'"),
        ("it's", r"'it\'s'"),
        (["i", "ii"], "[i,ii]"),
        ({"low": 0, "name": "a b"}, "{low: 0,name: 'a b'}"),
    ],
)
def test_a_value_is_written_as_on_the_command_line(value: object, text: str) -> None:
    assert _text(value) == text
