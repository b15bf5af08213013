"""Requests for samples, and checkpoints that are damaged, spliced or hostile."""

import hashlib
import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given
from hypothesis import strategies as st

from ganlab.command.sample import write_samples
from ganlab.core.files import SUMS
from ganlab.generator.load import load
from tests.conftest import newest_run
from tests.fuzz.cases import changed, many, tokens
from tests.fuzz.conftest import Fuzz

FEW = (
    *(
        "dataset=table",
        "dataset.file=rows.csv",
        "+dataset.columns={age: {}, beats: {whole: true}, ill: {binary: true}}",
    ),
    *("dataset.label=group", "dataset.classes=[healthy,ill]", "standardization=min_max", "arrangement=table"),
    *("architecture=fcn_thyroid", "architecture.width=0.05", "gan=acgan", "tracking=none", "trainer=cpu"),
    *("metrics=table", "~metrics.measures", "+metrics.measures={}", "metrics.samples=4", "diversity.images=4"),
    *("batch_size=8", "trainer.max_epochs=1", "grids_every=1", "trainer.enable_progress_bar=false"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generator of rows that knows classes, after a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("run")
        patch.chdir(folder)
        rows = [
            f"{20 + number},{60 + number},{number % 2},{('healthy', 'ill')[number % 3 == 0]}" for number in range(40)
        ]
        (folder / "rows.csv").write_text("\n".join(["age,beats,ill,group", *rows]) + "\n")
        patch.setattr("sys.argv", ["run", *FEW])
        GlobalHydra.instance().clear()
        from ganlab.run import main

        main()
    return newest_run(folder)


numbers = st.sampled_from((1, 2, 3, 3, 0, -1, 2.5, True, None, "x", 10**12, 10**30, [], float("nan")))
kinds = st.sampled_from(("csv", "npy", None, "wfdb", "png", "edf", 5, ["csv"])) | tokens
outs = st.sampled_from((None, "new", "a/b c/\u0130", "full", "file", "file/below", 7, "x" * 300, "a\0b", ""))


def test_sample(fuzz: Fuzz, run: Path) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        root = fuzz.filled({"full/x": b"", "file": b""})
        shutil.copytree(run, root / "run", ignore=shutil.ignore_patterns("tensorboard", "*.html", ".hydra"))
        asked: dict[str, Any] = {"run": str(root / "run"), "n": 2, "format": None, "out": None}
        choices = {
            "n": numbers,
            "seed": st.sampled_from((0, 1, -1, 2**63, 10**30, 1.5, "x", None)),
            "batch_size": st.sampled_from((1, 2, 256, 0, -1, 10**30, "x", None)),
            "format": kinds,
            "out": outs,
            "label": st.sampled_from(("healthy", "ill", None, 1, "dead", "")) | tokens,
            "checkpoint": st.sampled_from(("last", "epoch_0001", "step_0000003", 1, "", "best")) | tokens,
            "run": st.sampled_from((str(root / "run"), str(root), None, "", 5, "x" * 300, "a\0b", str(root / "file"))),
        }
        for name in data.draw(st.lists(st.sampled_from(sorted(choices)), min_size=1, max_size=3, unique=True)):
            asked[name] = data.draw(choices[name])
        if isinstance(asked["out"], str) and asked["out"]:
            asked["out"] = f"{root}/{asked['out']}"

        def task() -> None:
            folder = write_samples(**asked)
            assert (folder / "README.md").read_text().startswith("# Synthetic rows")
            assert folder.resolve().is_relative_to(fuzz.around)

        os.chdir(root)
        try:
            fuzz.case(task)
        finally:
            os.chdir(fuzz.around)

    check()


class Executed:
    """Makes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


def saved(value: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def hostile(canary: Path, valid: bytes) -> list[bytes]:
    """Files that would run code, or that are something else."""
    stored = torch.load(io.BytesIO(valid), weights_only=True)
    spliced = io.BytesIO(valid)
    with zipfile.ZipFile(spliced, "a") as archive:
        archive.writestr(next(name for name in archive.namelist() if name.endswith("data.pkl")), b"\x80\x02N.")
    return [
        *(saved(Executed(canary), zipped) for zipped in (True, False)),
        saved({**stored, "state_dict": Executed(canary)}),
        saved({**stored, "more": Executed(canary)}),
        pickle.dumps(Executed(canary)),
        pickle.dumps({"steps": 1, "state_dict": {}}),
        *(saved(value) for value in ({}, [], None, 5, {"state_dict": {}}, {"state_dict": None, "steps": 1})),
        saved({**stored, "steps": "many"}),
        saved({**stored, "state_dict": dict.fromkeys(stored["state_dict"])}),
        saved({**stored, "state_dict": {key: value[:0] for key, value in stored["state_dict"].items() if value.ndim}}),
        spliced.getvalue(),
        b"PK\3\4",
    ]


def put(path: Path, content: bytes, sealed: bool) -> None:
    """Write a file; `sealed` also the hash beside it, so that what is behind the check of the hash is reached."""
    path.write_bytes(content)
    if sealed:
        path.with_name(path.name + SUMS).write_text(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_checkpoint(fuzz: Fuzz, run: Path) -> None:
    newest = max((run / "checkpoints").glob("step_*.ckpt"))
    generator = run / "generators" / "epoch_0001.pt"
    stored = {path: path.read_bytes() for path in (newest, generator)}
    wrong = hostile(fuzz.canary, stored[newest])
    root = fuzz.filled({})
    shutil.copytree(run, root / "run", ignore=shutil.ignore_patterns("tensorboard", "*.html", ".hydra"))

    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        victim = data.draw(st.sampled_from((newest, newest, generator)))
        for path, content in stored.items():
            put(root / "run" / path.relative_to(run), content, sealed=True)
        content = wrong[data.draw(st.integers(0, len(wrong) - 1))]
        if data.draw(st.booleans()):
            content = data.draw(changed(stored[victim], [*wrong, *stored.values()], text=False))
        put(root / "run" / victim.relative_to(run), content, sealed=data.draw(st.booleans()))
        asked = data.draw(st.sampled_from(("last", "last", "epoch_0001", newest.stem, "../../secret")))
        fuzz.case(lambda: load(root / "run", asked).gan.sample(1))

    check()
