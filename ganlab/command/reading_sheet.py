"""A blinded reading: real and generated samples in random order, the key in another folder, and the score of answers.

Real samples are of patients who did not train the generator. Both kinds are decoded from 8-bit images, so that neither
the quantization nor the lost absolute level distinguishes them.
"""

import csv
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import Tensor

from ganlab.codec import Codec
from ganlab.command.entry import arguments
from ganlab.core.errors import RESULT, UserError
from ganlab.core.files import check_empty, whole_folder, write_whole
from ganlab.core.instantiate import build, configuration_errors
from ganlab.core.kind import TOP, Row
from ganlab.core.resampling import centred
from ganlab.core.words import number
from ganlab.dataset.module import Data
from ganlab.dataset.samples import Samples
from ganlab.evaluation.reading import GENERATED, REAL, agreement, answers_of, readers_of, scored, sentence, table_of
from ganlab.evaluation.stored_split import StoredSplit
from ganlab.generator.load import load
from ganlab.generator.stored import stored_config, stored_dataset
from ganlab.generator.trained import Trained
from ganlab.report.reading import scores_page, sheet_page
from ganlab.tracking.search import run_or_best

log = logging.getLogger(__name__)

READ = ("validation", "test")
"""Parts of the split whose patients are on a sheet."""
NOTE = "The key says which item is real. Do not give this folder to a reader before all answers are collected."


def main(cfg: DictConfig) -> None:
    """Make a sheet, or score answers."""
    make_or_score(**arguments(cfg))


def make_or_score(
    run: str | None = None,
    n: int = 20,
    out: str | None = None,
    root: str | None = None,
    checkpoint: str | None = None,
    seed: int = 0,
    key: str | None = None,
    answers: str | Sequence[str] | None = None,
    trust: str | Sequence[str] | None = (),
) -> Path:
    """Make a sheet of `run`, or score `answers` by their `key`. Raises UserError for neither or both."""
    if (run is None) == (key is None) or (key is None) != (answers is None):
        raise UserError(
            "Accepted is either run=<run folder>, which makes a sheet, or key=<key.csv> answers=<answers.csv>, which "
            "scores one."
        )
    if key is not None and answers is not None:
        files = [answers] if isinstance(answers, str) else list(answers)
        return score(Path(key), [Path(file) for file in files], Path(out) if out else None)
    assert run is not None
    return make_sheet(Path(run_or_best(run)), n, Path(out) if out else None, root, checkpoint, seed, trust)


def make_sheet(
    run: Path,
    n: int = 20,
    out: Path | None = None,
    root: str | None = None,
    checkpoint: str | None = None,
    seed: int = 0,
    trust: str | Sequence[str] | None = (),
) -> Path:
    """Write `reader/sheet.html`, `reader/answers.csv` and, apart from them, `key/key.csv`; return the common folder.

    Raises UserError for a run of tables, a folder that holds something, and too few patients who did not train.
    """
    if n < 2 or n % 2:
        raise UserError(f"n={n}: accepted is an even number, 2 or more: half of the items are real.")
    trained = load(run, checkpoint, trust)
    if isinstance(trained.kind, Row):
        raise UserError(f"run={run} generates rows of a table, and a sheet shows windows or images.")
    folder = out or run / "reading_sheet"
    check_empty(folder)
    # Seeded by the run too: whoever knows the command but not the run cannot repeat the order.
    secret = (run / "run.json").read_bytes() + trained.checkpoint.encode()
    rng = np.random.default_rng([seed, *np.frombuffer(hashlib.sha256(secret).digest(), np.uint32).tolist()])
    samples, truth = _samples(trained, _data(run, root, trust), n // 2, rng)
    if not np.isfinite(samples).all():
        raise UserError(
            f"run={run}: samples hold NaN or infinity, which a reader would recognize. Another checkpoint=<name>?"
        )
    order = rng.permutation(n)
    page, header = sheet_page(trained.kind, samples[order]), ("item", "answer", "confidence", "remark")
    with whole_folder(folder) as unfinished:
        reader, key = unfinished / "reader", unfinished / "key"
        reader.mkdir()
        key.mkdir()
        (reader / "sheet.html").write_text(page)
        _write(reader / "answers.csv", header, [(item, "", "", "") for item in range(1, n + 1)])
        items = [(item, *truth[place]) for item, place in enumerate(order, start=1)]
        _write(key / "key.csv", ("item", "truth", "record"), items)
        (key / "README.txt").write_text(f"{NOTE}\nRun {run}, checkpoint {trained.checkpoint}, seed {seed}.\n")
    log.info("for the reader: %s. The key, which no reader may see: %s", folder / "reader", folder / "key")
    return folder


def _data(run: Path, root: str | None, trust: str | Sequence[str] | None) -> Data:
    """Return the run's data, its patients split as they were when it trained. Raises UserError for other patients."""
    stored = stored_config(run, trust)
    dataset = stored_dataset(run, stored, os.environ.get("GANLAB_CACHE", "outputs/cache"))
    if root is not None:
        if "root" not in dataset:
            raise UserError(f"root={root}: the data set of this run has no folder; leave root= out.")
        dataset.root = root
    with configuration_errors():
        data = Data(build(dataset), StoredSplit(run), build(stored.arrangement))
    data.setup()
    return data


def _samples(
    trained: Trained, data: Data, count: int, rng: Generator
) -> tuple[NDArray[np.float32], list[tuple[str, str]]]:
    """Return `count` real samples, then as many generated ones, and of each the truth and its record.

    Windows are about the median of each lead.
    """
    codec = trained.gan.codec
    real, records = _real(data, count, rng)
    noise = trained.gan.draw_noise(count, torch.Generator().manual_seed(int(rng.integers(2**62))))
    samples = np.concatenate([_decoded(codec, codec.encode(real)[0]), _decoded(codec, trained.gan.generate(noise))])
    truth = [*((REAL, record) for record in records), *[(GENERATED, "")] * count]
    return centred(samples) if trained.kind.leads else samples, truth


def _real(data: Data, count: int, rng: Generator) -> tuple[Tensor, list[str]]:
    """Return samples of as many patients who did not train as possible, and the record of each."""
    parts = [part for part in (data.part(name, as_trained=True) for name in READ) if len(part)]
    candidates = [(earlier, part, place) for part in parts for earlier, place in _one_by_one(part, rng)]
    if len(candidates) < count:
        raise UserError(
            f"{count} real {data.kind.noun}s of patients who did not train are needed, and there are "
            f"{len(candidates)}: n={2 * len(candidates)} at most. split=paper holds no patients out."
        )
    chosen = sorted(candidates, key=lambda candidate: candidate[0])[:count]
    samples = torch.cat([part.__getitems__([place]).sample for _, part, place in chosen])
    return samples, [_name(part, place) for _, part, place in chosen]


def _one_by_one(part: Samples, rng: Generator) -> Iterator[tuple[int, int]]:
    """Yield the samples in random order, each behind the number of earlier ones of the same patient."""
    earlier: Counter[str] = Counter()
    for place in rng.permutation(len(part)).tolist():
        patient = str(part.patients[place])
        yield earlier[patient], place
        earlier[patient] += 1


def _name(part: Samples, place: int) -> str:
    if part.recordings is None:
        return str(part.patients[place])
    return f"{part.recordings[place]} from sample {part.starts[place]}"


@torch.no_grad()
def _decoded(codec: Codec, images: Tensor) -> NDArray[np.float32]:
    """Return samples decoded from images of 8 bits, as the documents stored them, without a real sample's own range."""
    levels = torch.round((images.clamp(-1, 1) + 1) * (TOP / 2)) * (2 / TOP) - 1
    return codec.decode(levels).cpu().numpy()


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def score(key: Path, answers: Sequence[Path], out: Path | None = None) -> Path:
    """Write `scores.json` and `scores.html` to the folder of the sheet, or to `out`; return the page.

    Raises UserError for a file that is missing, and for items or words that are not accepted.
    """
    truth = table_of(key, ("item", "truth"), {"truth": (REAL, GENERATED)})
    if not answers:
        raise UserError("answers=[]: name the filled-in answers.csv of one reader or more.")
    readers = {name: answers_of(path, list(truth)) for name, path in readers_of(answers).items()}
    real = {item: row["truth"] == REAL for item, row in truth.items()}
    scores = {name: scored(real, rows) for name, rows in readers.items()}
    kappa = agreement([[rows[item]["answer"] for item in truth] for rows in readers.values()])
    folder = out or key.resolve().parent.parent
    values = {"readers": {name: asdict(each) for name, each in scores.items()}, "kappa": kappa}
    write_whole(folder / "scores.json", json.dumps(values, indent=1), "out")
    remarks = {
        name: [(item, truth[item]["truth"], row["answer"], row.get("remark", "")) for item, row in rows.items()]
        for name, rows in readers.items()
    }
    page = write_whole(folder / "scores.html", scores_page(scores, kappa, remarks), "out")
    for name, each in scores.items():
        log.info("%s: %s", name, sentence(each))
    if kappa is not None:
        log.info("agreement of %d readers beyond chance, kappa: %s", len(readers), number(kappa))
    log.info("scores: %s", page, extra=RESULT)
    return page
