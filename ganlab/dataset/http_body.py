"""The body of a server's answer, which has an end: in bytes, in seconds and, unpacked, in memory."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from ganlab.core.errors import UserError

CHUNK = 1 << 16
GRACE_S = 60.0
"""Seconds that any body may take, beside those of its length."""
LEAST_RATE = 4096
"""Bytes per second below which a server is given up."""
LARGEST = 64 << 30
"""Bytes of a file."""


def body_of(response: requests.Response, most: int = LARGEST, folder: Path | None = None) -> Iterator[bytes]:
    """Yield the body as it was sent, no more than its announced length, or `most` bytes and the room
    in `folder` where none is announced.

    Raises UserError for a packed body, one larger than `most` or than the room in `folder`; requests' Timeout for a
    server that sends too slowly, and its ConnectionError for one that breaks off.
    """
    url, packed = response.url, response.headers.get("Content-Encoding", "identity").strip().lower()
    if packed != "identity":
        raise UserError(f"{url} answers {packed[:40]!r}, and identity was asked for; check dataset.url=")
    length = _announced(response)
    if length is not None and length > most:
        raise UserError(f"{url} announces {length:,} bytes; accepted are {most:,}. Check dataset.url=")
    free = most if folder is None else shutil.disk_usage(folder).free
    if length is not None and length > free:
        raise UserError(f"{url} announces {length:,} bytes, and {folder} has room for {free:,}: make room there.")
    limit = min(most, free) if length is None else length
    end, received = time.monotonic() + GRACE_S + limit / LEAST_RATE, 0
    while chunk := _read(response):
        received += len(chunk)
        if received > limit:
            raise UserError(f"{url} sends more than {limit:,} bytes; check dataset.url=")
        if time.monotonic() > end:
            raise requests.Timeout(f"{received:,} of {limit:,} bytes arrived in {GRACE_S + limit / LEAST_RATE:.0f} s")
        yield chunk


def _announced(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _read(response: requests.Response) -> bytes:
    """Return what has arrived, up to `CHUNK` bytes, without waiting for all of them; nothing at the end."""
    try:
        return bytes(response.raw.read1(CHUNK, decode_content=False))
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
