"""From a data set to batches: prepare, split by person, cut into windows."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from ganlab.dataset.cache import RecordingSource, Skipped
from ganlab.dataset.diagnosis import CLASSES
from ganlab.dataset.windows import Batch, Draws, EpochSampler, Windows, with_leads
from ganlab.errors import UserError
from ganlab.split.base import Split, Splitter

PARTS = ("train", "validation", "test", "holdout")


def _as_is(batch: Any) -> Any:
    return batch


class ResumableLoader(DataLoader[Batch]):
    """Remembers how many batches of an epoch it gave, so that a run resumed within one goes on with the next."""

    given = 0
    skip = 0
    trainer: Trainer | None = None

    def __iter__(self) -> Iterator[Batch]:
        self.given, self.skip = self.skip, 0
        for number, batch in enumerate(super().__iter__()):
            if number >= self.given:
                self.given += 1
                yield batch
        self.given = 0

    def state_dict(self) -> dict[str, int]:
        """Batches given in this epoch."""
        return {"given": self.given % max(1, self.epoch_batches())}

    def epoch_batches(self) -> int:
        """Batches of an epoch: all, or those that `trainer.limit_train_batches` leaves."""
        return len(self) if self.trainer is None else int(self.trainer.num_training_batches)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leave these out of the next epoch."""
        self.skip = state["given"]


class RecordingsData(LightningDataModule):
    """Windows of a source's recordings for training, and those of other people to judge with.

    `leads` are those that the arrangement takes, `judged_leads` those that its decoding gives; `draws` are the tricks,
    which may change what an epoch shows.
    """

    def __init__(
        self,
        source: RecordingSource,
        split: Splitter,
        leads: Sequence[str] = ("i",),
        judged_leads: Sequence[str] = (),
        length: int = 2025,
        batch_size: int = 30,
        num_workers: int = 0,
        draws: Sequence[Draws] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.source = source
        self.splitter = split
        self.leads = tuple(leads)
        self.judged_leads = tuple(judged_leads) or self.leads
        self.length = length
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.draws = draws
        self.seed = seed
        self.split: Split | None = None

    def prepare_data(self) -> None:
        """Build the cache."""
        self.source.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Open the cache, split the people, count. Raises UserError where nothing is left."""
        if self.split is not None:
            return
        self.recordings = self.source.prepare()
        needed = tuple(dict.fromkeys(self.leads + self.judged_leads))
        self.usable, lacking = with_leads(self.recordings.records, needed, self.length)
        self.source.refuse_or_log(lacking)
        self.skipped: list[Skipped] = [*self.recordings.skipped, *lacking]
        # Everybody is split, usable here or not: a patient stands on the same side under every arrangement.
        self.split = self.splitter(self.recordings.records)
        self.train = self.windows("train", self.leads)
        if not len(self.train):
            raise UserError(f"No training patient has a record with leads {', '.join(needed)}; see split.seed.")

    def windows(self, part: str, leads: Sequence[str] | None = None) -> Windows:
        """Windows of the people of a part, of the judged leads unless said otherwise."""
        assert self.split is not None, "call setup first"
        return Windows(self.recordings, self.split.of(part, self.usable), leads or self.judged_leads, self.length)

    @property
    def judged_part(self) -> str:
        """Whose real windows generated ones are compared with: other people where the split keeps some apart."""
        assert self.split is not None, "call setup first"
        return "validation" if len(self.windows("validation")) else "train"

    def train_dataloader(self) -> DataLoader[Batch]:
        """An epoch of training windows in mV, as the tricks draw it."""
        loader = ResumableLoader(
            self.train,
            batch_size=self.batch_size,
            sampler=EpochSampler(self.train, self.seed, self.draws),
            num_workers=self.num_workers,
            collate_fn=_as_is,
            pin_memory=torch.cuda.is_available(),
        )
        loader.trainer = self.trainer
        return loader

    def counts(self) -> dict[str, Any]:
        """Records, patients, windows, their classes, what was skipped and why: for log and report."""
        windows = {part: self.windows(part) for part in PARTS}
        labels = torch.cat([torch.as_tensor(part.labels) for part in windows.values()])
        return {
            "rate": self.usable[0].rate,
            "records": len(self.usable),
            "patients": len({record.patient for record in self.usable}),
            "windows": len(labels),
            "classes": {name: int((labels == label).sum()) for label, name in enumerate(CLASSES)},
            "skipped": [{"record": bad.record, "reason": bad.reason} for bad in self.skipped],
            "parts": {
                part: {"patients": len(set(of_part.patients)), "windows": len(of_part)}
                for part, of_part in windows.items()
                if len(of_part)
            },
        }
