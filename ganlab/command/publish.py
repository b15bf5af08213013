"""A synthetic data set as a folder to upload as it is: data, card, metadata, licence, citation, checksums."""

import json
import logging
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganlab import __version__
from ganlab.command.entry import arguments
from ganlab.command.sample import write_samples
from ganlab.core.errors import RESULT, UserError, file_errors
from ganlab.core.files import check_empty, whole_folder
from ganlab.core.kind import Image, Window
from ganlab.exchange.card import NOTICE, write_card
from ganlab.exchange.croissant import FILE, checksums, metadata
from ganlab.generator.load import load
from ganlab.generator.trained import Trained
from ganlab.report.verdict import FILE as VERDICT
from ganlab.report.verdict import content_of_checkpoint, view
from ganlab.tracking.search import run_or_best

log = logging.getLogger(__name__)

SUMS = "checksums.sha256"
SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
"""Identifiers of licences, see spdx.org/licenses."""


def main(cfg: DictConfig) -> None:
    """Write the folder that the command line asks for."""
    publish(**arguments(cfg))


def publish(
    run: str | None,
    out: str | None,
    creator: str | None,
    title: str | None = None,
    licence: str = "CC-BY-4.0",
    url: str | None = None,
    n: int = 1000,
    format: str | None = None,
    trust: str | Collection[str] | None = (),
    **request: Any,
) -> Path:
    """Write a data set of `n` samples with all that a repository asks for to the folder `out`, and return it.

    `request` are label, checkpoint and seed, as `ganlab.sample` takes them. Raises UserError where creator or folder
    are missing, for a licence that is no SPDX identifier, and for what `ganlab.sample` refuses.
    """
    _check(out, creator, licence)
    assert out is not None
    run, folder = run_or_best(run), Path(out)
    with file_errors("run", run):
        trained = load(run, request.get("checkpoint"), trust)
    check_empty(folder)
    form = format or ("png" if isinstance(trained.kind, Image) else "parquet")
    label = OmegaConf.to_object(each) if OmegaConf.is_config(each := request.get("label")) else each
    data = trained.run["choices"]["dataset"]
    title = title or f"Synthetic {trained.kind.noun}s from a generator trained on {data}"
    with file_errors("out", folder), whole_folder(folder) as unfinished:
        write_samples(run, n, form, str(unfinished / "data"), trust=trust, **request | {"label": label})
        if verdict := content_of_checkpoint(Path(str(run)), trained.checkpoint, trained.run):
            (unfinished / VERDICT).write_text(json.dumps(verdict, indent=1), encoding="utf-8")
        _write_texts(unfinished, title=title, licence=licence, creator=str(creator), url=url)
        count = sum(label.values()) if isinstance(label, Mapping) else n
        card = {"title": title, "licence": licence, "creator": creator, "seed": request.get("seed", 0), "n": count}
        _write_card(unfinished, trained, verdict, card)
        facts = _facts(title, licence, str(creator), url)
        text = json.dumps(metadata(unfinished, trained.kind, facts), indent=1)
        (unfinished / FILE).write_text(text, encoding="utf-8")
        (unfinished / SUMS).write_text(checksums(unfinished, [SUMS]), encoding="utf-8")
    log.info("published %d %ss with card and metadata: %s", count, trained.kind.noun, folder, extra=RESULT)
    return folder


def _check(out: str | None, creator: str | None, licence: str) -> None:
    if not out:
        raise UserError("out=<folder>: where the data set is written, a new or empty folder.")
    if not creator:
        raise UserError("creator=<name>: the person or institution that publishes, such as creator='Our hospital'.")
    if not SPDX.fullmatch(str(licence)):
        raise UserError(f"licence={licence}: accepted is an SPDX identifier, such as CC-BY-4.0 (spdx.org/licenses).")


def _facts(title: str, licence: str, creator: str, url: str | None) -> dict[str, Any]:
    """Return what Croissant asks for besides the files."""
    today = datetime.now(UTC).date().isoformat()
    name = re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_").lower()
    return {
        "name": name[:100],
        "description": f"{title}. {NOTICE.capitalize()}.",
        "license": f"https://spdx.org/licenses/{licence}",
        "url": url,
        "creator": {"@type": "sc:Organization", "name": creator},
        "datePublished": today,
        "version": "1.0.0",
        "citeAs": f"{creator} ({today[:4]}). {title}. Version 1.0.0, made with ganlab {__version__}.",
    }


def _write_texts(folder: Path, title: str, licence: str, creator: str, url: str | None) -> None:
    """Write LICENSE, which names the licence, and CITATION.cff."""
    (folder / "LICENSE").write_text(
        f"{title}\n\nCopyright {datetime.now(UTC).year} {creator}\n\nSPDX-License-Identifier: {licence}\n"
        f"The text of the licence: https://spdx.org/licenses/{licence}\n",
        encoding="utf-8",
    )
    citation = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them as below.",
        "type": "dataset",
        "title": title,
        "authors": [{"name": creator}],
        "version": "1.0.0",
        "date-released": datetime.now(UTC).date().isoformat(),
        "license": licence,
        **({"url": url} if url else {}),
    }
    # JSON is YAML too, and quotes whatever a title holds.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in citation.items()]
    (folder / "CITATION.cff").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_card(folder: Path, trained: Trained, verdict: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    kind, run = trained.kind, trained.run
    tables = [path for path in (folder / "data").glob("synthetic.*") if path.suffix in (".parquet", ".csv")]
    note, dataset = str(run["data"].get("note") or ""), str(run["choices"]["dataset"])
    write_card(
        folder,
        "dataset",
        trained=trained,
        ecg=isinstance(kind, Window) and not kind.other_unit,
        table=tables[0].relative_to(folder).as_posix() if tables else None,
        verdict=view(verdict),
        version=__version__,
        simulated="simulated" in note.lower() or dataset.endswith("_sim"),
        **values,
    )
