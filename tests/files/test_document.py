"""Checked JSON documents: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.document import (
    LIMIT,
    NewerVersionError,
    parse_json,
    read_document,
    to_json,
    write_document,
)
from pullback.errors import ConfigError, FileFormatError

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(content=st.dictionaries(st.text(), plain, max_size=5))
def test_round_trip(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "round_trip.json"
    write_document(path, content, kind="run")
    assert read_document(path, kind="run") == content


def test_numpy_scalars_become_numbers(tmp_path):
    content = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": tmp_path}
    assert json.loads(to_json(content)) == {"a": 0.5, "b": 3, "c": True, "d": str(tmp_path)}


@pytest.mark.parametrize(
    "value", [object(), b"bytes", {1: "a", "1": "b"}, np.zeros(2), {(1, 2): 3}, {"set": {1}}]
)
def test_what_is_not_json_is_refused(value):
    with pytest.raises(ConfigError, match="must be JSON"):
        to_json(value)


def test_depth_and_circles_are_refused():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    circle: list[object] = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(ConfigError):
            to_json(value)


def test_length_is_bounded_when_writing():
    with pytest.raises(ConfigError, match="must fit"):
        to_json("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 200_000,
        b'{"a": 1, "b": 2, "a": 1}',
        b"9" * 5000,
        b"{} {}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_strict_parser_refuses(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


GOOD = {"format": "pullback run", "version": 1, "checksum": "", "content": {}}


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"format": "pullback status"}, "another format"),
        ({"format": 3}, "another format"),
        ({"version": 2}, "newer version"),
        ({"version": True}, "True"),
        ({"version": 0}, "0"),
        ({"version": "1"}, "'1'"),
        ({"content": []}, "no content"),
        ({"content": None}, "no content"),
        ({"checksum": None}, "checksum"),
        ({"content": {"a": 1}}, "checksum"),
    ],
)
def test_a_changed_document_is_refused(tmp_path, change, received):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(FileFormatError, match=received):
        read_document(path, kind="run")


def test_a_newer_version_says_upgrade(tmp_path):
    write_document(tmp_path / "run.json", {}, kind="run", version=7)
    with pytest.raises(NewerVersionError, match="Upgrade"):
        read_document(tmp_path / "run.json", kind="run")


def test_a_file_too_large_is_refused_unread(tmp_path):
    with open(tmp_path / "run.json", "wb") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(FileFormatError, match="at most"):
        read_document(tmp_path / "run.json", kind="run")
