"""Whether the MLflow store answers: a server within a few seconds, a sqlite file whole and not locked."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from ganlab.checkup.finding import Finding, note, ok, wrong
from ganlab.tracking.store import sqlite_file, store_uri

WHAT = "MLflow store"
WITHOUT = "Runs work without it with tracking=tensorboard or tracking=none"
TABLES = {"experiments", "runs", "metrics", "params", "tags", "alembic_version"}


def store(uri: str | None, outputs: Path, timeout_s: float) -> list[Finding]:
    """Return whether the store at the URI, at MLFLOW_TRACKING_URI or in the outputs works. No password is printed."""
    uri = store_uri(uri, outputs)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return [_server(uri, f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}", timeout_s)]
    if parts.scheme.startswith("sqlite"):
        return [_sqlite(sqlite_file(uri), timeout_s)]
    if parts.scheme in ("", "file"):
        message = "MLflow 3.17 refuses a folder as store (file:)"
        return [wrong(WHAT, message, "Name a sqlite file: MLFLOW_TRACKING_URI=sqlite:///<file>")]
    return [note(WHAT, f"a {parts.scheme} store: it was not tried", WITHOUT)]


def _server(uri: str, printable: str, timeout_s: float) -> Finding:
    import requests

    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        message = f"{printable} does not answer within {timeout_s:g} s ({type(error).__name__})"
        return wrong(WHAT, message, f"Start it, or correct MLFLOW_TRACKING_URI. {WITHOUT}")
    if answer.status_code != requests.codes.ok:
        message = f"{printable} answers {answer.status_code} to /health"
        return wrong(WHAT, message, f"Check that it is an MLflow server and that you have access. {WITHOUT}")
    return ok(WHAT, f"{printable} answers")


def _sqlite(file: Path, timeout_s: float) -> Finding:
    if not file.exists():
        return ok(WHAT, f"{file} will be made by the first run")
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
        message = f"{file} cannot be opened: {error}"
        return wrong(WHAT, message, "Change its permissions, or end the process that holds it")
    except sqlite3.DatabaseError as error:
        return wrong(WHAT, f"{file} is damaged: {error}", aside)
    if state != "ok":
        return wrong(WHAT, f"{file} is damaged: {state}", aside)
    if not tables >= TABLES or len(revisions) != 1 or any(name.startswith("_alembic_tmp") for name in tables):
        return wrong(WHAT, f"{file} is an incomplete MLflow store", aside)
    return ok(WHAT, f"{file} is whole")
