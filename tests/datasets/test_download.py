"""Downloading CIFAR-10, from a server on this machine that serves well, cuts off, and serves the wrong bytes."""

import contextlib
import hashlib
import http.server
import io
import os
import tarfile
import threading

import numpy as np
import pytest
from conftest import full

from fastmlp.datasets import download, download_CIFAR10, get_CIFAR10_data, transfer

pytestmark = pytest.mark.application

# before it is replaced by a small one
OFFICIAL = dict(download.ARCHIVES)
BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


def packed(files):
    """A .tar.gz of these files; a value is bytes, or a TarInfo of its own."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def binary_files():
    random = np.random.default_rng(0)
    files = {}
    for name in BATCHES:
        rows = random.integers(0, 256, (4, 3073), np.uint8)
        rows[:, 0] %= 10
        files[f"cifar-10-batches-bin/{name}.bin"] = rows.tobytes()
    return files


class Server:
    """Answers every request with `content`; the first `cuts` answers end after half of what is asked for."""

    def __init__(self):
        self.content, self.cuts, self.ranges, self.knows_ranges, self.status = b"", 0, [], True, 200
        self.silent = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                if outer.status != 200:
                    self.send_error(outer.status)
                    return
                start = 0
                if asked and outer.knows_ranges:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(outer.content):
                        self.send_error(416)
                        return
                body = outer.content[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(outer.content) - 1}/{len(outer.content)}")
                self.end_headers()
                if outer.cuts:
                    outer.cuts -= 1
                    body = body[: len(body) // 2]
                if outer.silent:
                    self.wfile.write(body[:1000])
                    self.wfile.flush()
                    self.connection.recv(1)  # until the other side hangs up
                    return
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/cifar-10-binary.tar.gz"

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with a small archive that passes for the official one, and an empty home."""
    server = Server()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def serve(files):
        server.content = packed(files)
        official = download.ARCHIVES["binary"]
        archive = official._replace(url=server.url, md5=hashlib.md5(server.content).hexdigest())
        monkeypatch.setitem(download.ARCHIVES, "binary", archive)

    server.serve = serve
    server.serve(binary_files())
    yield server
    server.close()


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_data_set_that_is_nowhere_is_downloaded_and_found_again(server, tmp_path):
    data = get_CIFAR10_data(15, 5, 4, dtype="uint8")
    place = tmp_path / "cache" / "fastmlp"
    assert files_in(place) == sorted(binary_files())
    assert server.ranges == [None]
    again = get_CIFAR10_data(15, 5, 4, dtype="uint8")
    assert server.ranges == [None]
    np.testing.assert_array_equal(data["X_train"], again["X_train"])
    assert download_CIFAR10() == place / "cifar-10-batches-bin"
    assert server.ranges == [None]


def test_a_folder_of_ones_own(server, tmp_path):
    assert download_CIFAR10(tmp_path / "here", progress=False) == tmp_path / "here" / "cifar-10-batches-bin"
    assert get_CIFAR10_data(15, 5, 4, folder=tmp_path / "here")["X_train"].shape == (15, 3072)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_download_that_was_cut_off_goes_on(server, tmp_path, knows_ranges):
    server.cuts, server.knows_ranges = 2, knows_ranges
    size, seen = len(server.content), []
    for _ in range(2):
        with pytest.raises(ConnectionError, match=r"cannot be had: it stopped after .* the next try continues it"):
            download_CIFAR10(tmp_path, progress=False)
        (part,) = tmp_path.glob("*.part")
        seen.append(part.stat().st_size)
        assert not list(tmp_path.glob("cifar-10-batches-bin/*"))
    download_CIFAR10(tmp_path, progress=False)
    if knows_ranges:
        assert server.ranges == [None, f"bytes={size // 2}-", f"bytes={seen[1]}-"]
        assert seen[0] < seen[1] < size
    assert files_in(tmp_path) == sorted(binary_files())


def test_a_download_that_ended_before_it_was_checked(server, tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz.part").write_bytes(server.content)
    download_CIFAR10(tmp_path, progress=False)
    assert files_in(tmp_path) == sorted(binary_files())


def test_an_archive_that_was_fetched_by_hand(server, tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(server.content)
    download_CIFAR10(tmp_path, progress=False)
    assert server.ranges == []
    assert files_in(tmp_path) == sorted(binary_files())


@pytest.mark.parametrize("left", [b"", b"something else"])
def test_the_wrong_bytes_are_not_kept(server, tmp_path, left):
    if left:
        (tmp_path / "cifar-10-binary.tar.gz.part").write_bytes(left)
    server.content = b"<html>moved</html>"
    with pytest.raises(ValueError, match=r"gave another file: its MD5 sum is .*, the official one"):
        download_CIFAR10(tmp_path, progress=False)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("extra", [-20, 0, 20])
def test_wrong_bytes_of_an_earlier_try_are_fetched_anew(server, tmp_path, extra):
    (tmp_path / "cifar-10-binary.tar.gz.part").write_bytes(bytes(len(server.content) + extra))
    download_CIFAR10(tmp_path, progress=False)
    assert server.ranges == [f"bytes={len(server.content) + extra}-", None]
    assert files_in(tmp_path) == sorted(binary_files())


def test_two_processes_do_not_write_into_one_file(server, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError, match=r"another process is downloading into .*; wait for it"):
        download_CIFAR10(tmp_path, progress=False)
    assert server.ranges == []
    os.close(other)
    download_CIFAR10(tmp_path, progress=False)


def test_more_than_there_can_be_is_not_taken(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_MAX_BYTES", 1000)
    monkeypatch.setattr(transfer, "_CHUNK", 500)
    server.content = b"0" * 10**6
    with pytest.raises(ConnectionError, match="it stopped after 1,500 of 1,000,000 bytes"):
        download_CIFAR10(tmp_path, progress=False)


def test_a_server_that_falls_silent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_PATIENCE", 0.2)
    server.silent = True
    with pytest.raises(ConnectionError, match=r"cannot be had: .*timed out; the part received so far is kept"):
        download_CIFAR10(tmp_path, progress=False)
    server.silent = False
    download_CIFAR10(tmp_path, progress=False)
    assert files_in(tmp_path) == sorted(binary_files())


def test_a_full_disk_is_no_matter_of_the_server(server, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        download_CIFAR10(tmp_path, progress=False)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_archives_place_is_refused(server, tmp_path):
    os.mkfifo(tmp_path / "cifar-10-binary.tar.gz.part")
    with pytest.raises(OSError, match=r"a pipe or a device cannot be used as a file: '.*tar.gz.part'"):
        download_CIFAR10(tmp_path, progress=False)


def test_what_was_killed_while_it_unpacked_is_downloaded_again(server, tmp_path):
    place = tmp_path / "cache" / "fastmlp" / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    (place / "data_batch_1.bin").write_bytes(binary_files()["cifar-10-batches-bin/data_batch_1.bin"])
    assert len(get_CIFAR10_data(15, 5, 4)["X_train"]) == 15
    assert len(server.ranges) == 1


def test_what_is_official():
    found = {layout: (archive.url, archive.md5) for layout, archive in OFFICIAL.items()}
    home = "https://www.cs.toronto.edu/~kriz"
    assert found == {
        "binary": (f"{home}/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
        "python": (f"{home}/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    }


def test_a_user_without_a_home(server, monkeypatch, tmp_path):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(download.Path, "home", homeless)
    with pytest.raises(FileNotFoundError, match="this user has no home for a cache; XDG_CACHE_HOME can name"):
        get_CIFAR10_data(15, 5, 4)
    download_CIFAR10(tmp_path, progress=False)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    assert len(get_CIFAR10_data(15, 5, 4)["X_train"]) == 15


def link(name, target, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cifar-10-batches-bin/test_batch.bin": None}, "lacks cifar-10-batches-bin/test_batch.bin"),
        ({"cifar-10-batches-bin/test_batch.bin": b"0" * 30_730_001}, "test_batch.bin of 30,730,001 bytes"),
        ({"another": b"0" * 30_730_001}, "another of 30,730,001 bytes"),
        (
            {
                "cifar-10-batches-bin/test_batch.bin": link(
                    "cifar-10-batches-bin/test_batch.bin", "/etc/passwd", tarfile.SYMTYPE
                )
            },
            "lacks",
        ),
        (
            {
                "cifar-10-batches-bin/test_batch.bin": link(
                    "cifar-10-batches-bin/test_batch.bin", "../x", tarfile.LNKTYPE
                )
            },
            "lacks",
        ),
    ],
)
def test_an_archive_with_other_content_leaves_nothing_unpacked(server, tmp_path, change, message):
    files = {name: content for name, content in (binary_files() | change).items() if content is not None}
    server.serve(files)
    with pytest.raises(ValueError, match=message):
        download_CIFAR10(tmp_path / "home", progress=False)
    assert files_in(tmp_path / "home") == ["cifar-10-binary.tar.gz"]


def test_an_archive_that_is_damaged_inside(server, tmp_path):
    """Python's tarfile takes lines apart that are not there."""
    member = tarfile.TarInfo()
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    server.serve({"cifar-10-batches-bin/test_batch.bin": member})
    with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz is not a whole archive: "):
        download_CIFAR10(tmp_path, progress=False)


def test_an_archive_that_is_none(server, tmp_path):
    for content in (b"", b"no archive", server.content[: len(server.content) // 2]):
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
        official = download.ARCHIVES["binary"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(download.ARCHIVES, "binary", official._replace(md5=hashlib.md5(content).hexdigest()))
            with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz is not a whole archive: "):
                download_CIFAR10(tmp_path, progress=False)
    assert files_in(tmp_path) == ["cifar-10-binary.tar.gz"]


def test_members_that_point_outside_are_not_touched(server, tmp_path):
    hostile = {
        "../outside": b"1",
        "/tmp/fastmlp-outside": b"2",
        "cifar-10-batches-bin/../../outside": b"3",
        "device": None,
    }
    hostile["device"] = link("device", "", tarfile.CHRTYPE)
    server.serve(hostile | binary_files())
    download_CIFAR10(tmp_path / "home", progress=False)
    assert files_in(tmp_path) == [f"home/{name}" for name in sorted(binary_files())]


def test_offline_there_is_one_message(server, tmp_path):
    server.status = 503
    with pytest.raises(FileNotFoundError) as caught:
        get_CIFAR10_data()
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / "cifar10"), str(tmp_path / "cache"), server.url, "503", "FASTMLP_DATA"):
        assert part in message


def test_where_nobody_answers(tmp_path, server):
    server.close()
    with pytest.raises(ConnectionError, match=r"gz cannot be had: \[Errno \d+\] Connection refused$"):
        download_CIFAR10(tmp_path, progress=False)
    assert files_in(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_progress_bar(server, tmp_path, capsys):
    pytest.importorskip("tqdm")
    download_CIFAR10(tmp_path / "silent", progress=False)
    assert capsys.readouterr().err == ""
    download_CIFAR10(tmp_path)
    assert "CIFAR-10" in capsys.readouterr().err
