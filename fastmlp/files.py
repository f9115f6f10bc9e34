"""Files that are either whole or not there, and files that one process has for itself."""

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that takes `path`'s place once all of it is on the disk, and disappears when something fails."""
    if Path(path).exists() and not Path(path).is_file():
        # a pipe or a device is written to; for a folder this is the error that one expects
        with open(path, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with _named(path):
            nameless = _nameless(target.parent)
            file = open(temporary, "xb") if nameless is None else open(nameless, "wb")  # noqa: SIM115
        with file:
            if os.chmod in os.supports_fd:
                with suppress(FileNotFoundError):  # nobody may read the new one who could not read the old one
                    os.chmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
            if nameless is not None:
                with _named(path):
                    # with a descriptor beside it, Python links the file, and not the symbolic link to it
                    os.link(f"/proc/self/fd/{nameless}", temporary, src_dir_fd=nameless, follow_symlinks=True)
        with _named(path):
            os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)  # of a full disk, say
        raise


def _nameless(folder: Path) -> int | None:
    """A new file without a name, which disappears with a process that is killed; None where there are no such files.

    Linux lets it take another file's place only by way of a name in between, which a kill at that very moment leaves.
    """
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").exists():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:  # a file with a name meets the same error, or none
        return None


def check_has_an_end(path: str | os.PathLike[str]) -> None:
    """Raise an OSError for a pipe or a device, which may never end or never begin."""
    place = Path(path)
    if place.exists() and not place.is_file() and not place.is_dir():
        raise OSError(errno.EINVAL, "a pipe or a device cannot be used as a file", os.fspath(path))


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the error that writing a file would meet, before there is something to write."""
    check_has_an_end(path)
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    target = Path(os.path.realpath(path))
    with _named(path):
        tempfile.TemporaryFile(dir=target.parent).close()
        if not target.exists():
            return
        if _mount(target) != _mount(target.parent):
            raise OSError(errno.EBUSY, "a file that another one is mounted on cannot be replaced")
        # One that may not be replaced (another user's in a sticky folder, an immutable one) may not be removed either:
        # the system says so, but removes no file by this call.
        with suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(target)


def _mount(path: Path) -> str | None:
    """The number of the mount that a file or a folder belongs to; None where the system does not say."""
    if not hasattr(os, "O_PATH"):
        return None
    with suppress(OSError):
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
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


@contextmanager
def alone_in(folder: str | os.PathLike[str], message: str) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder; they get a BlockingIOError with this message."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            lock(descriptor)
        except BlockingIOError as error:
            raise BlockingIOError(message) from error
        yield
    finally:
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
    except OSError:
        return
