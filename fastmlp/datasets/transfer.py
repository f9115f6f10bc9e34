"""Download of a file, which can be continued, and extraction of an archive."""

import gzip
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from fastmlp.optional import MissingLibraryError
from fastmlp.progress import tqdm_bar

_CHUNK = 1 << 18
# Seconds of waiting for a server.
_PATIENCE = 30.0


def receive(url: str, part: Path, most: int, progress: bool) -> None:
    """Append the missing bytes of a file, `most` in all at most, to `part`."""
    try:
        with part.open("ab") as file:
            _append(url, file, most, progress)
    except ConnectionError as error:
        message = f"{url} cannot be had: {error}"
        if part.stat().st_size == 0:
            part.unlink()
            raise ConnectionError(message) from error
        raise ConnectionError(f"{message}; the part received so far is kept, and the next try continues it") from error


def _append(url: str, file: BinaryIO, most: int, progress: bool) -> None:
    have = file.tell()
    answer = _answer(url, have)
    if answer is None:
        return
    with answer:
        if have and answer.status != 206:  # the whole file is sent again
            have = 0
            file.truncate(0)
        total = have + int(answer.headers.get("Content-Length", 0))
        options: dict[str, Any] = {"total": total or None, "initial": have, "unit": "B", "unit_scale": True}
        try:
            bar = tqdm_bar(progress, **options, desc="CIFAR-10")
        except MissingLibraryError:
            bar = tqdm_bar(False)
        with bar as advance:
            while have <= most and (chunk := _chunk(answer)):
                file.write(chunk)
                have += len(chunk)
                advance(len(chunk))
    file.flush()
    os.fsync(file.fileno())
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
    try:
        return answer.read1(_CHUNK)  # also if the rest does not arrive
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(str(error)) from error


def unpack(packed: Path, target: Path, names: Sequence[str], largest: int) -> None:
    """Extract the named files of the archive's folder of the target's name into the target, all of them or none.

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
    """Write the wanted files, by their names in the archive."""
    with tarfile.open(packed, "r:gz") as tar:
        for member in tar:
            if member.size > largest:
                raise ValueError(f"it holds {member.name} of {member.size:,} bytes, which is too large")
            # links, and second members of a name, are ignored
            if member.isfile() and member.name in wanted:
                source = tar.extractfile(member)
                assert source is not None
                with source, wanted.pop(member.name).open("wb") as file:
                    shutil.copyfileobj(source, file)
                    file.flush()
                    os.fsync(file.fileno())
    if wanted:
        raise ValueError(f"it lacks {', '.join(wanted)}")
