"""Tables of any content: written by pandas, read back as they were; and rows of a schema from any later table."""

import csv
import json

import numpy as np
import pandas
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from fastmlp.tables import Column, Schema, read_table

pytestmark = pytest.mark.application

NUMBERS = st.floats(-1e12, 1e12, allow_subnormal=False) | st.integers(-999, 999)
GAPS = st.just(np.nan)
# characters of the formats, and of other scripts
TEXTS = st.text("ab ,;|\t'\"#\\_-=ü日", max_size=6).map(lambda text: f"x{text}x")


@st.composite
def frames(draw, texts):
    """A frame of numbers with gaps, of texts with gaps, and of both together."""
    n = draw(st.integers(2, 8))
    number = draw(st.lists(NUMBERS | GAPS, min_size=n, max_size=n))
    text = draw(st.lists(texts | st.none(), min_size=n, max_size=n))
    # no gap, which would make a row without a value
    name = draw(st.lists(texts, min_size=n, max_size=n))
    names = draw(st.lists(texts, min_size=3, max_size=3, unique=True))
    return pandas.DataFrame(dict(zip(names, [number, text, name], strict=True)))


@st.composite
def formats(draw):
    """Options of `to_csv` that a program may have, and those of `read_table` which a user would give."""
    written = {
        "sep": draw(st.sampled_from([",", ";", "\t", "|"])),
        "decimal": draw(st.sampled_from([".", ","])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n"])),
        "na_rep": draw(st.sampled_from(["", "NA", "?", "nan"])),
        "index": draw(st.booleans()),
    }
    return written


def check_same(frame, table, decimal):
    """Texts as they were, numbers too; where a number may be read in two ways, that is said."""
    assert list(table.frame.columns) == list(frame.columns)
    for name, column in frame.items():
        texts = table.frame[name]
        if column.dtype.kind not in "if":
            assert texts.tolist() == [None if pandas.isna(value) else value for value in column]
            continue
        found = Column.of("x", texts, decimal)
        assert found.kind in ("number", "constant", "id", "missing") or "which may be" in found.why
        numbers = [None if text is None else float(text.replace(",", ".")) for text in texts]
        np.testing.assert_array_equal(np.array(numbers, float), column)
        if found.kind == "number":
            np.testing.assert_array_equal(found.values, column)


@settings(max_examples=40, deadline=None)
@given(frame=frames(TEXTS), written=formats())
def test_any_texts_are_read_back(frame, written, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    frame.to_csv(path, **written)
    table = read_table(path, delimiter=written["sep"], decimal=written["decimal"], header=True)
    check_same(frame, table, written["decimal"])


@settings(max_examples=40, deadline=None)
@given(frame=frames(st.text("abcdé ", max_size=6).map(lambda text: f"x{text}x")), written=formats())
def test_how_a_table_is_written_is_recognised(frame, written, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "recognised.csv"
    frame.to_csv(path, **written)
    table = read_table(path)
    check_same(frame, table, table.decimal)


VALUES = {
    "number": NUMBERS.map(float),
    "text of a number": st.integers(0, 9999).map(lambda n: f"€ {n},5"),
    "boolean": st.booleans(),
    "yes or no": st.sampled_from(["Yes", "no"]),
    "word": st.sampled_from(["red", "blue", "one"]),
    "mixed": st.sampled_from(["red", "7", "1,5", 7, 7.0]),
    "any": st.text(max_size=3) | NUMBERS,
}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_rows_follow_from_the_values_of_their_columns_alone(data):
    """Whatever the order of columns and rows, with values and gaps that the training had not, after JSON too."""
    n = data.draw(st.integers(6, 10))
    columns = {
        name: data.draw(st.lists(values | st.none(), min_size=n, max_size=n), name) for name, values in VALUES.items()
    }
    frame = pandas.DataFrame(columns, dtype=object)
    try:
        schema = Schema.fit(frame.assign(target=np.arange(n) % 7 / 3), target="target")
    except ValueError:  # all columns say nothing, or one is unclear
        reject()
    rows = schema.rows(frame)
    assert rows.shape == (n, len(schema.feature_names))
    assert np.isfinite(rows).all()
    again = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    some = data.draw(st.lists(st.integers(0, n - 1), max_size=n))
    later = frame[data.draw(st.permutations(list(VALUES)))].iloc[some]
    np.testing.assert_array_equal(again.rows(later), rows[some])
    changed = later.assign(word=data.draw(st.sampled_from(["unseen", None])), number=None)
    found = again.rows(changed)
    of_others = [i for i, name in enumerate(schema.feature_names) if not name.startswith(("word", "number"))]
    np.testing.assert_array_equal(found[:, of_others], rows[some][:, of_others])
    assert np.isfinite(found).all()
