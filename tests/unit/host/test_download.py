"""Downloads from a server on this machine: whole and verified, or nothing."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deep3.cache import cache_folder
from deep3.host.data import DataError
from deep3.host.data.download import fetch

BODY = bytes(range(256)) * 1000
MD5 = hashlib.md5(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/whole, /half (announces more than it sends), /unsized (no length), anything else is missing."""

    def do_GET(self) -> None:
        if self.path not in ("/whole", "/half", "/unsized"):
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[: len(BODY) // 2] if self.path == "/half" else BODY)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("page", ["/whole", "/unsized"])
def test_a_file_arrives_whole(server: str, tmp_path: Path, page: str) -> None:
    path = fetch(server + page, tmp_path / "new" / "file", MD5)
    assert path.read_bytes() == BODY
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine")
    assert fetch("http://127.0.0.1:9/never", path).read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("page", "md5", "message"),
    [
        ("/whole", "0" * 32, f"{{url}}: the MD5 sum must be {'0' * 32}, not {MD5}; nothing was kept"),
        ("/half", MD5, "{url}: only 128000 of 256000 bytes arrived; nothing was kept"),
        ("/missing", None, "cannot download {url}: the server answered 404 Not Found"),
    ],
)
def test_what_goes_wrong_leaves_nothing(
    server: str, tmp_path: Path, page: str, md5: str | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        fetch(server + page, tmp_path / "file", md5)
    assert str(caught.value) == message.format(url=server + page)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(DataError) as caught:
            fetch(url, tmp_path / "file")
    assert str(caught.value) == f"cannot download {url}: [Errno 111] Connection refused"
    assert list(tmp_path.iterdir()) == []


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "deep3"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "deep3"
