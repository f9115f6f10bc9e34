"""What is read from the files of `table_zoo`, and said about them; files that are compressed, or too large."""

import bz2
import gzip
import io
import lzma
import re
import sys
import zipfile

import pytest
from table_zoo import READ, REFUSED, TWO

from fastmlp.engine import quotas
from fastmlp.optional import MissingLibraryError
from fastmlp.tables import Expected, Schema, Task, content, layout
from fastmlp.tables.inputs import NumberInput
from fastmlp.tables.notations import Notation
from fastmlp.tables.reading import read_table

pandas = pytest.importorskip("pandas")

pytestmark = pytest.mark.application


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def shown(table):
    """A table in short: rows by blanks, None as _."""
    rows = [table.frame.columns, *table.frame.itertuples(index=False)]
    return [" ".join("_" if value is None else str(value) for value in row) for row in rows]


@pytest.mark.parametrize(("text", "rows", "note"), READ.values(), ids=READ)
def test_what_is_read(text, rows, note, tmp_path):
    table = read_table(written(tmp_path, "file.csv", text))
    assert shown(table) == rows
    assert note in " ".join(table.notes)
    assert bool(note) == bool(table.notes)
    assert set(table.frame.dtypes) == {pandas.Series([], dtype=object).dtype}
    # "." where a column tells
    assert (table.decimal == ",") == ("with a comma, in" in " ".join(table.notes))


def test_lines_may_be_long(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "SAMPLE", 3)
    assert shown(read_table(written(tmp_path, "file.csv", "a,b,c\n1,2,3\n"))) == ["a b c", "1 2 3"]


@pytest.mark.parametrize(("name", "text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(name, text, message, tmp_path):
    if name.endswith(("parquet", "arrow")):
        pytest.importorskip("pyarrow", exc_type=ImportError)
    path = written(tmp_path, name, text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}{message}"):
        read_table(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.csv.zst"])
def test_a_file_by_another_name(name, tmp_path):
    """Beside those of the zoo, of libraries that may be missing."""
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    frame = pandas.DataFrame({"a": [1, 2]})
    if name.endswith("zst"):
        written(tmp_path, name, pyarrow.Codec("zstd").compress(b"a,b\n1,2\n", asbytes=True))
    else:
        {"a.parquet": frame.to_parquet, "a.arrow": frame.to_feather}[name](tmp_path / name)
    suffix = re.escape((tmp_path / name).suffix)
    path = (tmp_path / name).rename(tmp_path / "b.csv")
    with pytest.raises(ValueError, match=rf"b\.csv must be a table of texts, got .*: its suffix must be {suffix}$"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "error"),
    [("none.csv", FileNotFoundError), ("folder.csv", IsADirectoryError), ("x.json", FileNotFoundError)],
)
def test_a_path_without_a_file(name, error, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(error, match=re.escape(name)):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "options", "rows", "decimal"),
    [
        ("a;b,c\n1;2,3\n", {"delimiter": ","}, ["a;b c", "1;2 3"], None),
        ("a b\n1   2\n", {"delimiter": " "}, ["a b", "1 2"], None),
        ("a#b\n1#2\n", {"delimiter": "#"}, ["a b", "1 2"], None),
        ("a\n1,5\n", {"delimiter": ";"}, ["a", "1,5"], ","),
        ("a;b\n1,5;2\n", {"decimal": "."}, ["a b", "1,5 2"], "."),
        ("a,b\n1,2\n", {"decimal": ","}, ["a b", "1 2"], ","),
        ("a,b\n-99,none\n", {"missing": ["-99", " none "]}, ["a b", "_ _"], None),
        ("a,b\n-99,NA\n", {"missing": "-99"}, ["a b", "_ _"], None),
        ("a,b\n-99.0,-99.00\n-99.5,-099\n", {"missing": "-99"}, ["a b", "_ _", "-99.5 -099"], "."),
        ("a;b\n999;999,0\n9,99;999,000\n", {"missing": "999.0"}, ["a b", "_ _", "9,99 999,000"], ","),
        ("a,b\n1,я\n".encode("cp1251"), {"encoding": "cp1251"}, ["a b", "1 я"], None),
        ("\ufeffa,b\n1,2\n", {"encoding": "utf-8"}, ["a b", "1 2"], None),
        ("a,b\n1,2\n", {"header": False}, [TWO, "a b", "1 2"], None),
        ("# a,b\n1,2\n", {"header": False}, [TWO, "1 2"], None),
        ("# a,b\n#f00,2\nred,1\n", {"header": False}, [TWO, "#f00 2", "red 1"], None),
        ('"x"\n"1" 5\n"2" 7\n', {"expected": Expected(frozenset("x"), delimiter=" ")}, ["x", "5", "7"], None),
        ("1,2\n3,4\n", {"header": True}, ["1 2", "3 4"], None),
    ],
)
def test_what_is_given_is_not_recognised(text, options, rows, decimal, tmp_path):
    table = read_table(written(tmp_path, "file.txt", text), **options)
    assert (shown(table), table.decimal) == (rows, decimal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "::"}, "delimiter must be one character, .* got '::'"),
        ({"delimiter": '"'}, "delimiter must be one character, no quote"),
        ({"decimal": ";"}, "decimal must be one of '.', ',', got ';'"),
        ({"missing": [-99]}, "missing must hold texts, .* got -99"),
        ({"encoding": "utf-9"}, "encoding must be one that Python knows, .* got 'utf-9'"),
        ({"encoding": "ascii"}, "file.csv, line 2: .* is not ascii"),
        ({"encoding": "undefined"}, "file.csv is not undefined: "),
        ({"header": "yes"}, "header must be True, False or None, got 'yes'"),
    ],
)
def test_arguments_that_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_table(written(tmp_path, "file.csv", "a,b\n1,ü\n"), **options)


@pytest.mark.parametrize(
    ("text", "decimal", "note"),
    [
        ("a;b\n1,234;x\n", ",", "with a comma, in column 'a'."),  # not thousands
        ("a\tb\n1,234\tx\n", None, ""),
        ("a\tb\n0,125\tx\n", ",", "with a comma, in column 'a'."),
        ("a;b\n1,234,567;x\n", ".", ""),
        ("a;b\n1,5;1.234\n", ",", "in column 'a'."),
        ("a;b\n1,5;1.25\n", None, "comma in column 'a' and with a point in column 'b'."),
        ("a;b;c\n1,5;1.25;0.5\n", None, "comma in column 'a' and with a point in columns 'b', 'c'."),
        ('a,b\n"1,5",1.25\n', None, "comma in column 'a' and with a point in column 'b'."),
        ("a;b\n1,5;x\nten;y\n", None, ""),
        ("a;b\n1,5 and 2,5;01.02.2024\n", None, ""),
    ],
)
def test_decimal_marks(text, decimal, note, tmp_path):
    table = read_table(written(tmp_path, "file.csv", text), delimiter=text[1])
    assert (table.decimal, note in " ".join(table.notes), len(table.notes)) == (decimal, True, int(bool(note)))


def zipped(content, *names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def zstandard(content):
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    return pyarrow.Codec("zstd").compress(content, asbytes=True)


COMPRESSED = {
    "a.csv.gz": gzip.compress,
    "a.tsv.bz2": bz2.compress,
    "a.TXT.XZ": lzma.compress,
    "a.csv.zip": lambda content: zipped(content, "a.csv"),
    "a.zip": lambda content: zipped(content, "x", "__MACOSX/x"),
    "a.csv.zst": zstandard,
}


@pytest.mark.parametrize(("name", "compress"), COMPRESSED.items(), ids=COMPRESSED)
def test_compressed_files(name, compress, tmp_path, monkeypatch):
    path = written(tmp_path, name, compress(b"a\tb\n" + b"1\t2\n" * 99_999))
    assert shown(read_table(path))[-1] == "1 2"
    monkeypatch.setattr(content, "CHUNK", 1000)
    monkeypatch.setattr(quotas, "free_memory", lambda: 300_000 * content.TEXT_FACTOR)
    with pytest.raises(MemoryError, match=rf"^{re.escape(str(path))} has 0\.3 MB or more, expanded, .*smaller file"):
        read_table(path)


def test_archives_of_several_files(tmp_path):
    path = written(tmp_path, "a.zip", zipped("a,b", "a.csv", "b.csv"))
    with pytest.raises(ValueError, match=r"a\.zip .*: it must hold one file, got 2: 'a\.csv', 'b\.csv'; extract"):
        read_table(path)


def test_files_that_are_too_large(tmp_path, monkeypatch):
    path = written(tmp_path, "a.csv", "a,b\n1,2\n")
    monkeypatch.setattr(quotas, "free_memory", lambda: 8 * content.TEXT_FACTOR - 1)
    with pytest.raises(
        MemoryError, match=rf"^{re.escape(str(path))} has 0\.0 MB, and its table may need .*smaller file"
    ):
        read_table(path)
    monkeypatch.setattr(quotas, "free_memory", lambda: 8 * content.TEXT_FACTOR)
    assert shown(read_table(path)) == ["a b", "1 2"]


def test_memory_that_ends_early(tmp_path, monkeypatch):
    def read_csv(*args, **options):
        raise pandas.errors.ParserError("Error tokenizing data. C error: out of memory")

    monkeypatch.setattr(pandas, "read_csv", read_csv)
    with pytest.raises(MemoryError, match=r"a\.csv is too large for memory: write some of its rows"):
        read_table(written(tmp_path, "a.csv", "a,b\n1,2\n"))


FRAME = {"n": [1, 2], "x": [0.5, None], "t": ["NA", None], "when": pandas.to_datetime(["2024-01-02", None])}


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.feather", "a.arrow", "stream.arrow"])
def test_columns_with_types_keep_them(name, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    frame, path = pandas.DataFrame(FRAME), tmp_path / name
    frame.attrs["first_line"] = 2  # as one has that was read from a text
    if name.endswith(("parquet", "pq")):
        frame.to_parquet(path)
    elif name == "stream.arrow":
        rows = pyarrow.Table.from_pandas(frame)
        with pyarrow.ipc.new_stream(path, rows.schema) as stream:
            stream.write_table(rows)
    else:
        frame.to_feather(path)
    table = read_table(path)
    pandas.testing.assert_frame_equal(table.frame, frame)
    assert (table.notes, table.decimal, table.reading) == ((), None, {})
    assert table.frame.attrs == {}
    monkeypatch.setattr(quotas, "free_memory", lambda: 100)
    with pytest.raises(MemoryError, match=re.escape(str(path))):
        read_table(path)


@pytest.mark.parametrize(
    ("index", "names", "note"),
    [
        (pandas.Index([7, 3], name="id"), ["id", "n"], ""),
        (pandas.Index([7, 3]), ["n"], "The index of the rows has no name"),
    ],
)
def test_an_index_in_parquet(index, names, note, tmp_path):
    pytest.importorskip("pyarrow", exc_type=ImportError)
    pandas.DataFrame({"n": [1, 2]}, index).to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert list(table.frame) == names
    assert note in " ".join(table.notes)


def test_parquet_without_rows(tmp_path):
    pytest.importorskip("pyarrow", exc_type=ImportError)
    pandas.DataFrame({"n": []}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet must have rows and columns, got 0 and 1"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("library", "name", "message"),
    [
        ("pandas", "a.csv", r"a\.csv needs pandas: pip install 'fastmlp\[cli\]'$"),
        ("pyarrow", "a.parquet", r"a\.parquet needs pyarrow: pip install 'fastmlp\[parquet\]'$"),
        ("pyarrow", "a.csv.zst", r"a \.zst file needs pyarrow: pip install 'fastmlp\[parquet\]'$"),
    ],
)
def test_a_library_that_is_not_installed(library, name, message, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingLibraryError, match=message):
        read_table(written(tmp_path, name, "a,b\n1,2\n"))


def test_a_title_may_be_said_to_be_the_header(tmp_path):
    path = written(tmp_path, "a.csv", "a,,\nx,y,z\n1,2,3\n")
    with pytest.raises(
        ValueError, match=r"header seems to be line 2.*, or if it is line 1 that names columns, say header=True$"
    ):
        read_table(path)
    assert shown(read_table(path, header=True)) == ["a column 2 column 3", "x y z", "1 2 3"]


@pytest.mark.parametrize(
    ("text", "remedy"), [("a,b\n1;2,3\n4,5\n", ", or .* delimiter=',' .*"), ("a,b\n1;2,3\n4\n", "")]
)
def test_a_delimiter_that_fits_is_named(text, remedy, tmp_path):
    with pytest.raises(ValueError, match=f"by semicolons, got 2: '1;2,3'; .* into double quotes{remedy}$"):
        read_table(written(tmp_path, "a.csv", text), delimiter=";")


def test_markers_that_are_nowhere_are_said(tmp_path):
    path = written(tmp_path, "a.csv", "a,b\n-99.0,-1\nx,NA\n")
    notes = read_table(path, missing=["-99", "-9", "none"]).notes
    assert notes[-1] == "No field is '-9' or 'none', given as no value."


def test_columns_may_be_read_verbatim(tmp_path):
    table = read_table(written(tmp_path, "a.csv", "ab,b\nNA,NA\n,?\n-,-\n"), missing=["-"], verbatim="ab")
    assert shown(table) == ["ab b", "NA _", "_ _", "- _"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,b\n1,2\n3,x\n", "line 3"),
        ("# of 2024\n\na,b\n1,2\n3,x\n\n\n", "line 5"),
        ("1,2\r\n3,4\r\n3,x", "line 3"),
        ("# a,b\n1,2\n3,x\n", "line 3"),
        ("sep=;\na;b\n,;\n3;x\n", "line 4"),
        ("a,b\n1,2\n\n3,x\n", "row 1"),  # rows are not lines
        ('a,b\n1,"2\n"\n3,x\n', "row 1"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_with_its_line(text, place, tmp_path):
    frame = read_table(written(tmp_path, "file.csv", text)).frame
    name = frame.columns[-1]
    schema = Schema((NumberInput(name, 0.0, False, Notation()),), Task(name, "regression"))
    with pytest.raises(ValueError, match=f"must have a number in {place}, got 'x'"):
        schema.rows(frame)
