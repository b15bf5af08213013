"""The data module: collects the samples of a data set, splits them by patient, and draws the batches of an epoch."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError
from ganlab.core.labels import Labels, of_class
from ganlab.core.names import first_few
from ganlab.dataset.data_on_device import PlaceBatches, Reading
from ganlab.dataset.epoch import EpochBatches, EpochSampler
from ganlab.dataset.samples import Batch, Samples, batch_slice
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.split.base import Split, Splitter
from ganlab.trick.base import Trick

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test", "holdout")


def _as_is(batch: Any) -> Any:
    return batch


class ResumableLoader(DataLoader[Batch]):
    """A loader that counts the batches of an epoch, so that a run resumed within one goes on with the next batch.

    It gives those of several steps at once where `EpochBatches` draws them so.
    """

    given = 0
    skip = 0
    trainer: Trainer | None = None

    def __iter__(self) -> Iterator[Batch]:
        self.given, self.skip = self.skip, 0
        drawn = self.batch_sampler if isinstance(self.batch_sampler, EpochBatches) else None
        number = 0
        if drawn is not None:
            drawn.first = number = self.given
        for batch in super().__iter__():
            count = 1 if drawn is None or drawn.together is None else -(-len(batch.label) // drawn.size)
            if number >= self.given:
                self.given += count
                part = drawn.slices[number] if drawn is not None and drawn.slices else None
                yield batch._replace(slice=part, each=drawn.size if drawn is not None and count > 1 else None)
            number += count
        self.given = 0

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of this epoch were given."""
        return {"given": self.given % max(1, self.epoch_batches())}

    def epoch_batches(self) -> int:
        """Return the batches of an epoch: all, or those that `trainer.limit_train_batches` leaves."""
        return len(self) if self.trainer is None else int(self.trainer.num_training_batches)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leave out of the next epoch as many batches as were given."""
        self.skip = state["given"]


class Data(LightningDataModule):
    """Samples of a source for training, and held-out ones of other patients.

    `draws` are the tricks, which may change what an epoch draws; `labelled` requires samples of every class; `group` is
    the number of neighbours of a batch that a discriminator judges together, which several processes do not cut.
    """

    split: Split
    """Who trains, and who is held out: of `setup`."""
    train: Samples
    """Training samples as networks take them: of `setup`."""

    def __init__(
        self,
        source: Source,
        split: Splitter,
        arrangement: Arrangement,
        batch_size: int = 30,
        draws: Sequence[Trick] = (),
        seed: int = 0,
        labelled: bool = False,
        group: int = 1,
        reading: Reading | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.splitter = split
        self.arrangement = arrangement
        self.kind = source.kind(arrangement)
        self.batch_size = batch_size
        self.draws = draws
        self.seed = seed
        self.labelled = labelled
        self.group = group
        self.reading = reading or Reading()
        self.held: nn.Module | None = None
        self.together: Callable[[], int] | None = None
        """Returns of how many steps the next batches are read at once; set before training."""

    @cached_property
    def collected(self) -> Collected:
        """All samples of the source, collected at the first call."""
        return self.source.collect(self.arrangement)

    def prepare_data(self) -> None:
        """Download and cache, in one process."""
        self.collected  # noqa: B018

    def setup(self, stage: str | None = None) -> None:
        """Split by patient. Raises UserError where a patient is in two parts, or no sample trains."""
        if hasattr(self, "split"):
            return
        split, judged = self.splitter(self.collected.members), self.collected.judged
        parts = {name: judged.of(split.of(name)) for name in dict.fromkeys((*PARTS, *split.parts))}
        check_apart(split, judged, parts | {"train": self.collected.train.of(split.of("train"))})
        self.split = split
        self.train = self.part("train", as_trained=True)
        if not len(self.train):
            raise UserError(f"No {self.kind.noun} of a training patient can be used; see split.seed.")
        for few in self.few():
            log.warning("%s: %s: %s", self.source.name, few.record, few.reason)
        counts = class_counts(self.train.labels, self.source.classes)
        lacking = [name for name, count in counts.items() if not count]
        if self.labelled and lacking:
            raise UserError(
                f"{self.source.name}: no training {self.kind.noun} of class {', '.join(lacking)} (there are: "
                f"{', '.join(f'{n} {name}' for name, n in counts.items())}). A conditional GAN needs all of its "
                "classes: another dataset.root or split.seed, or gan=gan."
            )

    def few(self) -> list[Skipped]:
        """Return the parts that hold one patient or one class of several alone, and what that means."""
        lines = []
        for name in PARTS:
            part = self.part(name)
            classes = [c for c, count in class_counts(part.labels, self.source.classes).items() if count]
            reasons = []
            if len(part.unique_patients) == 1:
                reasons.append(f"one of the {self.kind.people} alone: its numbers say nothing about others")
            if len(part) and len(self.source.classes) > 1 and len(classes) == 1:
                reasons.append(f"class {classes[0]} alone of {', '.join(self.source.classes)}")
            lines += [Skipped(f"part {name}", reason, len(part), self.kind.noun) for reason in reasons]
        return lines

    def part(self, name: str, as_trained: bool = False) -> Samples:
        """Return the samples of a part's patients, in the form that decoding gives or in the one that networks take."""
        samples = (self.collected.train if as_trained else self.collected.judged).of(self.split.of(name))
        return samples.without(self.split.spared) if name == "train" and self.split.spared else samples

    @property
    def judged_part(self) -> str:
        """The part with which generated samples are compared: held-out patients where the split has some."""
        return "validation" if len(self.part("validation")) else "train"

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of training samples in their own units, as the tricks draw them."""
        sampler = EpochSampler(self.train, self.seed, self.draws)
        trainer: Any = self.trainer
        cut = None
        if trainer is not None and trainer.world_size > 1:
            cut = partial(batch_slice, rank=trainer.global_rank, world=trainer.world_size, group=self.group)
        # Lightning's overfit_batches takes the order from a sampler, and knows nothing of batches that a trick draws.
        overfits = trainer is not None and bool(trainer.overfit_batches) and sampler.batches(self.batch_size) is None
        together = None if self.reading.num_workers else self.together
        drawn: dict[str, Any] = (
            {"sampler": sampler, "batch_size": self.batch_size}
            if overfits
            else {"batch_sampler": EpochBatches(sampler, self.batch_size, cut, together)}
        )
        if self.trainer is not None and self.held is None:
            self.held = self.reading.hold(self.train, self.trainer.strategy.root_device)
        loader = ResumableLoader(
            self.train if self.held is None else PlaceBatches(self.train),
            **drawn,
            num_workers=self.reading.num_workers,
            collate_fn=_as_is,
            pin_memory=torch.cuda.is_available(),
        )
        loader.trainer = self.trainer
        return loader

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Return the batch on the device; samples that lie there are read there."""
        sample, label, patient = (part.to(device, non_blocking=True) for part in batch[:3])
        if self.held is not None:
            assert self.trainer is not None
            sample = self.trainer.precision_plugin.convert_input(self.held(sample))
        attributes = batch.attributes if batch.attributes is None else batch.attributes.to(device, non_blocking=True)
        return batch._replace(sample=sample, label=label, patient=patient, attributes=attributes)

    def teardown(self, stage: str) -> None:
        """Give the device's memory back."""
        self.held = None

    def counts(self) -> dict[str, Any]:
        """Return counts of records, patients, samples and classes, and what was skipped and why, for log and report."""

        def sizes(samples: Samples) -> dict[str, Any]:
            classes = class_counts(samples.labels, self.source.classes)
            return {"patients": len(samples.unique_patients), "samples": len(samples), "classes": classes}

        parts = {name: self.part(name) for name in PARTS}
        return {
            "noun": self.kind.noun,
            "note": self.source.note,
            "records": len(self.collected.members),
            **sizes(self.collected.judged),
            "skipped": [asdict(bad) for bad in self.collected.skipped],
            "doubtful": [asdict(bad) for bad in [*self.collected.doubtful, *self.few()]],
            "parts": {name: sizes(part) for name, part in parts.items() if len(part)},
        }


def class_counts(labels: Labels, classes: Sequence[str]) -> dict[str, int]:
    """Return the number of samples of each class; a sample of several counts in each."""
    return {name: int(of_class(labels, label).sum()) for label, name in enumerate(classes)}


def check_apart(split: Split, samples: Samples, parts: Mapping[str, Samples]) -> None:
    """Check that the samples of each part are those of its patients, and log how many patients are in no part.

    `samples` are all, `parts` those of each part. Raises UserError where a patient's samples are in two parts, or in a
    part where the split did not put the patient.
    """
    owners: dict[str, str] = {}
    for part, held in parts.items():
        patients = set(held.unique_patients.tolist())
        if strangers := sorted(patients - set(split.of(part))):
            raise UserError(
                f"split {split.name}: {part} shows {first_few(strangers)}, whom the split did not assign to it."
            )
        if twice := sorted(patients & owners.keys()):
            raise UserError(f"split {split.name}: samples of {first_few(twice)} in {owners[twice[0]]} and in {part}.")
        owners |= dict.fromkeys(patients, part)
    if nowhere := sorted(set(samples.unique_patients.tolist()) - owners.keys()):
        log.warning("split %s: %d patient(s) in no part: %s", split.name, len(nowhere), first_few(nowhere))
