"""Files that are either whole or not there."""

import dis
import errno
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import full, on_posix, python

from fastmlp import NeuralNetwork
from fastmlp.callbacks import csv_log
from fastmlp.courses.kaggle import output_submission_csv
from fastmlp.data import arrays
from fastmlp.datasets import download_CIFAR10, get_CIFAR10_data, get_FASHION_data
from fastmlp.files import access
from fastmlp.files.access import alone_in, check_writable, reading, replacing
from fastmlp.tables import read_table
from fastmlp.tuning import search

pytestmark = pytest.mark.application


def test_file_appears_whole(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@on_posix
def test_what_a_link_points_to_is_replaced(tmp_path):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


NAMELESS = hasattr(os, "O_TMPFILE") and os.path.exists("/proc/self/fd")


@pytest.mark.skipif(not NAMELESS, reason="needs files without names")
@pytest.mark.parametrize("moment", ["fsync", "link", "replace"])
def test_a_process_that_is_killed_leaves_nothing_but_at_the_last_moment(tmp_path, moment):
    script = f"""
import os, sys
from fastmlp.files.access import replacing
if len(sys.argv) > 1:
    os.{moment} = lambda *args, **options: os.kill(os.getpid(), 9)
with replacing("file") as file:
    file.write(b"new")
"""
    (tmp_path / "file").write_bytes(b"old")
    assert python("-c", script, "killed", folder=tmp_path).returncode == -9
    assert (tmp_path / "file").read_bytes() == b"old"
    left = [path for path in tmp_path.iterdir() if path.name != "file"]
    assert [path.read_bytes() for path in left] == ([b"new"] if moment == "replace" else [])
    assert python("-c", script, folder=tmp_path).returncode == 0
    assert (tmp_path / "file").read_bytes() == b"new"


def test_threads_that_write_the_same_file_leave_a_whole_one(tmp_path):
    contents = [bytes([i]) * 10000 for i in range(8)]

    def write(content):
        for _ in range(50):
            with replacing(tmp_path / "file") as file:
                file.write(content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert os.listdir(tmp_path) == ["file"]


def test_where_there_are_no_files_without_names(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    test_file_appears_whole(tmp_path)
    (tmp_path / "file").unlink()
    test_failure_leaves_the_old_file_and_nothing_else(tmp_path, ValueError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["model.npz", "model.safetensors", "rows.csv", "rows.npz"])
def test_pipes_and_devices_are_not_read(name, tmp_path):
    """They may never end, and a pipe without a writer never begins."""
    read = {"m": NeuralNetwork.load, "r": read_table if name.endswith("csv") else arrays.read_arrays}[name[0]]
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(OSError, match=rf"a pipe or a device cannot be used as a file: '.*{name}'"):
        read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="a pipe or a device cannot be used as a file"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with replacing(path) as file:
        file.write(b"through")
    reader.join(60)
    assert read == [b"through"]
    assert path.is_fifo()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs paths of open files")
def test_an_open_pipe_is_written_to():
    reader, writer = os.pipe()
    with replacing(f"/dev/fd/{writer}") as file:
        file.write(b"through")
    os.close(writer)
    with open(reader, "rb") as file:
        assert file.read() == b"through"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_or_a_folder_is_no_place_for_results(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"a pipe or a device cannot be used as a file: '.*pipe'"):
        check_writable(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)


def checked(path):
    """What `check_writable` says, and what a replacement says, of a file that stays as it is."""
    said = []
    for check in (lambda: check_writable(path), lambda: NeuralNetwork(1, [], 1).save(path)):
        content, names = path.read_bytes(), sorted(os.listdir(path.parent))
        with pytest.raises(OSError, match=rf": '{path}'$") as caught:
            check()
        assert path.read_bytes() == content
        assert sorted(os.listdir(path.parent)) == names
        said.append(caught.value.errno)
    return said


@contextmanager
def changed(*command, back):
    """Change the system by a command, for a while; where it may."""
    if shutil.which(command[0]) is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"needs {' '.join(command[:2])}")
    try:
        yield
    finally:
        subprocess.run(back, check=True)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("flag", ["i", "a"])
def test_a_file_that_is_immutable_is_no_place_for_results(tmp_path, flag, linked):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with changed("chattr", f"+{flag}", path, back=("chattr", f"-{flag}", path)):
        if linked:
            (tmp_path / "link").symlink_to(path)
        assert checked(tmp_path / "link" if linked else path) == [errno.EPERM, errno.EPERM]


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_a_file_that_something_is_mounted_on_is_no_place_for_results(tmp_path, kind):
    """Also a file of the same file system."""
    path, other = tmp_path / "file", tmp_path / "other" / "file"
    other.parent.mkdir()
    with ExitStack() as mounted:
        if kind == "tmpfs":
            mounted.enter_context(changed("mount", "-t", "tmpfs", "none", other.parent, back=("umount", other.parent)))
        other.write_bytes(b"old")
        path.touch()
        mounted.enter_context(changed("mount", "--bind", other, path, back=("umount", path)))
        assert checked(path) == [errno.EBUSY, errno.EBUSY]
        check_writable(other)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to become another user")
def test_another_users_file_is_no_place_for_results_in_a_sticky_folder():
    """As /tmp is one."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own folders, and TMPDIR, may be closed to others
        folder = Path(name)
        for file, owner in (("root", 0), ("mine", 65534)):
            (folder / file).touch()
            (folder / file).chmod(0o666)
            os.chown(folder / file, owner, owner)
        folder.chmod(0o1777)
        done = python(Path(__file__).parent / "scripts" / "sticky_folder.py", folder=folder)
        left = sorted(os.listdir(folder))
    refused = "[Errno 1] Operation not permitted: 'root'"
    assert done.stdout == f"root: {refused}, {refused}\nmine: fine, fine\nnew: fine, fine\n", done.stderr
    assert left == ["mine", "new", "root"]


def test_a_file_that_can_be_replaced_is_left_alone(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o400)
    before = path.stat()
    check_writable(path)
    check_writable(tmp_path / "new")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"old", before.st_mtime_ns)
    assert os.listdir(tmp_path) == ["file"]


PATHS = {
    "save": ("path", lambda path: NeuralNetwork(1, [], 1).save(path)),
    "load": ("path", NeuralNetwork.load),
    "csv_log": ("path", csv_log),
    "output_submission_csv": ("path", lambda path: output_submission_csv(path, [1])),
    "get_CIFAR10_data": ("folder", lambda path: get_CIFAR10_data(folder=path)),
    "get_FASHION_data": ("folder", lambda path: get_FASHION_data(folder=path)),
    "download_CIFAR10": ("folder", download_CIFAR10),
    "fit": ("checkpoint", lambda path: NeuralNetwork(1, [], 1).fit([[1]], [0], checkpoint=path)),
    "search": ("folder", lambda path: search({"hidden_size": 1}, [[1]], [0], [[1]], [0], folder=path)),
}


@pytest.mark.parametrize("function", PATHS)
def test_what_is_no_path_is_refused_by_the_arguments_name(function):
    name, call = PATHS[function]
    with pytest.raises(TypeError, match=f"{name} must be a path, got 5"):
        call(5)
    with pytest.raises(ValueError, match=rf"{name} must be a path without null characters, got 'a\\x00b'"):
        call("a\0b")


@pytest.mark.skipif(os.chmod not in os.supports_fd, reason="needs permissions of open files")
@pytest.mark.parametrize("without_names", [False, True])
def test_a_file_keeps_its_permissions(tmp_path, monkeypatch, without_names):
    if without_names:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with replacing(path) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o640
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_is_said_with_the_files_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*file"), replacing(tmp_path / "file") as file:
        file.write(b"new")


def interrupted_within_files(call):
    """Call again and again, with Ctrl-C wherever Python looks for it in `fastmlp.files`; in how many places it did."""
    for n in itertools.count():
        latest, left = {}, itertools.count()

        def trace(frame, event, argument, n=n, latest=latest, left=left):
            if frame.f_code.co_filename != access.__file__:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                before = latest.get(frame, "")
                latest[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
                if before.startswith(("CALL", "RESUME", "JUMP_BACKWARD")) and next(left) == n:
                    raise KeyboardInterrupt
            return trace

        tracer = sys.gettrace()
        sys.settrace(trace)
        try:
            call()
        except KeyboardInterrupt:
            continue
        finally:
            sys.settrace(tracer)
            latest.clear()
        return n


def write(path):
    with replacing(path) as file:
        file.write(b"new")


def read(path):
    with reading(path) as file:
        file.read()


def lock_folder(path):
    with alone_in(path.parent, "in use"):
        pass


@pytest.mark.skipif(not NAMELESS, reason="needs a list of open files")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored.*FileIO:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [write, read, lock_folder])
@pytest.mark.parametrize("without_names", [False, True])
def test_what_is_interrupted_leaves_no_file_open(work, without_names, tmp_path, monkeypatch):
    if without_names:
        monkeypatch.delattr(os, "O_TMPFILE")
    (tmp_path / "file").write_bytes(b"old")
    before = sorted(os.listdir("/proc/self/fd"))
    assert interrupted_within_files(lambda: work(tmp_path / "file")) > 5
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert os.listdir(tmp_path) == ["file"]
