"""Archives of arrays are NumPy's, and what they claim is not believed."""

import io
import warnings
import zipfile

import numpy as np
import pytest
from conftest import assert_same

from fastmlp.data import arrays
from fastmlp.files.archives import Archive, read_archive, read_array, write_archive

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


def with_header(text):
    """An .npy file that starts with this, and has a few numbers."""
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(16)


PLAIN = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"


@pytest.mark.parametrize(
    "text",
    [
        *(deep * 9000 for deep in (b"-", b"(", b"[", b"{", b"1+", b"not ", b"lambda:")),
        *(
            PLAIN.replace(b"(2,)", bad)
            for bad in (b"(2**3,)", b"(-1,)", b"(" * 90 + b")" * 90, b"(" + b"9" * 99 + b",)")
        ),
        *(PLAIN.replace(b"<f8", bad) for bad in (b"<f8,<f8", b"(2,3)f8", b"<U99999999999", b"a" * 9000, b"", b"<f8\\")),
        PLAIN.replace(b"'<f8'", b"[('a', [('b', '<f8')])]"),
        PLAIN.replace(b"'<f8'", b"[" + b"('a', " * 900 + b")" * 900 + b"]"),
        PLAIN.replace(b"'<f8'", b"-" * 5000 + b"1"),
        PLAIN + b" " * 10_000,
        b"",
    ],
)
def test_a_header_is_not_evaluated_unless_it_is_plain(text, monkeypatch):
    """Python's parser may run out of memory, which would not be the file's fault."""
    monkeypatch.setattr("ast.literal_eval", lambda text: pytest.fail("evaluated"))
    with pytest.raises(ValueError, match="its header is not that of an array of numbers or texts"):
        read_array(io.BytesIO(with_header(text)), 10**9)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        b'{"shape":(2,),"fortran_order":True,"descr":"<f8"}',
        PLAIN.replace(b"(2,)", b"(1, 2)"),
        PLAIN.replace(b"(2,)", b" ( 1 ,2 , ) "),
    ],
)
def test_plain_headers_of_others_are_read(text):
    assert read_array(io.BytesIO(with_header(text)), 10**9).ravel().tolist() == [0, 0]


def test_structured_arrays_beside_others_are_read():
    meta = np.array([(1, 2.5, "a")], [("row", "i4"), ("a value", "f8"), ("name", "U3")])
    file = io.BytesIO()
    np.savez(file, X=np.ones(2), meta=meta)
    assert dict(read_archive(Archive(file)))["meta"] == meta


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing:UserWarning")
def test_headers_of_python_2_are_read():
    assert read_array(io.BytesIO(with_header(PLAIN.replace(b"2,", b"2L,"))), 10**9).shape == (2,)


@pytest.mark.parametrize("code", "?bBhHiIlLqQefdgFDGSUVmM")
def test_arrays_of_every_plain_type_are_read(code):
    array = np.zeros((2, 3), f"{code}8[ns]" if code in "mM" else f"{code}5" if code in "SUV" else code)
    content = npy(array)
    np.testing.assert_array_equal(read_array(io.BytesIO(content), len(content)), array, strict=True)


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
    assert_same(arrays.read_arrays(tmp_path / "a.npy"), {"x": bytes_of_archive})
