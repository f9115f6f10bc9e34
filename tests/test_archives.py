"""Archives of arrays are NumPy's, and what they claim is not believed."""

import io
import warnings
import zipfile

import numpy as np
import pytest
from conftest import assert_same

from fastmlp.archives import Archive, read_archive, write_archive
from fastmlp.cli import tables

pytestmark = pytest.mark.application


def archive_of(*members, compression=zipfile.ZIP_STORED):
    """An archive of members with these names and contents."""
    target = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target


def npy(array, version=None):
    target = io.BytesIO()
    np.lib.format.write_array(target, array, version)
    return target.getvalue()


ONES = np.ones(1000)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (
            archive_of(("X.npy", npy(ONES)), ("X.npy", npy(ONES))),
            "its member 'X.npy' is no \\.npy file, or is there twice",
        ),
        (archive_of(("X", npy(ONES))), "its member 'X' is no \\.npy file"),
        (archive_of(("X.npy", npy(ONES)), compression=zipfile.ZIP_BZIP2), "compressed in another way"),
        (archive_of(("X.npy", npy(ONES)), compression=zipfile.ZIP_LZMA), "compressed in another way"),
        (archive_of(("X.npy", npy(ONES, (3, 0)))), r"its member 'X.npy': its version is \(3, 0\), which arrays"),
        (
            archive_of(("X.npy", npy(ONES)[:-1])),
            r"it says that it holds an array \(1000,\) of float64, and has 8,127 bytes",
        ),
    ],
)
def test_archives_of_something_else_are_refused(archive, message):
    with pytest.raises(ValueError, match=message):
        list(read_archive(Archive(archive)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_cannot_claim_more_than_there_is(compression):
    whole = bytearray(archive_of(("X.npy", npy(ONES)), compression=compression).getvalue())
    at = whole.rindex(b"PK\x01\x02") + 24
    whole[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    with pytest.raises(ValueError, match=r"its member 'X\.npy' is compressed in another way than NumPy's, or says so"):
        list(read_archive(Archive(io.BytesIO(whole))))


@pytest.mark.parametrize("array", [ONES, np.ones((3, 4), order="F"), np.array("text"), np.zeros((0, 3), ">f4")])
def test_archives_are_numpys(array, tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", first=array, second=array)
        with (tmp_path / "a.npz").open("rb") as file:
            assert_same(dict(read_archive(Archive(file))), {"first": array, "second": array})
    with (tmp_path / "a.npz").open("wb") as file:
        write_archive(file, {"first": array})
    with np.load(tmp_path / "a.npz") as archive:
        assert_same(archive, {"first": array})


def test_an_array_that_ends_like_an_archive_is_one(tmp_path):
    bytes_of_archive = np.frombuffer(archive_of(("X.npy", npy(ONES))).getvalue(), np.uint8)
    np.save(tmp_path / "a.npy", bytes_of_archive)
    assert_same(tables.read_arrays(tmp_path / "a.npy"), {"x": bytes_of_archive})
