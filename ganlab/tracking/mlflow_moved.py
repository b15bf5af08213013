"""A local MLflow store whose folder was moved: MLflow keeps absolute paths of artifacts, which then lead nowhere."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

log = logging.getLogger(__name__)

COLUMNS = (("experiments", "artifact_location"), ("runs", "artifact_uri"))


def bring_along(database: Path, before: str, now: str) -> bool:
    """Let a store's artifacts lie in the folder `now`, both `file:` addresses; return whether that was needed.

    Nothing is changed while the folder of before exists: then the store was copied, or is meant to be in two places.
    """
    if before == now or not before.startswith("file:") or Path(unquote(urlparse(before).path)).exists():
        return False
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in COLUMNS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (now, len(before) + 1, len(before), before),
            )
    log.warning("the MLflow store was moved with its folder: its artifacts are in %s", now)
    return True
