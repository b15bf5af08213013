"""A blinded reading: real and generated samples in random order, the key in a folder apart, and the score of answers.

Real samples are of persons who did not train the generator. Both kinds go through the same decoding from 8-bit images,
so that neither the steps of the grid nor the lost absolute level tells them apart.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganlab.codec import Codec
from ganlab.compose import compose
from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Row, Window
from ganlab.core.words import number
from ganlab.dataset.module import Data
from ganlab.dataset.samples import Samples
from ganlab.dataset.windows import Windows
from ganlab.evaluation.reading import GENERATED, REAL, agreement, answers_of, readers_of, scored, sentence, table_of
from ganlab.generator.load import load
from ganlab.generator.trained import Trained
from ganlab.report.reading import scores_page, sheet_page

log = logging.getLogger(__name__)

READ = ("validation", "test")
"""Parts of the split whose persons are shown."""
TOP = 255
NOTE = "The key says which item is real. Do not hand this folder to a reader before all answers are in."


def read(
    run: str | None = None,
    n: int = 20,
    out: str | None = None,
    root: str | None = None,
    checkpoint: str | None = None,
    seed: int = 0,
    key: str | None = None,
    answers: str | Sequence[str] | None = None,
) -> Path:
    """Make a sheet of `run`, or score `answers` by their `key`. Raises UserError where it is neither or both."""
    if (run is None) == (key is None) or (key is None) != (answers is None):
        raise UserError(
            "Accepted is either run=<run folder>, which makes a sheet, or key=<key.csv> answers=<answers.csv>, which "
            "scores one."
        )
    if key is not None and answers is not None:
        files = [answers] if isinstance(answers, str) else list(answers)
        return score(Path(key), [Path(file) for file in files], Path(out) if out else None)
    assert run is not None
    return make_sheet(Path(run), n, Path(out) if out else None, root, checkpoint, seed)


def make_sheet(
    run: Path,
    n: int = 20,
    out: Path | None = None,
    root: str | None = None,
    checkpoint: str | None = None,
    seed: int = 0,
) -> Path:
    """Write `reader/sheet.html` and `reader/answers.csv`, and apart from them `key/key.csv`; return the folder.

    Raises UserError for a run of tables, a folder that holds something, and where other persons are too few.
    """
    if n < 2 or n % 2:
        raise UserError(f"n={n}: accepted is an even number, 2 or more: half of the items are real.")
    trained = load(run, checkpoint)
    if isinstance(trained.kind, Row):
        raise UserError(f"run={run} generates rows of a table, and a sheet shows windows or images.")
    folder = out or run / "reading_sheet"
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"out={folder} is not empty; nothing was written. Name a new folder: out=<folder>.")
    rng = _rng(run, trained, seed)
    codec = trained.gan.codec
    real, names = _real(_data(run, root), n // 2, rng)
    noise = trained.gan.draw_noise(n // 2, torch.Generator().manual_seed(int(rng.integers(2**62))))
    samples = np.concatenate([_decoded(codec, codec.encode(real)[0]), _decoded(codec, trained.gan.generate(noise))])
    if not np.isfinite(samples).all():
        raise UserError(f"run={run}: samples hold NaN or infinity, which would tell them apart. Another checkpoint=?")
    order = rng.permutation(n)
    key = [(number, *_truth(int(place), names)) for number, place in enumerate(order, start=1)]
    for part in ("reader", "key"):
        (folder / part).mkdir(parents=True)
    (folder / "reader" / "sheet.html").write_text(sheet_page(trained.kind, _shown(trained.kind, samples[order])))
    header = ("item", "answer", "confidence", "remark")
    _write(folder / "reader" / "answers.csv", header, [(item, "", "", "") for item, *_ in key])
    _write(folder / "key" / "key.csv", ("item", "truth", "record"), key)
    (folder / "key" / "README.txt").write_text(f"{NOTE}\nRun {run}, checkpoint {trained.checkpoint}, seed {seed}.\n")
    log.info("for the reader: %s. The key, not to be handed over: %s", folder / "reader", folder / "key")
    return folder


def _rng(run: Path, trained: Trained, seed: int) -> Generator:
    """Of the run as well as of the seed: whoever knows the command but not the run cannot repeat the order."""
    known = (run / "run.json").read_bytes() + trained.checkpoint.encode()
    return np.random.default_rng([seed, *np.frombuffer(hashlib.sha256(known).digest(), np.uint32).tolist()])


def _data(run: Path, root: str | None) -> Data:
    """The run's data set, its persons split as they were when it trained."""
    cfg = OmegaConf.load(run / "config.yaml")
    assert isinstance(cfg, DictConfig)
    if root is not None:
        if "root" not in cfg.dataset:
            raise UserError(f"root={root}: the data set of this run has no folder; leave root= out.")
        cfg.dataset.root = root
    data = compose(cfg).data
    data.prepare_data()
    data.setup()
    assert data.split is not None
    stored = json.loads((run / "split.json").read_text())["parts"]
    found = {part: list(people) for part, people in data.split.parts.items()}
    if stored != found:
        raise UserError(
            f"run={run}: the persons on hand are not those of its split.json, so it is not known who trained. Give the "
            "data that the run had: root=<folder>."
        )
    return data


def _real(data: Data, count: int, rng: Generator) -> tuple[Tensor, list[str]]:
    """Samples of persons who did not train, of as many of them as there are, and where each is from."""
    parts = [part for part in (data.part(name, as_trained=True) for name in READ) if len(part)]
    known = [(part, place) for part in parts for place in _one_by_one(part, rng)]
    if len(known) < count:
        raise UserError(
            f"{count} real {data.kind.noun}s of persons who did not train are needed, and there are {len(known)}: "
            f"n={2 * len(known)} at most. split=paper keeps nobody apart."
        )
    known.sort(key=lambda entry: entry[1][0])
    chosen = known[:count]
    samples = torch.cat([part.__getitems__([place]).sample for part, (_, place) in chosen])
    return samples, [_name(part, place) for part, (_, place) in chosen]


def _one_by_one(part: Samples, rng: Generator) -> list[tuple[int, int]]:
    """Each sample, behind how many of the same person it comes."""
    shuffled, seen, found = rng.permutation(len(part)), dict[str, int](), []
    for place in shuffled.tolist():
        person = str(part.persons[place])
        found.append((seen.get(person, 0), place))
        seen[person] = seen.get(person, 0) + 1
    return found


def _name(part: Samples, place: int) -> str:
    if isinstance(part, Windows):
        return f"{part.records[part.record_of[place]].name} from sample {part.starts[place]}"
    return str(part.persons[place])


def _truth(place: int, names: Sequence[str]) -> tuple[str, str]:
    return (REAL, names[place]) if place < len(names) else (GENERATED, "")


@torch.no_grad()
def _decoded(codec: Codec, images: Tensor) -> NDArray[np.float32]:
    """From images of 8 bits, as the documents stored them, and without what only a real sample knows."""
    whole = torch.round((images.clamp(-1, 1) + 1) * (TOP / 2)) * (2 / TOP) - 1
    return codec.decode(whole).cpu().numpy()


def _shown(kind: Kind, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return samples - np.median(samples, axis=-1, keepdims=True) if isinstance(kind, Window) else samples


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def score(key: Path, answers: Sequence[Path], out: Path | None = None) -> Path:
    """Write `scores.json` and `scores.html` beside the sheet, or to `out`; return the page.

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
    folder.mkdir(parents=True, exist_ok=True)
    found = {"readers": {name: asdict(each) for name, each in scores.items()}, "kappa": kappa}
    (folder / "scores.json").write_text(json.dumps(found, indent=1))
    remarks = {
        name: [(item, truth[item]["truth"], row["answer"], row.get("remark", "")) for item, row in rows.items()]
        for name, rows in readers.items()
    }
    page = folder / "scores.html"
    page.write_text(scores_page(scores, kappa, remarks))
    for name, each in scores.items():
        log.info("%s: %s", name, sentence(each))
    if kappa is not None:
        log.info("agreement of %d readers beyond chance, kappa: %s", len(readers), number(kappa))
    log.info("scores: %s", page)
    return page
