"""Every form of data is read alike; bad data is refused with the line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given

from pullback.data import read_table
from pullback.data.cells import MISSING
from pullback.data.structure import structure
from pullback.errors import DataError

ROWS = {"size": [1.5, None, 3.0], "colour": ["red", "blue", None], "whole": [1, 2, 3]}
CSV = "size,colour,whole\n1.5,red,1\n,blue,2\n3,NA,3\n"


def cells(table: Any) -> dict[str, list[str]]:
    return {
        name: [column.cell(row) for row in range(table.rows)]
        for name, column in table.columns.items()
    }


EXPECTED = {
    "size": ["1.5", "", "3"],
    "colour": ["red", "blue", ""],
    "whole": ["1", "2", "3"],
}


def parquet() -> bytes:
    file = io.BytesIO()
    polars.DataFrame(ROWS).write_parquet(file)
    return file.getvalue()


def arrow() -> bytes:
    file = io.BytesIO()
    polars.DataFrame(ROWS).write_ipc(file)
    return file.getvalue()


FILES = {
    "plain.csv": CSV.encode(),
    "tab.tsv": CSV.replace(",", "\t").encode(),
    "semicolon.csv": CSV.replace("1.5", "1,5").replace(",", ";").replace("1;5", "1,5").encode(),
    "bar.txt": CSV.replace(",", "|").encode(),
    "windows.csv": CSV.replace("\n", "\r\n").encode(),
    "old-mac.csv": CSV.replace("\n", "\r").encode(),
    "marked.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "utf16.csv": CSV.encode("utf-16"),
    "zipped.csv.gz": gzip.compress(CSV.encode()),
    "no-last-newline.csv": CSV.rstrip().encode(),
    "blank-lines.csv": CSV.replace("\n,blue", "\n\n,blue").encode() + b"\n\n",
    "quoted.csv": b'"size","colour","whole"\n"1.5","red","1"\n"","blue","2"\n3,"NA",3\n',
    "padded.csv": b"size , colour,whole\n 1.5, red ,1\n ?,blue , 2\n3, null,3\n",
    "table.parquet": parquet(),
    "table.arrow": arrow(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_table(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    table = read_table(path)
    assert cells(table) == EXPECTED
    assert [column.kind for column in table.columns.values()] == ["number", "text", "number"]
    assert len(table.hash) == 64


FRAMES = {
    "pandas": lambda: pandas.DataFrame(ROWS),
    "pandas nullable": lambda: pandas.DataFrame(ROWS).convert_dtypes(),
    "pandas categories": lambda: pandas.DataFrame(ROWS).astype({"colour": "category"}),
    "polars": lambda: polars.DataFrame(ROWS),
    "polars lazy": lambda: polars.LazyFrame(ROWS),
    "arrow": lambda: pyarrow.table(ROWS),
    "dict of lists": lambda: ROWS,
    "dict of arrays": lambda: {
        "size": np.array([1.5, np.nan, 3.0]),
        "colour": np.array(["red", "blue", None], dtype=object),
        "whole": np.array([1, 2, 3], np.int8),
    },
    "structured": lambda: np.array(
        [(1.5, "red", 1), (np.nan, "blue", 2), (3.0, "", 3)],
        dtype=[("size", "f4"), ("colour", "U9"), ("whole", "i4")],
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_kind_of_frame_gives_the_same_table(name: str) -> None:
    assert cells(read_table(FRAMES[name]())) == EXPECTED


def test_dates_and_truth_values_keep_their_kind() -> None:
    frame = pandas.DataFrame(
        {
            "day": pandas.to_datetime(["2020-01-01", None]),
            "zoned": pandas.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC"),
            "ok": [True, False],
        }
    )
    for form in (frame, polars.from_pandas(frame), pyarrow.Table.from_pandas(frame)):
        table = read_table(form)
        assert [column.kind for column in table.columns.values()] == ["date", "date", "boolean"]
        assert table["day"].cell(0) == "2020-01-01"
        assert table["day"].missing.tolist() == [False, True]


@pytest.mark.parametrize("marker", MISSING)
def test_every_missing_marker_is_missing(marker: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"x,y\n1,2\n{marker},3\n")
    table = read_table(path)
    assert table["x"].kind == "number"
    assert table["x"].missing.tolist() == [False, True]


def test_a_word_can_be_named_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\nunknown,3\n")
    assert read_table(path)["x"].kind == "text"
    assert read_table(path, missing=["unknown"])["x"].missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("+5", 5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ('"1,234.5"', 1234.5), ("-0", 0)],
)
def test_numbers_are_read_as_people_write_them(cell: str, value: float, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"x,y\n{cell},2\n")
    assert read_table(path)["x"].values.tolist() == [value]


def test_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("zip,y\n01234,1\n56789,2\n")
    assert cells(read_table(path))["zip"] == ["01234", "56789"]


def test_quotes_hold_separators_newlines_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b'note,y\n"a, ""b""\nand c",1\nplain 5" pipe,2\n"d\r\ne",3\n')
    table = read_table(path)
    assert cells(table)["note"] == ['a, "b"\nand c', 'plain 5" pipe', "d\r\ne"]
    assert table.place(1) == "line 4"
    assert table.place(2) == "line 5"


def test_a_column_without_a_name_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(",x\n0,1\n1,2\n")
    assert read_table(path).names == ["unnamed_1", "x"]


def test_thousands_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = ",".join(f"x{i}" for i in range(3000))
    path.write_text(names + "\n" + "\n".join(",".join(["1.5"] * 3000) for _ in range(3)))
    assert len(read_table(path).columns) == 3000


BAD_TEXTS = {
    "nothing": (b"", "an empty file"),
    "blanks": (b" \n \n", "an empty file"),
    "names only": (b"a,b\n", "only the names a, b"),
    "too few fields": (b"a,b\n1,2\n3\n", "line 3 with 1 field"),
    "too many fields": (b"a,b\n1,2\n\n3,4,5\n", "line 4 with 3 fields"),
    "ragged after a quote": (b'a,b\n"x\ny",2\n3\n', "line 4 with 1 field"),
    "open quote": (b'a,b\n1,"2\n3,4\n5,6\n', "line 2"),
    "open quote at the end": (b'a,b\n1,2\n3,"4\n5,6\n', "line 3"),
    "names twice": (b"a,b,a\n1,2,3\n", "'a' as the name of columns 1, 3"),
    "not UTF-8": (b"a,b\n1,2\n\xe9,3\n", "the byte 0xe9 on line 3"),
    "zero bytes": (b"a,b\n1,\x002\n", "a zero byte on line 2"),
    "cut gzip": (gzip.compress(CSV.encode())[:-9], "ended before"),
    "damaged gzip": (b"\x1f\x8bnonsense", "compression method"),
    "a workbook": (b"PK\x03\x04nonsense", "a zip archive or a workbook"),
    "cut Parquet": (parquet()[:200], "PAR1"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_files_are_refused_with_the_place(name: str, tmp_path: Path) -> None:
    data, received = BAD_TEXTS[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert received in caught.value.received
    assert "bad.csv" in caught.value.must
    assert caught.value.do


@pytest.mark.parametrize(
    ("name", "received", "do"),
    [
        ("tabel.csv", "no such file", "table.csv"),
        ("nothing-like-it.csv", "no such file", "Check the path"),
        ("", "a folder", "table.csv"),
        ("bytes.parquet", "first bytes", "again"),
        ("objects.npz", "allow_pickle", "again"),
    ],
)
def test_bad_paths_are_refused(name: str, received: str, do: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(CSV)
    (tmp_path / "bytes.parquet").write_text(CSV)
    np.savez(tmp_path / "objects.npz", x=np.array([object()]), y=np.zeros(1))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "table.csv").write_text(CSV)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / name if name else folder)
    assert received in caught.value.received
    assert do in caught.value.do


@pytest.mark.parametrize(
    ("source", "received"),
    [
        (3, "type int"),
        ({}, "no rows"),
        ({"a": [1, 2], "b": [1]}, "'a' of 2 rows, 'b' of 1 rows"),
        ({"a": np.zeros((2, 2))}, "a (2, 2)"),
        ({"a": np.array([1j, 2j])}, "complex"),
        (polars.DataFrame({"a": []}), "no rows"),
        (polars.DataFrame({"a": [[1], [2]]}), "List"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "'a' as the name of columns 1, 2"),
        ((np.zeros((3, 2)), np.zeros(2)), "X of shape (3, 2) and y of shape (2,)"),
        ((np.zeros((0, 2)), np.zeros(0)), "(0, 2)"),
        (([[1, 2], [3]], [0, 1]), "lists of different lengths"),
    ],
)
def test_bad_objects_are_refused(source: Any, received: str) -> None:
    with pytest.raises(DataError) as caught:
        read_table(source)
    assert received in caught.value.received


def test_the_encoding_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("name,y\né,1\n".encode("cp1252"))
    assert cells(read_table(path, encoding="cp1252"))["name"] == ["é"]
    with pytest.raises(DataError, match="an encoding must be one that Python knows"):
        read_table(path, encoding="utf8000")


def test_the_separator_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a:b\n1:2\n")
    assert read_table(path, separator=":").names == ["a", "b"]
    with pytest.raises(DataError, match="one ASCII character"):
        read_table(path, separator="::")


@given(
    rows=st.lists(
        st.lists(st.text('ab ,;"\n\r\t|', min_size=1, max_size=6), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_records_are_found_whatever_the_cells_hold(rows: list[list[str]], newline: str) -> None:
    quoted = [["x", "y", "z"], *rows]
    text = newline.join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in quoted
    )
    found = structure(text.encode(), ",")
    assert found.fields.tolist() == [3] * len(quoted)
    assert found.closed
    heights = ["".join(row).count("\n") for row in quoted]
    assert found.lines.tolist() == [1 + i + sum(heights[:i]) for i in range(len(quoted))]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_survive_text_bit_for_bit(values: list[float]) -> None:
    table = read_table({"x": [repr(value) for value in values]})
    assert table["x"].values.tolist() == values


def test_blank_lines_are_no_records() -> None:
    found = structure(b"a,b\r\n\r\n1,2\n\n3,4\n\r\n", ",")
    assert found.fields.tolist() == [2, 0, 2, 0, 2, 0]
    assert found.lines.tolist() == [1, 2, 3, 4, 5, 6]
