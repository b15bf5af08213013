"""A blinded reading: real and generated samples in random order, the key in a folder apart, and the score of answers.

Real samples are of persons who did not train the generator. Both kinds go through the same decoding from 8-bit images,
so that neither the steps of the grid nor the lost absolute level tells them apart.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganlab.codec import Codec
from ganlab.compose import compose
from ganlab.dataset.kind import Kind, Row, Window
from ganlab.dataset.module import Data
from ganlab.dataset.samples import Samples
from ganlab.dataset.windows import Windows
from ganlab.errors import UserError
from ganlab.report.words import number
from ganlab.trained import Trained, load

log = logging.getLogger(__name__)

REAL, GENERATED, UNDECIDED = "real", "generated", "cannot say"
ANSWERS = (REAL, GENERATED, UNDECIDED)
CONFIDENCE = ("1", "2", "3", "4", "5")
READ = ("validation", "test")
"""Parts of the split whose persons are shown."""
TOP = 255
NOTE = "The key says which item is real. Do not hand this folder to a reader before all answers are in."


@dataclass(frozen=True)
class Share:
    """So many of so many, with the Clopper-Pearson 95 % interval; None where there are none."""

    right: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """How one reader did. Shares are of the items that were decided; `cannot_say` counts the others.

    `sensitivity` is the share of generated items called generated, `specificity` that of real ones called real.
    `p_guessing` is of the two-sided binomial test against 1/2.
    """

    items: int
    cannot_say: int
    accuracy: Share
    sensitivity: Share
    specificity: Share
    p_guessing: float | None
    mean_confidence: float | None


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
    from ganlab.report.reading import sheet_page

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
    from ganlab.report.reading import scores_page

    truth = _table(key, ("item", "truth"), {"truth": (REAL, GENERATED)})
    if not answers:
        raise UserError("answers=[]: name the filled-in answers.csv of one reader or more.")
    readers = {name: _answers(path, list(truth)) for name, path in _readers(answers).items()}
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
        log.info("%s: %s", name, said(each))
    if kappa is not None:
        log.info("agreement of %d readers beyond chance, kappa: %s", len(readers), number(kappa))
    log.info("scores: %s", page)
    return page


def said(found: Score) -> str:
    """A score as a sentence."""
    rate = found.accuracy
    if rate.share is None or rate.low is None or rate.high is None:
        return f"no item of {found.items} decided"
    return (
        f"{rate.right} of {rate.of} right, {rate.share:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%}), against "
        f"guessing p = {number(found.p_guessing)}; {found.cannot_say} of {found.items} cannot say"
    )


def scored(real: Mapping[str, bool], answers: Mapping[str, Mapping[str, str]]) -> Score:
    """The score of a reader's answers to items that are `real` or not."""
    from scipy.stats import binomtest

    decided = {item: row["answer"] == REAL for item, row in answers.items() if row["answer"] != UNDECIDED}
    right = {item: said_real == real[item] for item, said_real in decided.items()}
    sure = [int(row["confidence"]) for row in answers.values() if row["confidence"]]
    return Score(
        items=len(answers),
        cannot_say=len(answers) - len(decided),
        accuracy=_share(list(right.values())),
        sensitivity=_share([hit for item, hit in right.items() if not real[item]]),
        specificity=_share([hit for item, hit in right.items() if real[item]]),
        p_guessing=float(binomtest(sum(right.values()), len(right), 0.5).pvalue) if right else None,
        mean_confidence=float(np.mean(sure)) if sure else None,
    )


def _share(hits: Sequence[bool]) -> Share:
    from scipy.stats import binomtest

    if not hits:
        return Share(0, 0, None, None, None)
    ends = binomtest(sum(hits), len(hits)).proportion_ci(0.95, method="exact")
    return Share(sum(hits), len(hits), sum(hits) / len(hits), float(ends.low), float(ends.high))


def agreement(answers: Sequence[Sequence[str]]) -> float | None:
    """How far readers agree beyond chance: Cohen's kappa of two, Fleiss' of more, None where it is not defined."""
    if len(answers) < 2:
        return None
    if len(answers) == 2:
        words = [np.array(row) for row in answers]
        expected = sum(float(np.mean(words[0] == word) * np.mean(words[1] == word)) for word in ANSWERS)
        observed = float(np.mean(words[0] == words[1]))
    else:
        counts = np.array([[column.count(word) for word in ANSWERS] for column in zip(*answers, strict=True)])
        readers = len(answers)
        observed = float(((counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))).mean())
        expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else None


def _readers(answers: Sequence[Path]) -> dict[str, Path]:
    """Files by the readers' names, which are those of the files, or of their folders where these are alike."""
    names = [path.stem for path in answers]
    if len(set(names)) < len(names):
        names = [str(path) for path in answers]
    if len(set(names)) < len(names):
        raise UserError("answers: the same file is named twice.")
    return dict(zip(names, answers, strict=True))


def _answers(path: Path, items: Sequence[str]) -> dict[str, dict[str, str]]:
    rows = _table(path, ("item", "answer", "confidence"), {"answer": ANSWERS, "confidence": ("", *CONFIDENCE)}, items)
    lacking = [item for item in items if item not in rows]
    if lacking:
        raise UserError(
            f"{path}: no answer to item {', '.join(lacking)}. Accepted is one line for each item of the key."
        )
    return rows


def _table(
    path: Path,
    columns: Sequence[str],
    accepted: Mapping[str, Sequence[str]],
    items: Sequence[str] | None = None,
) -> dict[str, dict[str, str]]:
    """Lines of a CSV file by their item; words in any case. Semicolons are what some spreadsheets write."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="cp1252")
    reader = csv.DictReader(text.splitlines(), delimiter=_delimiter(text))
    lacking = [column for column in columns if column not in (reader.fieldnames or [])]
    if lacking:
        raise UserError(f"{path}, line 1: no column {', '.join(lacking)}; wanted are {', '.join(columns)}.")
    rows: dict[str, dict[str, str]] = {}
    for line in reader:
        row = {str(name): _plain(value) for name, value in line.items() if name is not None}
        if not any(row.values()):
            continue
        _check(f"{path}, line {reader.line_num}", row, accepted, items, rows)
        rows[row["item"]] = row
    return rows


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","


def _plain(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _check(
    where: str,
    row: dict[str, str],
    accepted: Mapping[str, Sequence[str]],
    items: Sequence[str] | None,
    before: Mapping[str, object],
) -> None:
    item = row["item"]
    if items is not None and item not in items:
        raise UserError(f"{where}: the key has no item {item!r}; accepted are {', '.join(items)}.")
    if item in before:
        raise UserError(f"{where}: item {item} was answered before; accepted is one line for each item.")
    for column, words in accepted.items():
        row[column] = row[column].lower()
        if row[column] not in words:
            shown = ", ".join(word or "nothing" for word in words)
            raise UserError(f"{where}: {column} of item {item} is {row[column]!r}; accepted are {shown}.")
