"""CIFAR-10 from its home page: an archive is fetched, checked and unpacked."""

import gzip
import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fastmlp.files import alone_in, check_has_an_end
from fastmlp.optional import MissingLibraryError, require
from fastmlp.validation import as_path, one_of

# the files of either version, without their endings
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

_CHUNK = 1 << 18
# Seconds without an answer after which a server counts as gone.
_PATIENCE = 30.0


class Archive(NamedTuple):
    """One of the official archives, and what is wanted of it."""

    url: str
    md5: str
    folder: str
    files: tuple[str, ...]
    # no file in it has more bytes, nor has all of it, packed
    largest: int
    packed: int

    def is_whole(self, folder: Path) -> bool:
        """Whether a folder has all the files that are wanted."""
        return all((folder / name).is_file() for name in self.files)


_HOME = "https://www.cs.toronto.edu/~kriz/"
ARCHIVES = {
    "binary": Archive(
        f"{_HOME}cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in BATCHES),
        30_730_000,
        180_000_000,
    ),
    "python": Archive(
        f"{_HOME}cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
        "cifar-10-batches-py",
        BATCHES,
        32_000_000,
        180_000_000,
    ),
}


def cache_folder() -> Path:
    """Where what was downloaded is kept: `fastmlp` in the user's folder for such files."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fastmlp")
    except RuntimeError:
        raise FileNotFoundError("this user has no home for a cache; XDG_CACHE_HOME can name a folder for it") from None


def download_CIFAR10(
    folder: str | os.PathLike[str] | None = None, *, layout: str = "binary", progress: bool = True
) -> Path:
    """Download CIFAR-10 (170 MB), check it and unpack it; where it is there already, nothing is done.

    A download that was cut off goes on where it ended. The archive is compared with its official MD5 sum, and only the
    files that are wanted are taken out of it, by name. An archive that lies in the folder already is not fetched again.

    Parameters
    ----------
    folder : path-like, optional
        Where to put it; by default `fastmlp` in the folder that `XDG_CACHE_HOME` names, or in `~/.cache`, where
        `get_CIFAR10_data` finds it.
    layout : {"binary", "python"}
        Which of the official versions; nothing is unpickled of the binary one.
    progress : bool
        Show a progress bar where tqdm is there.

    Returns
    -------
    pathlib.Path
        The folder of the six files.

    Raises
    ------
    ConnectionError
        If the server does not answer, or stops before the end.
    BlockingIOError
        If another process is at the same download.
    OSError
        If the folder cannot be written to.
    ValueError
        If what it sends is not the official archive; nothing of it is kept then.

    Examples
    --------
    >>> from fastmlp.datasets import download_CIFAR10
    >>> download_CIFAR10()  # doctest: +SKIP
    PosixPath('/home/me/.cache/fastmlp/cifar-10-batches-bin')
    """
    archive = ARCHIVES[one_of("layout", layout, ARCHIVES)]
    place = cache_folder() if folder is None else as_path("folder", folder)
    target = place / archive.folder
    if archive.is_whole(target):
        return target
    place.mkdir(parents=True, exist_ok=True)
    with alone_in(place, f"another process is downloading into {place}; wait for it, and call again"):
        if not archive.is_whole(target):
            packed = place / archive.url.rpartition("/")[2]
            if not packed.is_file() or _md5(packed) != archive.md5:
                _fetch(archive, packed, progress)
            try:
                _unpack(packed, archive, target)
            except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(f"{packed} is not a whole archive: {error}") from error
            packed.unlink()
    return target


def _fetch(archive: Archive, packed: Path, progress: bool) -> None:
    """Bring the archive, from where an earlier try ended, and put it into place when it is whole and right."""
    part = packed.with_name(packed.name + ".part")
    check_has_an_end(part)
    before = part.stat().st_size if part.exists() else 0
    _receive(archive, part, progress)
    if before and _md5(part) != archive.md5:  # what an earlier try had left may have been wrong
        part.unlink()
        _receive(archive, part, progress)
    found = _md5(part)
    if found != archive.md5:
        part.unlink()
        raise ValueError(f"{archive.url} gave another file: its MD5 sum is {found}, the official one {archive.md5}")
    os.replace(part, packed)


def _receive(archive: Archive, part: Path, progress: bool) -> None:
    """Append what `part` has not got yet."""
    try:
        with part.open("ab") as file:
            _append(archive, file, progress)
    except ConnectionError as error:
        message = f"{archive.url} cannot be had: {error}"
        if part.stat().st_size == 0:
            part.unlink()
            raise ConnectionError(message) from error
        raise ConnectionError(f"{message}; what has come so far is kept, and another try goes on there") from error


def _append(archive: Archive, file: BinaryIO, progress: bool) -> None:
    have = file.tell()
    answer = _answer(archive.url, have)
    if answer is None:
        return
    with answer:
        if have and answer.status != 206:  # it sends all of it again
            have = 0
            file.truncate(0)
        total = have + int(answer.headers.get("Content-Length", 0))
        with _bar(progress, have, total) as advance:
            while have <= archive.packed and (chunk := _chunk(answer)):
                file.write(chunk)
                have += len(chunk)
                advance(len(chunk))
    file.flush()
    os.fsync(file.fileno())
    if have < total:
        raise ConnectionError(f"it stopped after {have:,} of {total:,} bytes")


def _answer(url: str, have: int) -> http.client.HTTPResponse | None:
    """The server's answer with what comes after the bytes at hand; None where there is nothing after them."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            return None
        raise ConnectionError(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(str(getattr(error, "reason", error))) from error
    return answer


def _chunk(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(_CHUNK)  # what has come, also where the rest does not
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(str(error)) from error


@contextmanager
def _bar(progress: bool, have: int, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar over bytes where it is wanted and tqdm is there; gives the function that advances it."""
    try:
        tqdm = require("tqdm.auto", "progress", "a progress bar").tqdm if progress else None
    except MissingLibraryError:
        tqdm = None
    if tqdm is None:
        yield lambda n_bytes: None
        return
    with tqdm(total=total or None, initial=have, unit="B", unit_scale=True, desc="CIFAR-10") as bar:
        yield bar.update


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(packed: Path, archive: Archive, target: Path) -> None:
    """Take the wanted files out of an archive, by name, and put them into place when all are there."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as temporary:
        wanted = {f"{archive.folder}/{name}": Path(temporary, name) for name in archive.files}
        with tarfile.open(packed, "r:gz") as tar:
            for member in tar:
                if member.size > archive.largest:
                    raise ValueError(f"it holds {member.name} of {member.size:,} bytes, which is too large")
                # a link, or a second member of that name, is none of the files
                if member.isfile() and member.name in wanted:
                    source = tar.extractfile(member)
                    assert source is not None
                    with source, wanted.pop(member.name).open("wb") as file:
                        shutil.copyfileobj(source, file)
                        file.flush()
                        os.fsync(file.fileno())
        if wanted:
            raise ValueError(f"it lacks {', '.join(wanted)}")
        target.mkdir(exist_ok=True)
        for name in archive.files:
            os.replace(Path(temporary, name), target / name)
