"""How files are read and written: replaced as a whole, opened only where they are ordinary files, and locked."""

import errno
import io
import os
import secrets
import stat
import sys
import tempfile
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, TypeVar

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` once all of it is on the disk; after an error, `path` is as it was."""
    if kind_of(path) not in (None, stat.S_IFREG):
        # a pipe or a device cannot be replaced; a folder is an IsADirectoryError here
        with open(path, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with _created(path, temporary) as file:
            if os.chmod in os.supports_fd:
                with suppress(FileNotFoundError):  # the new file gets the permissions of an old one
                    os.chmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
            if isinstance(file.name, int):  # a descriptor: the file has no name yet
                with _named(path):
                    # with a descriptor beside it, Python links the file, and not the symbolic link to it
                    os.link(f"/proc/self/fd/{file.name}", temporary, src_dir_fd=file.name, follow_symlinks=True)
        with _named(path):
            os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)  # of a full disk, say
        raise


def _created(path: str | os.PathLike[str], temporary: Path) -> BinaryIO:
    """A new file for the content of `path`: without a name where the system has such files, else the temporary one.

    A file without a name disappears if the process is killed. Linux can replace a file by it only after it was given a
    temporary name, which a kill at that very moment leaves behind.
    """
    with _named(path):
        if hasattr(os, "O_TMPFILE") and kind_of("/proc/self/fd") is not None:
            try:
                return _opened(temporary.parent, os.O_TMPFILE | os.O_WRONLY, "wb")
            except OSError as error:  # not on every file system; else the next line raises the same error
                _raise_if_foreign(error)
        return open(temporary, "xb")


def _opened(path: str | os.PathLike[str], flags: int, mode: str) -> BinaryIO:
    """A file, opened with these flags.

    It is one call in C, since a signal handler that raised after `os.open` and before `open` would leave the descriptor
    open for ever.
    """
    return next(map(open, map(os.open, (path,), (flags,), (0o666,)), (mode,)))  # type: ignore[return-value]


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader | io.BytesIO]:
    """Open an ordinary file to read it; an OSError for anything else."""
    with ordinary(path, os.O_RDONLY, "rb") as file:
        assert isinstance(file, io.BufferedReader)
        # a file of size 0 is taken as empty: some in /proc have that size and never end
        yield file if os.fstat(file.fileno()).st_size else io.BytesIO()


def ordinary(path: str | os.PathLike[str], flags: int, mode: str) -> BinaryIO:
    """Open an ordinary file with these flags; an OSError for anything else, without waiting for it."""
    check_ordinary(path)
    file = _opened(path, flags | getattr(os, "O_NONBLOCK", 0), mode)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it has replaced the file that was checked
        file.close()
        raise _endless(path)
    return file


def check_ordinary(path: str | os.PathLike[str]) -> None:
    """Raise an OSError for a folder, and for a pipe or a device, which may never end or never begin."""
    kind = kind_of(path)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if kind not in (None, stat.S_IFREG):
        raise _endless(path)


def _endless(path: str | os.PathLike[str]) -> OSError:
    return OSError(errno.EINVAL, "a pipe or a device cannot be used as a file", os.fspath(path))


def kind_of(path: str | os.PathLike[str]) -> int | None:
    """The type of a file, such as `stat.S_IFREG`; None if there is none.

    `Path.exists` would also say that there is none where a signal handler raises a ValueError.
    """
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def undisturbed(work: Callable[[], T]) -> T:
    """Call `work`, which reads a file, in a thread of its own, and return or raise what it does.

    Signal handlers run in the main thread only. So an error in `work` is about the file, and an exception that a
    handler raises, of whatever type, leaves this function as it is. Context variables are those of the caller.
    """
    context = copy_context()
    answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put((context.run(work), None))
        except BaseException as error:
            answers.put((None, error))

    try:
        start_new_thread(answer, ())
    except RuntimeError as refusal:  # "can't start new thread", without memory, or at the interpreter's shutdown
        if "new thread" not in str(refusal):
            raise
        return work()
    found, error = answers.get()
    if error is None:
        return found
    try:
        raise error
    finally:
        del error  # its traceback refers to this frame: the cycle would keep in memory what was read


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the error that `replacing` a file would raise, without a change of anything."""
    check_ordinary(path)
    target = Path(os.path.realpath(path))
    with _named(path):
        tempfile.TemporaryFile(dir=target.parent).close()
        if _mount(target) not in (None, _mount(target.parent)):
            raise OSError(errno.EBUSY, "a file that another one is mounted on cannot be replaced")
        # A file that may not be replaced (another user's in a sticky folder, an immutable one) may not be removed
        # either: this call raises that error, and never removes a file.
        with suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(target)
        # Windows does not replace read-only files
        with suppress(FileNotFoundError):
            if sys.platform == "win32" and not target.stat().st_mode & stat.S_IWRITE:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _mount(path: Path) -> str | None:
    """The mount that a file or a folder belongs to; None if there is no such file, or the system is not Linux."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(path, os.O_PATH)
        try:
            lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
            return next((line for line in lines if line.startswith("mnt_id:")), None)
        finally:
            os.close(descriptor)
    return None


@contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put `path`, which the user knows, into errors of the system about a temporary file or a folder."""
    try:
        yield
    except OSError as error:
        _raise_if_foreign(error)
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


def _raise_if_foreign(error: OSError) -> None:
    """Raise an error that is not the system's, as it has no number: a signal handler may raise a TimeoutError."""
    if error.errno is None:
        raise error


@contextmanager
def alone_in(folder: str | os.PathLike[str], message: str) -> Iterator[None]:
    """Lock a folder, except on Windows; a BlockingIOError with this message if another process has locked it."""
    descriptors: list[int] = []
    folders = [] if fcntl is None else [folder]  # Windows, which lacks these locks, does not open folders either
    try:
        # opened and stored in one call in C: a signal handler that raises leaves nothing open and locked
        descriptors.extend(map(os.open, folders, (os.O_RDONLY,)))
        try:
            for descriptor in descriptors:
                lock(descriptor)
        except BlockingIOError as error:
            raise BlockingIOError(message) from error
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def lock(descriptor: int) -> None:
    """Lock an open file or folder until it is closed; without effect where the system or its disk has no locks.

    Raises
    ------
    BlockingIOError
        If another process has locked it.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        _raise_if_foreign(error)
