"""Downloads that either arrive whole and verified, or leave nothing behind."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from .dataset import DataError

__all__ = ["fetch"]

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30


def fetch(url: str, path: Path, md5: str | None = None) -> Path:
    """Download ``url`` to ``path``, unless it is there already; progress goes to stderr.

    ``md5`` is the sum that the source publishes. It guards against damage, not against forgery.

    Raises
    ------
    DataError
        Without a network, for a half download or a wrong checksum. Nothing is left at ``path`` then.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _download(url, file.write)
        if md5 is not None and digest != md5:
            raise DataError(f"{url}: the MD5 sum must be {md5}, not {digest}; nothing was kept")
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return path


def _download(url: str, write: Callable[[bytes], int]) -> str:
    """Pass the body of ``url`` to ``write`` and return its MD5 sum."""
    digest = hashlib.md5(usedforsecurity=False)
    received_bytes = 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            announced = response.headers.get("Content-Length")
            expected_bytes = int(announced) if announced is not None else None
            name = url.rsplit("/", 1)[-1]
            with tqdm(total=expected_bytes, unit="B", unit_scale=True, desc=name) as progress:
                while chunk := response.read(CHUNK_BYTES):
                    write(chunk)
                    digest.update(chunk)
                    received_bytes += len(chunk)
                    progress.update(len(chunk))
    except urllib.error.HTTPError as error:
        raise DataError(f"cannot download {url}: the server answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"cannot download {url}: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"cannot download {url}: {error or type(error).__name__}") from None
    if expected_bytes is not None and received_bytes != expected_bytes:
        raise DataError(f"{url}: only {received_bytes} of {expected_bytes} bytes arrived; nothing was kept")
    return digest.hexdigest()
