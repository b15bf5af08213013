"""Samples that lie in the device's memory are, bit for bit, those that are read batch by batch."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning import LightningModule, Trainer

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.record import Record
from ganlab.dataset.cache import Recordings
from ganlab.dataset.data_on_device import PlaceBatches, Reading
from ganlab.dataset.fingerprint_sim import FingerprintSim
from ganlab.dataset.images import Images
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.samples import Batch, Place
from ganlab.dataset.source import Source
from ganlab.dataset.table import Table
from ganlab.dataset.windows import Windows
from ganlab.split.patient import PatientSplit
from ganlab.trick.random_crop import RandomCrop
from tests.dataset.test_windows import LENGTH, recorded, windows

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def cohort(folder: Path) -> Source:
    return PTBDBSim(patients=6, seconds=5, seed=0, cache=folder)


def rows(folder: Path) -> Source:
    (folder / "rows.csv").write_text("a,b\n" + "".join(f"{n}.1,{n * n / 7}\n" for n in range(40)))
    return Table(folder / "rows.csv", {"a": {}, "b": {}})


def photographs(folder: Path) -> Source:
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(12):
        Image.fromarray(draw.integers(0, 256, (9, 8, 3), np.uint8)).save(folder / "images" / f"{number}.png")
    return Images(folder / "images", height=5, width=4, channels=3, resize=True, cache=folder)


def drawings(folder: Path) -> Source:
    return FingerprintSim(images=12, channels=1, height=32, width=32, cache=folder)


class Seeing(LightningModule):
    """Keeps the batches of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seen: list[Batch] = []

    def configure_optimizers(self) -> None:
        return None

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen.append(batch)


def seen(source: Source, on_device: bool | str, precision: Any = "32-true") -> list[Batch]:
    """The batches of two epochs."""
    arrangement = Leads(["ii", "v1"], side=45) if isinstance(source, PTBDBSim) else source.plain()
    data = Data(
        source, PatientSplit(), arrangement, 4, draws=[RandomCrop()], seed=3, reading=Reading(on_device=on_device)
    )
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    module = Seeing()
    Trainer(accelerator="cpu", max_epochs=2, precision=precision, **off).fit(module, data)
    assert data.held is None
    return module.seen


@pytest.mark.parametrize("make", [cohort, rows, photographs, drawings])
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_batches_are_the_same_bit_for_bit(make: Any, precision: str, tmp_path: Path) -> None:
    source = make(tmp_path)
    there, read = seen(source, True, precision), seen(source, False, precision)
    assert len(there) == len(read) > 2
    for one, other in zip(there, read, strict=True):
        assert one.sample.dtype == other.sample.dtype == (torch.float64 if precision == "64-true" else torch.float32)
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one[:3], other[:3], strict=True))


def test_windows_are_read_at_any_place_of_records_whose_leads_stand_in_another_order() -> None:
    cached = recorded()
    turned = Record(**{**vars(cached.records[1]), "leads": ("c", "b", "a"), "gain": (1 / 3, 200.1, 7 / 9)})
    cut = Windows(Recordings(cached.signal, cached.records, ()), [turned, cached.records[3]], ("c", "a"), LENGTH)
    places = [Place(0, 0), Place(1, 330), Place(4, 17)]
    there = cut.resident(CPU)(torch.tensor(places))
    np.testing.assert_array_equal(there.numpy(), cut.read(places))
    assert cut.resident(CPU)(torch.empty(0, 2, dtype=torch.long)).shape == (0, 2, LENGTH)


def test_what_lies_on_the_device_is_as_large_as_said(tmp_path: Path) -> None:
    cut = windows(("a", "c"))
    assert cut.stored_bytes == cut.resident(CPU).signal.nbytes
    for source in (rows(tmp_path), drawings(tmp_path), photographs(tmp_path)):
        samples = source.collect(source.plain()).train
        assert samples.stored_bytes == samples.resident(CPU).values.nbytes


def test_a_loader_then_gives_places_with_their_labels_and_persons() -> None:
    cut = windows()
    batch = PlaceBatches(cut).__getitems__([Place(3, 330), 1])
    assert batch.sample.tolist() == [[3, 330], [1, 100]]
    assert [batch.label.tolist(), batch.patient.tolist()] == [part.tolist() for part in cut.__getitems__([3, 1])[1:3]]


class Sized:
    """Samples of a size, which say where they are brought to."""

    def __init__(self, size: int | None) -> None:
        self.stored_bytes = size

    def resident(self, device: torch.device) -> Any:
        return device


def held(size: int | None, wish: bool | str, device: torch.device, num_workers: int = 0) -> Any:
    samples: Any = Sized(size)
    return Reading(num_workers, wish).hold(samples, device)


def test_auto_takes_a_gpu_that_has_twice_the_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8 * 2**20, 16 * 2**20))
    caplog.set_level(logging.INFO)
    assert held(4 * 2**20, "auto", GPU) == held(4 * 2**20, True, GPU) == GPU
    assert held(4 * 2**20 + 1, "auto", GPU) is None
    assert held(1, "auto", GPU, num_workers=2) is None
    assert held(1, "auto", CPU) is held(1, False, GPU) is held(None, "auto", GPU) is None
    assert [record.getMessage() for record in caplog.records[1:3]] == [
        "training samples: 4.0 MiB in the memory of cuda:0",
        "training samples: 4.0 MiB read batch by batch (4.0 MiB are more than half of the 8.0 MiB that are free on "
        "cuda:0)",
    ]
    with pytest.raises(UserError, match=r"data_on_device=true: 5\.0 MiB are more than half of the 8\.0 MiB"):
        held(5 * 2**20, True, GPU)


def test_samples_that_cannot_lie_there_are_refused() -> None:
    slow = Windows(recorded(), recorded().records, ("a",), 99, decimation=3)
    with pytest.raises(UserError, match=r"data_on_device=true: arrangement\.decimation"):
        Reading(0, True).hold(slow, CPU)
    with pytest.raises(UserError, match="data_on_device=true: mps has no double precision"):
        held(1, True, torch.device("mps"))


@pytest.mark.parametrize(
    ("wish", "num_workers", "said"),
    [("gpu", 0, "data_on_device=gpu: accepted are auto, true and false"), (True, 2, "num_workers=2 processes")],
)
def test_what_cannot_be_wished_for_is_refused_before_data_is_read(
    wish: bool | str, num_workers: int, said: str, tmp_path: Path
) -> None:
    source = cohort(tmp_path)
    with pytest.raises(UserError, match=said):
        Data(source, PatientSplit(), Leads(["i"]), reading=Reading(num_workers, wish))
