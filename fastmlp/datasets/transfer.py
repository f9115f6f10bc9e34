"""Download of an archive, which can be continued, and its extraction."""

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
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from fastmlp.files.access import check_ordinary, reading, replacing
from fastmlp.progress import tqdm_bar

_CHUNK = 1 << 18
# Upper limit of a file that is downloaded.
_MAX_BYTES = 180_000_000
# Seconds of waiting for a server.
_PATIENCE = 30.0


def fetch(url: str, md5: str, packed: Path, progress: bool) -> None:
    """Download a file, or the rest of it, and move it into place once its MD5 sum is right; one in place is kept."""
    if packed.is_file() and _md5(packed) == md5:
        return
    part = packed.with_name(packed.name + ".part")
    check_ordinary(part)
    n_tries = 2 if part.exists() and part.stat().st_size else 1  # the part of an earlier try may be wrong
    for _ in range(n_tries):
        _receive(url, part, progress)
        found = _md5(part)
        if found == md5:
            part.replace(packed)
            return
        part.unlink()
    raise ValueError(f"{url} gave another file: its MD5 sum is {found}, the official one {md5}")


def _md5(path: Path) -> str:
    with reading(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _receive(url: str, part: Path, progress: bool) -> None:
    """Append the missing bytes of a file to `part`."""
    try:
        with part.open("ab") as file:
            _append(url, file, progress)
    except ConnectionError as error:
        kept = "; the part received so far is kept, and the next try continues it"
        if part.stat().st_size == 0:
            part.unlink()
            kept = ""
        raise ConnectionError(f"{url} cannot be had: {error}{kept}") from error


def _append(url: str, file: BinaryIO, progress: bool) -> None:
    have = file.tell()
    answer = _answer(url, have)
    if answer is None:
        return
    with answer:
        if have and answer.status != 206:  # the whole file is sent again
            have = 0
            file.truncate(0)
        total = have + int(answer.headers.get("Content-Length", 0))
        shown = progress and find_spec("tqdm") is not None
        bar = tqdm_bar(shown, total=total or None, initial=have, unit="B", unit_scale=True, desc="CIFAR-10")
        with bar as advance:
            while have <= _MAX_BYTES and (chunk := _chunk(answer)):
                file.write(chunk)
                have += len(chunk)
                advance(len(chunk))
    if have < total:
        raise ConnectionError(f"it stopped after {have:,} of {total:,} bytes")


def _answer(url: str, have: int) -> http.client.HTTPResponse | None:
    """The server's response with the bytes from `have` on; None if there are none."""
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
    """The next bytes; errors of the network become ConnectionErrors, which tells them from errors of the disk."""
    try:
        return answer.read1(_CHUNK)  # what has arrived, even if nothing follows
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(str(error)) from error


def unpack(packed: Path, target: Path, names: Sequence[str], largest: int) -> None:
    """Extract the named files from the archive's folder with the name of the target into the target: all or none.

    An archive that is damaged, or has a file of more than `largest` bytes, is a ValueError.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as temporary:
            _extract(packed, {f"{target.name}/{name}": Path(temporary, name) for name in names}, largest)
            target.mkdir(exist_ok=True)
            for name in names:
                os.replace(Path(temporary, name), target / name)
    except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{packed} is not a whole archive: {error}") from error


def _extract(packed: Path, wanted: dict[str, Path], largest: int) -> None:
    """Extract the wanted files, which are given as their names in the archive and the paths to write them to."""
    with tarfile.open(packed, "r:gz") as tar:
        for member in tar:
            if member.size > largest:
                raise ValueError(f"it holds {member.name} of {member.size:,} bytes, which is too large")
            # links, and second members of a name, are ignored
            if member.isfile() and member.name in wanted:
                source = tar.extractfile(member)
                assert source is not None
                with source, replacing(wanted.pop(member.name)) as file:
                    shutil.copyfileobj(source, file)
    if wanted:
        raise ValueError(f"it lacks {', '.join(wanted)}")
