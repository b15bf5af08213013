"""Whether the MLflow store answers: a server within a few seconds, a sqlite file whole and not locked."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from ganlab.checkup.finding import Finding

WITHOUT = "Runs go on without it with tracking=tensorboard or tracking=none"
TABLES = {"experiments", "runs", "metrics", "params", "tags", "alembic_version"}


def store(uri: str | None, outputs: Path, timeout_s: float) -> list[Finding]:
    """The given URI, that of MLFLOW_TRACKING_URI, or the file of the outputs. A password in it is told to nobody."""
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{outputs.absolute() / 'mlflow.db'}"
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return [_server(uri, f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}", timeout_s)]
    if parts.scheme.startswith("sqlite"):
        return [_sqlite(Path(uri.partition(":///")[2].partition("?")[0]), timeout_s)]
    if parts.scheme in ("", "file"):
        said = "a folder as store (file:) is what MLflow 3.17 refuses"
        return [Finding("wrong", "MLflow store", said, "Name a sqlite file: MLFLOW_TRACKING_URI=sqlite:///<file>")]
    return [Finding("note", "MLflow store", f"a {parts.scheme} store: it was not tried", WITHOUT)]


def _server(uri: str, shown: str, timeout_s: float) -> Finding:
    import requests

    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        said = f"{shown} does not answer within {timeout_s:g} s ({type(error).__name__})"
        return Finding("wrong", "MLflow store", said, f"Start it, or correct MLFLOW_TRACKING_URI. {WITHOUT}")
    if answer.status_code != requests.codes.ok:
        said = f"{shown} answers {answer.status_code} to /health"
        return Finding("wrong", "MLflow store", said, f"See that an MLflow server is there and lets you in. {WITHOUT}")
    return Finding("ok", "MLflow store", f"{shown} answers")


def _sqlite(file: Path, timeout_s: float) -> Finding:
    if not file.exists():
        return Finding("ok", "MLflow store", f"{file} will be made by the first run")
    aside = f"Move it aside (mv '{file}' '{file}.broken'): the next run makes a new one; each run's metrics.jsonl stays"
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=timeout_s)
        try:
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            revisions = connection.execute("SELECT * FROM alembic_version").fetchall() if tables >= TABLES else []
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        said = f"{file} cannot be opened: {error}"
        return Finding("wrong", "MLflow store", said, "Give rights, or let the process end that holds it")
    except sqlite3.DatabaseError as error:
        return Finding("wrong", "MLflow store", f"{file} is damaged: {error}", aside)
    if state != "ok":
        return Finding("wrong", "MLflow store", f"{file} is damaged: {state}", aside)
    if not tables >= TABLES or len(revisions) != 1 or any(name.startswith("_alembic_tmp") for name in tables):
        return Finding("wrong", "MLflow store", f"{file} is no whole store of MLflow's: it was half made", aside)
    return Finding("ok", "MLflow store", f"{file} is whole")
