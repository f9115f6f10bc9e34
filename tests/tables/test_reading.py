"""A zoo of files: what is read from each, and what is said about it or in its refusal."""

import bz2
import gzip
import io
import lzma
import re
import sys
import zipfile

import pytest

from fastmlp.optional import MissingLibraryError
from fastmlp.tables import content
from fastmlp.tables.reading import read_table

pandas = pytest.importorskip("pandas")

pytestmark = pytest.mark.application

NO_HEADER = "The first line is no header"
TWO, THREE = "column 1 column 2", "column 1 column 2 column 3"
INDEX = "numbers the rows"


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def shown(table):
    """A table in short: rows by blanks, None as _."""
    rows = [table.frame.columns, *table.frame.itertuples(index=False)]
    return [" ".join("_" if value is None else str(value) for value in row) for row in rows]


# name: what the file holds, its rows with their header, and a part of a note ("" if nothing is to be said)
READ = {
    "commas": ("a,b\n1,x\n2,y\n", ["a b", "1 x", "2 y"], ""),
    "semicolons": ("a;b\n1;x\n", ["a b", "1 x"], "separated by semicolons"),
    "tabs": ("a\tb\n1\tx y\n", ["a b", "1 x y"], "separated by tabs"),
    "tabs with empty fields": ("a\tb\tc\n\t\tx\n", ["a b c", "_ _ x"], "tabs"),
    "bars": ("a|b\n1|x,y\n", ["a b", "1 x,y"], "separated by vertical bars"),
    "blanks": (" a  b\n 1  20\n10   2\n", ["a b", "1 20", "10 2"], "separated by blanks"),
    "blanks and tabs": ('1.5 8\t"x y"\n1.7   9\t"x y"\n', [THREE, "1.5 8 x y", "1.7 9 x y"], NO_HEADER),
    "aligned commas": ("a,  b\n1,  2\n", ["a b", "1 2"], ""),
    "semicolons in texts": ("a,b\nx;y,1\nz,2\n", ["a b", "x;y 1", "z 2"], ""),
    "Excel's hint": ("sep=|\na|b\n1|2\n", ["a b", "1 2"], "vertical bars"),
    "quotes": ('a,"b, c"\n"x ""1"", y",2\n', ["a b, c", 'x "1", y 2'], ""),
    "a line's end in quotes": ('a,b\n"x\ny",2\n', ["a b", "x\ny 2"], ""),
    "quotes within a field": ('a,b\n5" pipe,2\n', ["a b", '5" pipe 2'], ""),
    "single quotes": ("'a','b'\n'1.5',\n'2',' x'\n", ["a b", "1.5 _", "2 x"], "in single quotes are read without them"),
    "single quotes of texts": ("a,b\n1,'x'\n2,'y'\n", ["a b", "1 x", "2 y"], "in single quotes"),
    "single quotes of names": ("'a',b's\n1,'x\n2,y'\n", ["'a' b's", "1 'x", "2 y'"], ""),
    "blanks around": ('a , b\n x ," y "\n', ["a b", "x y"], ""),
    "decimal commas": ("a;b\n1,5;1.000,25\n", ["a b", "1,5 1.000,25"], "with a comma, in columns 'a', 'b'"),
    "decimal commas in quotes": ('a,b\n"1,5",2\n', ["a b", "1,5 2"], "with a comma, in column 'a'"),
    "decimal commas without a header": ("1,5;2,5\n2,5;1,5\n", [TWO, "1,5 2,5", "2,5 1,5"], "comma"),
    "currencies": ("a;b\n€ 1,50;3,5 %\n", ["a b", "€ 1,50 3,5 %"], "comma, in columns 'a', 'b'"),
    "a mark of UTF-8": ("\ufeffa,b\n1,ü\n", ["a b", "1 ü"], ""),
    "UTF-16": ("a,b\n1,ü\n".encode("utf-16"), ["a b", "1 ü"], "in UTF-16"),
    "UTF-16 without a mark": ("a,b\n1,x\n".encode("utf-16-be"), ["a b", "1 x"], "in UTF-16-BE"),
    "UTF-32": ("a,b\n1,ü\n".encode("utf-32"), ["a b", "1 ü"], "in UTF-32"),
    "cp1252": ("a,b\n1,x\n2,50 €\n".encode("cp1252"), ["a b", "1 x", "2 50 €"], "(line 3) and is read as cp1252"),
    "Latin-1": (b"a,b\n1,\xfc\x81\n", ["a b", "1 ü\x81"], "read as latin-1"),
    "missing": ("a,b\n,NA\nx,?\nnull,y\n", ["a b", "_ _", "x _", "_ y"], "value: 'null' (1 field), '?' (1 field), "),
    "markers within texts": ("a,b\nNA NA,?!\n-1,.5\n", ["a b", "NA NA ?!", "-1 .5"], ""),
    "minus and plus": ("a,b\n+,-\n-,1\n", ["a b", "+ _", "- 1"], "'-' (1 field)"),
    "a column of gaps": ("a,b\n1,\n2,\n", ["a b", "1 _", "2 _"], ""),
    "numbers alone": ("1,2\n3,4\n", [TWO, "1 2", "3 4"], NO_HEADER),
    "one row of numbers": ("1.5,2\n", [TWO, "1.5 2"], NO_HEADER),
    "numbers and classes": ("5.1,x\n4.9,x\n6.3,y\n", [TWO, "5.1 x", "4.9 x", "6.3 y"], NO_HEADER),
    "whole numbers and classes": ("51,x\n49,x\n63,y\n", [TWO, "51 x", "49 x", "63 y"], NO_HEADER),
    "numbers and names": ("5.1,x\n4.9,y\n", [TWO, "5.1 x", "4.9 y"], NO_HEADER),
    "classes alone": ("x,o\no,o\nx,x\n", [TWO, "x o", "o o", "x x"], NO_HEADER),
    "gaps in the first line": ("?,2.5\n1,3\n", [TWO, "_ 2.5", "1 3"], NO_HEADER),
    "a header of texts": ("name,town\nx,y\nx,z\n", ["name town", "x y", "x z"], ""),
    "a header with years": ("town,2019,2020\nx,1,2\ny,3,4\n", ["town 2019 2020", "x 1 2", "y 3 4"], ""),
    "a header with dates": ("town,1/22/20\nx,1\ny,3\n", ["town 1/22/20", "x 1", "y 3"], ""),
    "numbers of columns": ("0,1,2\n5,6,7\n", ["0 1 2", "5 6 7"], ""),
    "an index": (",a\n0,x\n1,y\n", ["a", "x", "y"], INDEX),
    "an index and numbers of columns": (",0,1\n0,5,6\n1,7,8\n", ["0 1", "5 6", "7 8"], INDEX),
    "an index that was saved twice": ("Unnamed: 0,a\n0,x\n", ["a", "x"], INDEX),
    "an index of R": ('"","a"\n"1",5\n"2",6\n', ["a", "5", "6"], INDEX),
    "an index without a place in the header": ('"a" "b"\n"1" 5 x\n"2" 6 y\n', ["a b", "5 x", "6 y"], INDEX),
    "names of rows": ('"a" "b"\n"p" 5 x\n"q" 6 y\n', ["column 1 a b", "p 5 x", "q 6 y"], "are named 'column 1'."),
    "an index of some rows": (",a\n7,x\n3,y\n", ["column 1 a", "7 x", "3 y"], "are named 'column 1'."),
    "a comment as header": ("# a,label\n1,x\n", ["a label", "1 x"], ""),
    "a comment below a mark": ("\ufeff# a,label\n1,x\n", ["a label", "1 x"], ""),
    "comments and a header": ("# by hand\n#\n\na,b\n1,x\n", ["a b", "1 x"], ""),
    "a header of #": ("#,a\n7,x\n8,y\n", ["# a", "7 x", "8 y"], ""),
    "rows of #": ("#tag,n\n#x,1\n#y,2\n", ["#tag n", "#x 1", "#y 2"], ""),
    "names twice": ("a,a,a.1\n1,2,3\n", ["a a.2 a.1", "1 2 3"], "are named 'a.2'."),
    "a name left out": ("a,,c\n1,2,3\n", ["a column 2 c", "1 2 3"], "are named 'column 2'."),
    "delimiters at the ends": ("a,b,\n1,2,\n", ["a b", "1 2"], "last 1 column, without a name or a value, left out"),
    "delimiters at the ends of rows": ("a,b\n1,2,\n3,4,\n", ["a b", "1 2", "3 4"], "last 1 column"),
    "rows without a value": ("a,b\n1,2\n,\n,\n", ["a b", "1 2"], "2 rows without a value left out"),
    "Windows": ("a,b\r\n1,2\r\n", ["a b", "1 2"], ""),
    "an old Mac": ("a,b\r1,2\r", ["a b", "1 2"], ""),
    "blank lines": ("\na,b\n\n1,2\n  \n\n", ["a b", "1 2"], ""),
    "no end of the last line": ("a,b\n1,2", ["a b", "1 2"], ""),
    "one column": ("word\nx\ny\n", ["word", "x", "y"], "No delimiter was found"),
    "texts that stand": ("a,b\n1e+00,+1\n007,1_000\n", ["a b", "1e+00 +1", "007 1_000"], ""),
    "huge whole numbers": ("a,b\n123456789012345678901,-0\n", ["a b", "123456789012345678901 -0"], ""),
    "other digits": ("a,b\n\u0661,\u0968\n", ["a b", "\u0661 \u0968"], ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rows", "note"), READ.values(), ids=READ)
def test_what_is_read(text, rows, note, tmp_path):
    table = read_table(written(tmp_path, "file.csv", text))
    assert shown(table) == rows
    assert note in " ".join(table.notes)
    assert bool(note) == bool(table.notes)
    assert set(table.frame.dtypes) == {pandas.Series([], dtype=object).dtype}
    assert table.decimal == ("," if "with a comma, in" in " ".join(table.notes) else ".")


# name: what the file is called, what it holds, and what its refusal says after its path
REFUSED = {
    "too many fields": ("a.csv", "a,b\n1,2\n\n1,2,3\n", ", line 4: .* 2 fields as most .*got 3: '1,2,3'; .*quotes"),
    "too few fields": ("a.csv", "a,b\n1,2\n3\n4,5\n", ", line 3: must have 2 fields .*by commas, got 1: '3'"),
    "too few below a text of lines": ("a.csv", 'a,b\n"x\ny",2\n3\n4,5\n', ", line 4: must have 2 fields"),
    "too few words": ("a.txt", "a b c\n1 2 3\n1 2\n" + "1 2 3\n" * 20, ", line 3: .* 3 fields .*by blanks, got 2"),
    "too few below a short header": ("a.txt", "a b\n1 2 3\n1 2\n" + "1 2 3\n" * 20, ", line 3: .* 3 fields .*, got 2"),
    "too few below comments": ("a.csv", "# by hand\n\na,b\n1,2\n3\n", ", line 5: must have 2 fields"),
    "a long header": ("a.csv", "a,b,c\n1,2\n1,2\n", ", line 1: must have 2 fields .*got 3: 'a,b,c'"),
    "a short header": ("a.csv", "a,b\n1,2,3\n1,2,3\n", ", line 1: must have 3 fields .*got 2"),
    "a title": ("a.csv", "Prices\na,b,c\n1,2,3\n1,2,3\n", ", line 1: must have 3 .*got 1: 'Prices'; correct or"),
    "a text with a comma": ("a.csv", "a\nx\nx, y\n", ", line 3: must have 1 fields .*got 2"),
    "an open quote": ("a.csv", 'a,b\n1,2\n3,"x\n4,5\n', ", line 3: a double quote opens a text that does not end"),
    "an open quote at a line's begin": ("a.csv", 'a,b\n1,2\n"3,x\n4,5\n', ", line 3: a double quote opens a text"),
    "a NUL": ("a.csv", "a,b\n1,2\n1,\0\n", ", line 3: must be text, got a NUL byte$"),
    "a NUL in UTF-16": ("a.csv", "a,b\n1,\0\n".encode("utf-16"), ", line 2: must be text, got a NUL byte"),
    "damaged UTF-8": ("a.csv", "a,b\n1,ü\n".encode() + b"2,\xfc\n", ", line 3: b'.xfc' is not UTF-8, as the text"),
    "damaged UTF-16": ("a.csv", "a,b\n".encode("utf-16")[:-1], ", line 1: b'..?' is not UTF-16"),
    "nothing": ("a.csv", "", " is empty"),
    "blank lines alone": ("a.csv", "\n \n", " is empty"),
    "a header alone": ("a.csv", "a,b\n", " must have rows below its header line, got none"),
    "a web page": ("a.csv", "\n<!DOCTYPE html>\n<p>", " must be a table, got a web page: download"),
    "a program's page": ("a.csv", "<html>\n", " must be a table, got a web page: download"),
    "XML": ("a.csv", "<?xml version='1.0'?>", " must be a table, got XML: save its table as CSV"),
    "JSON": ("a.csv", '[\n{"a": 1},\n{"a": 2}]', " must be a table, got JSON: save its table as CSV"),
    "lines of JSON": ("a.csv", '{"a": 1}\n{"a": 2}\n', " must be a table, got JSON"),
    "lists of JSON": ("a.csv", "[[1, 2], [3, 4]]", " must be a table, got JSON"),
    "Excel's file by another name": ("a.csv", b"PK\3\4\0", " must be a table of texts, got a spreadsheet, .* CSV"),
    "gzip by another name": ("a.csv", gzip.compress(b"a,b\n1,2\n"), r" must .* a compressed file: .* be \.gz"),
    "bzip2 by another name": ("a.csv", bz2.compress(b"a,b\n1,2\n"), r" must .* a compressed file: .* be \.bz2"),
    "xz by another name": ("a.csv", lzma.compress(b"a,b\n1,2\n"), r" must .* a compressed file: .* be \.xz"),
    "a spreadsheet": ("a.xlsx", "PK", r" must be .* suffix of \.csv, .*got \.xlsx; spreadsheets are saved as CSV"),
    "no suffix": ("a", "a,b\n1,2\n", " must be a table .*got none"),
    "compressed, of no table": ("a.json.gz", "", r" must be a table .*got \.json\.gz"),
    "gzip that ends early": ("a.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9], " cannot be expanded: "),
    "no gzip": ("a.csv.gz", "a,b\n1,2\n", " cannot be expanded: "),
    "no archive": ("a.zip", "a,b\n1,2\n", " cannot be expanded: "),
    "no Parquet": ("a.parquet", "a,b\n1,2\n", " cannot be read, it may be damaged or of another format: "),
    "no Arrow": ("a.arrow", "a,b\n1,2\n", " cannot be read, it may be damaged or of another format: "),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(name, text, message, tmp_path):
    if name.endswith(("parquet", "arrow")):
        pytest.importorskip("pyarrow")
    path = written(tmp_path, name, text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}{message}"):
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
        ("a;b,c\n1;2,3\n", {"delimiter": ","}, ["a;b c", "1;2 3"], "."),
        ("a b\n1   2\n", {"delimiter": " "}, ["a b", "1 2"], "."),
        ("a#b\n1#2\n", {"delimiter": "#"}, ["a b", "1 2"], "."),
        ("a\n1,5\n", {"delimiter": ";"}, ["a", "1,5"], ","),
        ("a;b\n1,5;2\n", {"decimal": "."}, ["a b", "1,5 2"], "."),
        ("a,b\n1,2\n", {"decimal": ","}, ["a b", "1 2"], ","),
        ("a,b\n-99,none\n", {"missing": ["-99", " none "]}, ["a b", "_ _"], "."),
        ("a,b\n-99,NA\n", {"missing": "-99"}, ["a b", "_ _"], "."),
        ("a,b\n1,я\n".encode("cp1251"), {"encoding": "cp1251"}, ["a b", "1 я"], "."),
        ("\ufeffa,b\n1,2\n", {"encoding": "utf-8"}, ["a b", "1 2"], "."),
        ("a,b\n1,2\n", {"header": False}, [TWO, "a b", "1 2"], "."),
        ("# a,b\n1,2\n", {"header": False}, [TWO, "1 2"], "."),
        ("1,2\n3,4\n", {"header": True}, ["1 2", "3 4"], "."),
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
        ({"decimal": ";"}, "decimal must be '.' or ',', got ';'"),
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
        ("a\tb\n1,234\tx\n", ".", ""),
        ("a\tb\n0,125\tx\n", ",", "with a comma, in column 'a'."),
        ("a;b\n1,234,567;x\n", ".", ""),
        ("a;b\n1,5;1.234\n", ",", "in column 'a'."),
        ("a;b\n1,5;1.25\n", ",", "comma in column 'a' and with a point in column 'b'; ',' is taken"),
        ("a;b;c\n1,5;1.25;0.5\n", ".", "comma in column 'a' and with a point in columns 'b', 'c'; '.' is taken"),
        ('a,b\n"1,5",1.25\n', ".", "comma in column 'a' and with a point in column 'b'; '.' is taken"),
        ("a;b\n1,5;x\nten;y\n", ".", ""),
        ("a;b\n1,5 and 2,5;01.02.2024\n", ".", ""),
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
    pyarrow = pytest.importorskip("pyarrow")
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
    monkeypatch.setattr(content, "free_memory", lambda: 300_000 * content.TEXT_FACTOR)
    with pytest.raises(MemoryError, match=rf"^{re.escape(str(path))} has 0\.3 MB or more, expanded, .*smaller file"):
        read_table(path)


def test_archives_of_several_files(tmp_path):
    path = written(tmp_path, "a.zip", zipped("a,b", "a.csv", "b.csv"))
    with pytest.raises(ValueError, match=r"a\.zip .*: it must hold one file, got 2: 'a\.csv', 'b\.csv'; extract"):
        read_table(path)


def test_files_that_are_too_large(tmp_path, monkeypatch):
    path = written(tmp_path, "a.csv", "a,b\n1,2\n")
    monkeypatch.setattr(content, "free_memory", lambda: 8 * content.TEXT_FACTOR - 1)
    with pytest.raises(
        MemoryError, match=rf"^{re.escape(str(path))} has 0\.0 MB, and its table may need .*smaller file"
    ):
        read_table(path)
    monkeypatch.setattr(content, "free_memory", lambda: 8 * content.TEXT_FACTOR)
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
    pyarrow = pytest.importorskip("pyarrow")
    frame, path = pandas.DataFrame(FRAME), tmp_path / name
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
    assert table[1:] == ((), ".")
    monkeypatch.setattr(content, "free_memory", lambda: 100)
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
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"n": [1, 2]}, index).to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert list(table.frame) == names
    assert note in " ".join(table.notes)


def test_parquet_without_rows(tmp_path):
    pytest.importorskip("pyarrow")
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
