"""Download of CIFAR-10 from its home page."""

import os
from pathlib import Path
from typing import NamedTuple

from fastmlp.files.access import alone_in, kind_of
from fastmlp.interface.calls import advised
from fastmlp.validation import as_path, one_of


class Archive(NamedTuple):
    """An official version of the data set, and its archive; `largest` is an upper limit of a file in it, in bytes."""

    url: str
    md5: str
    folder: str
    files: tuple[str, ...]
    largest: int

    def paths(self, folder: Path) -> list[Path]:
        """The files in a folder."""
        return [folder / name for name in self.files]

    def is_complete(self, folder: Path) -> bool:
        """Whether a folder has all files."""
        return all(kind_of(path) is not None for path in self.paths(folder))


_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-{}.tar.gz".format
_PICKLES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
_BYTES = tuple(f"{name}.bin" for name in _PICKLES)
ARCHIVES = {
    "binary": Archive(_URL("binary"), "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin", _BYTES, 30_730_000),
    "python": Archive(_URL("python"), "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py", _PICKLES, 32_000_000),
}


def cache_folder() -> Path:
    """The folder of downloads: `fastmlp` in the user's cache directory."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fastmlp")
    except RuntimeError:
        raise FileNotFoundError("this user has no home for a cache; XDG_CACHE_HOME can name a folder for it") from None


@advised()
def download_CIFAR10(
    folder: str | os.PathLike[str] | None = None, *, layout: str = "binary", progress: bool = True
) -> Path:
    """Download CIFAR-10 (170 MB), verify and unpack it, unless it is there already.

    An interrupted download is continued. The archive is compared with its official MD5 sum, and only the files of the
    data set are extracted from it. An archive that is in the folder already is not downloaded again.

    Parameters
    ----------
    folder : path-like, optional
        Folder to download to; by default `fastmlp` in the folder named by `XDG_CACHE_HOME`, or in `~/.cache`, where
        `get_CIFAR10_data` finds it.
    layout : {"binary", "python"}
        The official version; the binary one contains no pickles.
    progress : bool
        Show a progress bar, if tqdm is installed.

    Returns
    -------
    pathlib.Path
        The folder of the six files.

    Raises
    ------
    ConnectionError
        If the server does not answer, or stops before the end.
    BlockingIOError
        If another process is downloading into the same folder.
    OSError
        If the folder cannot be written to.
    ValueError
        If the file is not the official archive; it is deleted then.

    Examples
    --------
    >>> from fastmlp.datasets import download_CIFAR10
    >>> download_CIFAR10()  # doctest: +SKIP
    PosixPath('/home/me/.cache/fastmlp/cifar-10-batches-bin')
    """
    archive = ARCHIVES[one_of("layout", layout, ARCHIVES)]
    place = cache_folder() if folder is None else as_path("folder", folder)
    target = place / archive.folder
    if archive.is_complete(target):
        return target
    place.mkdir(parents=True, exist_ok=True)
    with alone_in(place, f"another process is downloading into {place}; wait for it, and call again"):
        if not archive.is_complete(target):
            # imports ssl, http and email, which nothing else needs
            from fastmlp.datasets import transfer

            packed = place / archive.url.rpartition("/")[2]
            transfer.fetch(archive.url, archive.md5, packed, progress)
            transfer.unpack(packed, target, archive.files, archive.largest)
            packed.unlink()
    return target
