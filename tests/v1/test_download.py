"""Downloads of missing data files: mirrors, checksums, failures, all against a local server."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tests.v1.idx_files import NAMES, arrays, idx, write
from tfc.v1.examples.tutorials.mnist import download, input_data
from tfc.v1.examples.tutorials.mnist.download import Source, fetch
from tfc.v1.examples.tutorials.mnist.idx import DataError

Files = dict[str, bytes]


class Server:
    """Serves folders of files over HTTP; a path may be answered otherwise."""

    def __init__(self) -> None:
        self.files: Files = {}
        self.lengths: dict[str, int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(outer.lengths.get(self.path, len(content))))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})

    def put(self, folder: str, contents: list[np.ndarray]) -> Files:
        packed = {f"{n}.gz": gzip.compress(idx(a), mtime=0) for n, a in zip(NAMES, contents, strict=True)}
        self.files |= {f"/{folder}/{name}": content for name, content in packed.items()}
        return packed


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    server.thread.start()
    yield server
    server.http.shutdown()
    server.thread.join()
    server.http.server_close()


def mnist_at(server: Server, monkeypatch: pytest.MonkeyPatch, packed: Files, *mirrors: str) -> None:
    """Put the server's folders in the place of the public mirrors of MNIST."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in packed.items()}
    source = Source(tuple(f"{server.url}/{mirror}/" for mirror in mirrors), sums, timeout=5)
    monkeypatch.setattr(input_data, "MNIST", source)


def test_missing_files_are_downloaded_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    contents = arrays()
    packed = server.put("good", contents)
    mnist_at(server, monkeypatch, packed, "good")
    folder = tmp_path / "data" / "MNIST"
    data = input_data.read_data_sets(folder, validation_size=5)
    np.testing.assert_array_equal(data.test.labels, contents[3])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == packed
    input_data.read_data_sets(folder, validation_size=5, source_url="")
    assert len(server.asked) == 4
    assert capfd.readouterr() == ("", "")


def test_only_what_is_missing_is_downloaded(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = server.put("good", arrays())
    mnist_at(server, monkeypatch, packed, "good")
    write(tmp_path, arrays(), "{}")
    (tmp_path / NAMES[2]).unlink()
    input_data.read_data_sets(tmp_path, validation_size=5)
    assert server.asked == [f"/good/{NAMES[2]}.gz"]


def test_bad_mirrors_are_passed_over(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = arrays()
    packed = server.put("good", contents)
    server.put("other", [*contents[:3], (contents[3] + 1) % 10])
    mnist_at(server, monkeypatch, packed, "absent", "other", "good")
    data = input_data.read_data_sets(tmp_path, validation_size=5)
    np.testing.assert_array_equal(data.test.labels, contents[3])
    assert server.asked[-3:] == [f"/{mirror}/{NAMES[3]}.gz" for mirror in ("absent", "other", "good")]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(packed)


def test_every_failed_mirror_is_named_with_its_reason(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = server.put("good", arrays())
    server.put("cut", arrays())
    name = f"{NAMES[0]}.gz"
    server.files[f"/cut/{name}"] = packed[name][:100]
    server.lengths[f"/cut/{name}"] = len(packed[name])
    server.files[f"/wrong/{name}"] = packed[name][:-1] + b"x"
    mnist_at(server, monkeypatch, packed, "absent", "cut", "wrong")
    source = Source(
        (*input_data.MNIST.mirrors, "http://127.0.0.1:9", "nonsense://x"), input_data.MNIST.sha256, timeout=5
    )
    monkeypatch.setattr(input_data, "MNIST", source)
    with pytest.raises(DataError) as raised:
        input_data.read_data_sets(tmp_path)
    lines = str(raised.value).splitlines()
    assert lines[0].startswith(f"cannot download {name} into {tmp_path}")
    reasons = {
        "/absent/": "HTTP 404 Not Found",
        "/cut/": f"after 100 of {len(packed[name])} bytes",
        "/wrong/": "wrong checksum",
        "127.0.0.1:9": "refused",
        "nonsense": "unknown url type",
    }
    for line, (mirror, reason) in zip(lines[1:], reasons.items(), strict=True):
        assert mirror in line
        assert reason in line
    assert list(tmp_path.iterdir()) == []


def test_a_silent_mirror_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = Source((f"http://127.0.0.1:{silent.getsockname()[1]}",), timeout=0.1)
        with pytest.raises(DataError, match="timed out"):
            fetch("x.gz", tmp_path, source, lambda path: None)


def test_another_source_is_checked_for_its_format(tmp_path: Path, server: Server) -> None:
    contents = arrays()
    server.put("fashion", contents)
    data = input_data.read_data_sets(tmp_path / "a", validation_size=5, source_url=f"{server.url}/fashion")
    np.testing.assert_array_equal(data.test.labels, contents[3])
    server.files[f"/fashion/{NAMES[1]}.gz"] = b"<html>please log in</html>"
    with pytest.raises(DataError, match=r"/fashion/train-labels-idx1-ubyte.gz: not the expected file: .*bad magic"):
        input_data.read_data_sets(tmp_path / "b", source_url=f"{server.url}/fashion/")
    assert [p.name for p in (tmp_path / "b").iterdir()] == [f"{NAMES[0]}.gz"]


def test_a_place_that_cannot_be_written(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = server.put("good", arrays())
    mnist_at(server, monkeypatch, packed, "good")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write \S*train-images-idx3-ubyte.gz: "):
        input_data.read_data_sets(tmp_path / "file" / "data")
    with pytest.raises(DataError, match=r"cannot write \S*train-images-idx3-ubyte.gz: "):
        input_data.read_data_sets(tmp_path / "file")
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(DataError, match="Permission denied"):
            input_data.read_data_sets(tmp_path)


def test_a_full_disk_is_not_the_mirrors_failure(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = server.put("good", arrays())
    mnist_at(server, monkeypatch, packed, "good")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="cannot write .*: No space left on device"):
        input_data.read_data_sets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_bar_on_terminals_only(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/big/x.gz"] = bytes(download.BLOCK_BYTES * 2)
    source = Source((f"{server.url}/big",))
    fetch("x.gz", tmp_path, source, lambda path: None)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch("x.gz", tmp_path, source, lambda path: None)
    err = capsys.readouterr().err
    assert "\rx.gz [" in err
    assert err.endswith(f"[{'#' * download.BAR_WIDTH}] 100% of 0.1 MB\n")


def test_the_public_source_is_whole() -> None:
    source = input_data.MNIST
    assert len(source.mirrors) >= 2
    assert source.mirrors[0] == input_data.DEFAULT_SOURCE_URL
    assert sorted(source.sha256) == sorted(f"{name}.gz" for name in NAMES)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in source.sha256.values())
