"""Files that are either whole or not there, files that have an end, and files that one process has for itself."""

import errno
import io
import os
import secrets
import stat
import tempfile
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that takes `path`'s place once all of it is on the disk, and disappears when something fails."""
    if kind_of(path) not in (None, stat.S_IFREG):
        # a pipe or a device is written to; for a folder this is the error that one expects
        with open(path, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with _created(path, temporary) as file:
            if os.chmod in os.supports_fd:
                with suppress(FileNotFoundError):  # nobody may read the new one who could not read the old one
                    os.chmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
            if isinstance(file.name, int):  # a descriptor, where there is no name
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
    """A new file for what `path` is to hold: without a name, or, where there are no such files, a temporary one.

    One without a name disappears with a process that is killed. Linux lets it take another file's place only by way of
    a name in between, which a kill at that very moment leaves.
    """
    with _named(path):
        if hasattr(os, "O_TMPFILE") and kind_of("/proc/self/fd") is not None:
            try:
                return _opened(temporary.parent, os.O_TMPFILE | os.O_WRONLY, "wb")
            except OSError as error:  # a file with a name meets the same error, or none
                _raise_if_foreign(error)
        return open(temporary, "xb")


def _opened(path: str | os.PathLike[str], flags: int, mode: str) -> BinaryIO:
    """A file, opened with these flags.

    One call in C from the descriptor to the object that closes it: a signal's handler that raised between the two
    would leave the file open for ever.
    """
    return next(map(open, map(os.open, (path,), (flags,), (0o666,)), (mode,)))  # type: ignore[return-value]


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader | io.BytesIO]:
    """An ordinary file to read; an OSError for a pipe or a device, which may never end or never begin."""
    with ordinary(path, os.O_RDONLY, "rb") as file:
        assert isinstance(file, io.BufferedReader)
        # files of the system, as in /proc, may say that they are empty and go on for ever
        yield file if os.fstat(file.fileno()).st_size else io.BytesIO()


def ordinary(path: str | os.PathLike[str], flags: int, mode: str) -> BinaryIO:
    """An ordinary file, opened with these flags; an OSError for anything else, which is not waited for."""
    check_ordinary(path)
    file = _opened(path, flags | getattr(os, "O_NONBLOCK", 0), mode)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it has taken the place of the one that was looked at
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
    """What kind of file is there, as `stat` has it; None for none.

    `Path.exists` would take it for none also where a signal's handler raises a ValueError.
    """
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def undisturbed(work: Callable[[], T]) -> T:
    """What `work` gives or raises: it reads a file in a thread of its own, where no signal's handler runs.

    There, all that is raised is the file's fault; what a handler raises, of whatever type, comes out here at once.
    """
    answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put((work(), None))
        except BaseException as error:
            answers.put((None, error))

    try:
        start_new_thread(answer, ())
    except RuntimeError as refusal:  # "can't start new thread", for want of memory, or at the interpreter's end
        if "new thread" not in str(refusal):
            raise
        return work()
    found, error = answers.get()
    if error is None:
        return found
    try:
        raise error
    finally:
        del error  # or its traceback, which has this frame, would keep what was read


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the error that writing a file would meet, before there is something to write."""
    check_ordinary(path)
    target = Path(os.path.realpath(path))
    with _named(path):
        tempfile.TemporaryFile(dir=target.parent).close()
        if _mount(target) not in (None, _mount(target.parent)):
            raise OSError(errno.EBUSY, "a file that another one is mounted on cannot be replaced")
        # One that may not be replaced (another user's in a sticky folder, an immutable one) may not be removed either:
        # the system says so, but removes no file by this call.
        with suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(target)


def _mount(path: Path) -> str | None:
    """The number of the mount that a file or a folder belongs to; None where there is none, or no Linux to say so."""
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
    """Errors about a file that the user does not know name the one that he does."""
    try:
        yield
    except OSError as error:
        _raise_if_foreign(error)
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


def _raise_if_foreign(error: OSError) -> None:
    """Raise what is not the system's, which has a number: a signal's handler may raise a TimeoutError."""
    if error.errno is None:
        raise error


@contextmanager
def alone_in(folder: str | os.PathLike[str], message: str) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder; they get a BlockingIOError with this message."""
    descriptors: list[int] = []
    try:
        # opened and kept in one call in C, so that a signal's handler that raises leaves nothing open, and locked
        descriptors.extend(map(os.open, (folder,), (os.O_RDONLY,)))
        try:
            lock(descriptors[0])
        except BlockingIOError as error:
            raise BlockingIOError(message) from error
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def lock(descriptor: int) -> None:
    """Have an open file or folder for this process alone until it is closed, where the file system knows how.

    Raises
    ------
    BlockingIOError
        If another one has it.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        _raise_if_foreign(error)
