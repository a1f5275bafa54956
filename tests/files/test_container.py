"""Checked tensor files: every dtype and shape survives, every claim is checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pullback.container import DTYPES, read_tensors, write_tensors
from pullback.document import NewerVersionError
from pullback.errors import ConfigError, DtypeError, FileFormatError

SHAPES = [(), (0,), (1,), (3,), (2, 3), (0, 5), (4, 0, 2), (1,) * 32]

arrays = hnp.arrays(
    st.sampled_from(sorted(DTYPES.values(), key=str)),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


@given(
    tensors=st.dictionaries(names.filter(lambda name: name != "__metadata__"), arrays, max_size=6),
    metadata=st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=4),
)
def test_round_trip(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.getbasetemp() / "round_trip.safetensors"
    checksum = write_tensors(path, tensors, metadata, kind="network")
    contents = read_tensors(path, kind="network")
    assert contents.metadata == metadata
    assert contents.checksum == checksum
    assert list(contents.tensors) == list(tensors)
    foreign = safetensors.numpy.load_file(path)
    assert set(foreign) == set(tensors)
    for name, array in tensors.items():
        for read in (contents.tensors[name], foreign[name]):
            assert (read.dtype, read.shape) == (array.dtype, array.shape)
            assert read.tobytes() == array.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_arrays_are_writable_own_their_memory_and_are_native(tmp_path, dtype, shape):
    array = np.ones(shape, dtype)
    write_tensors(tmp_path / "a", {"a": array.astype(dtype.newbyteorder(">"))}, {}, kind="network")
    read = read_tensors(tmp_path / "a", kind="network").tensors["a"]
    assert read.flags.writeable
    assert read.flags.owndata
    assert read.flags.c_contiguous
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array, strict=True)


def test_layouts_are_made_contiguous(tmp_path):
    base = np.arange(24.0).reshape(4, 6)
    tensors = {"t": base.T, "s": base[::2, ::-1], "f": np.asfortranarray(base), "0": base[1, 1]}
    write_tensors(tmp_path / "a", tensors, {}, kind="network")
    read = read_tensors(tmp_path / "a", kind="network").tensors
    for name, array in tensors.items():
        np.testing.assert_array_equal(read[name], array)


def test_special_floats_keep_their_bits(tmp_path):
    bits = np.array([0x7FF8000000000123, 0x8000000000000000, 0x7FF0000000000000], np.uint64)
    write_tensors(tmp_path / "a", {"a": bits.view(np.float64)}, {"x": float("inf")}, kind="network")
    contents = read_tensors(tmp_path / "a", kind="network")
    assert contents.tensors["a"].view(np.uint64).tolist() == bits.tolist()
    assert contents.metadata == {"x": float("inf")}


def test_equal_contents_make_equal_bytes(tmp_path):
    for name in "ab":
        write_tensors(tmp_path / name, {"x": np.ones(3), "y": np.int8(1)}, {"s": 1}, kind="network")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_metadata_can_be_read_by_others(tmp_path):
    write_tensors(tmp_path / "a", {"x": np.ones(3)}, {"layers": [1, 2]}, kind="network")
    with safetensors.safe_open(tmp_path / "a", framework="numpy") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["version"], metadata["kind"]) == (
        "pullback",
        "1",
        "network",
    )
    assert json.loads(metadata["metadata"]) == {"layers": [1, 2]}
    assert len(metadata["checksum"]) == 64


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([object()]), np.zeros(2, complex)])
def test_other_dtypes_are_refused(tmp_path, array):
    with pytest.raises(DtypeError, match="'a'"):
        write_tensors(tmp_path / "a", {"a": array}, {}, kind="network")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["", "__metadata__", "a\0", "\ud800", 3])
def test_impossible_names_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="name of an array"):
        write_tensors(tmp_path / "a", {name: np.zeros(2)}, {}, kind="network")


def test_another_kind_is_named(tmp_path):
    write_tensors(tmp_path / "a", {}, {}, kind="checkpoint")
    with pytest.raises(FileFormatError, match="a checkpoint file"):
        read_tensors(tmp_path / "a", kind="network")


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    for metadata in (None, {"format": "pt"}):
        safetensors.numpy.save_file({"a": np.ones(2)}, tmp_path / "a", metadata)
        with pytest.raises(FileFormatError, match="another origin"):
            read_tensors(tmp_path / "a", kind="network")


def rebuild(path, change):
    """Write the file again with a header changed by `change`, which may return other text."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = change(header)
    if not isinstance(text, bytes):
        text = (text if isinstance(text, str) else json.dumps(header)).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def claim(**changes):
    def change(header):
        header["b"].update(changes)

    return change


def own(**changes):
    def change(header):
        header["__metadata__"].update(changes)

    return change


def empty(**changes):
    """An array without bytes, after the others."""

    def change(header):
        header["c"] = {"dtype": "F64", "data_offsets": [48, 48], **changes}

    return change


LIBRARY = "(?i)deserializing"

HOSTILE = {
    "newer": (own(version="2"), "newer version"),
    "version text": (own(version="one"), "one"),
    "version list": (own(version=["1"]), "incomplete"),
    "version digits of other scripts": (own(version="²"), "must state its format version"),
    "other checksum": (own(checksum="0" * 64), "checksum"),
    "other metadata": (own(metadata='{"a": 2}'), "checksum"),
    "metadata no text": (own(metadata=3), "incomplete"),
    "metadata surrogate": (own(metadata='"\ud800"'), LIBRARY),
    "metadata a list": (lambda header: header.update(__metadata__=[]), "another origin"),
    "huge shape": (claim(shape=[2**62, 2**62]), LIBRARY),
    "huge shape that fits the file by overflow": (claim(shape=[2**32, 2**32, 3]), LIBRARY),
    "huge empty shape": (empty(shape=[0, 2**62, 2**62]), None),
    "empty shape beyond all integers": (empty(shape=[0, 2**64 - 1]), None),
    "too many dimensions": (claim(shape=[1] * 99 + [3]), "dimension"),
    "negative": (claim(shape=[-1, -3]), LIBRARY),
    "float shape": (claim(shape=[3.0]), LIBRARY),
    "boolean shape": (claim(shape=[True, 3]), LIBRARY),
    "text shape": (claim(shape="3"), LIBRARY),
    "huge offsets": (claim(data_offsets=[0, 2**70]), LIBRARY),
    "offsets that run backwards": (claim(data_offsets=[48, 24]), LIBRARY),
    "a gap": (claim(data_offsets=[25, 49]), LIBRARY),
    "an overlap": (claim(data_offsets=[0, 24]), LIBRARY),
    "three offsets": (claim(data_offsets=[0, 24, 48]), LIBRARY),
    "other dtype": (claim(dtype="BF16", shape=[12]), "unknown dtype"),
    "no such dtype": (claim(dtype="F31"), LIBRARY),
    "dtype a list": (claim(dtype=["F32"]), LIBRARY),
    "dtype of another size": (claim(dtype="F32"), LIBRARY),
    "dtype of the same size": (claim(dtype="I64"), "checksum"),
    "a list": (lambda header: header.update(b=[]), LIBRARY),
    "one array fewer": (lambda header: header.pop("b"), None),
    "renamed": (lambda header: header.update(c=header.pop("b")), "checksum"),
    "no object": (lambda header: "[1, 2]", "no JSON object"),
    "no JSON": (lambda header: "{", "no JSON"),
    "no UTF-8": (lambda header: b"\xff\xfe", "UTF-8"),
    "empty": (lambda header: b"", "no JSON"),
    "deep": (lambda header: "[" * 100_000, "JSON"),
    "twice": (lambda header: '{"b": 1,' + json.dumps(header)[1:], "stands twice"),
    "a number without end": (lambda header: "1" * 10_000, "no JSON|digits"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_header_is_refused(tmp_path, case):
    change, received = HOSTILE[case]
    path = tmp_path / "a"
    write_tensors(path, {"a": np.ones(3), "b": np.ones(3)}, {"a": 1}, kind="network")
    rebuild(path, change)
    with pytest.raises(FileFormatError, match=received) as caught:
        read_tensors(path, kind="network")
    assert str(path) in str(caught.value)
    assert "to do:" in str(caught.value)


def test_a_newer_version_says_upgrade(tmp_path):
    write_tensors(tmp_path / "a", {}, {}, kind="network")
    rebuild(tmp_path / "a", own(version="99"))
    with pytest.raises(NewerVersionError, match="Upgrade"):
        read_tensors(tmp_path / "a", kind="network")


def test_booleans_other_than_0_and_1_are_refused(tmp_path):
    write_tensors(tmp_path / "a", {"a": np.array([0, 2], np.uint8).view(bool)}, {}, kind="network")
    with pytest.raises(FileFormatError, match="booleans"):
        read_tensors(tmp_path / "a", kind="network")


def test_every_truncation_and_extension_is_refused(tmp_path):
    path = tmp_path / "a"
    write_tensors(path, {"a": np.ones(3), "e": np.zeros((0, 2))}, {}, kind="network")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        within_the_header = length < 8 + int.from_bytes(whole[:8], "little")
        with pytest.raises(FileFormatError, match="cut off" if within_the_header else LIBRARY):
            read_tensors(path, kind="network")
    path.write_bytes(whole + b"\0")
    with pytest.raises(FileFormatError, match=LIBRARY):
        read_tensors(path, kind="network")


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a"
    write_tensors(path, {"a": np.arange(3, dtype=np.float32), "b": np.bool_(1)}, {}, kind="network")
    whole = bytearray(path.read_bytes())
    for place in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            contents = read_tensors(path, kind="network")
        except FileFormatError:
            continue
        # Only a space of the header may become another white space.
        assert whole[place // 8] == ord(" ")
        assert contents.tensors["a"].tolist() == [0, 1, 2]


def test_a_claimed_size_takes_no_memory(tmp_path):
    """A header that claims 8 EiB, or to be that long itself, in a process of little memory."""
    path = tmp_path / "a"
    write_tensors(path, {"b": np.ones(3)}, {}, kind="network")
    rebuild(path, claim(shape=[2**59], data_offsets=[0, 2**62]))
    long_header = tmp_path / "b"
    long_header.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    program = """if True:
        import resource, sys
        from pullback.container import read_tensors
        from pullback.errors import FileFormatError
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for path in sys.argv[1:]:
            try:
                read_tensors(path, kind="network")
            except FileFormatError:
                print("refused")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert after - before < 20_000, (before, after)
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(long_header)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["refused"] * 2


def test_the_bytes_are_known(tmp_path):
    """Whatever version of the library writes them: files written before stay readable."""
    header = (
        '{"__metadata__": {"format": "pullback", "version": "1", "kind": "network", '
        r'"metadata": "{\"a\": 1}", "checksum": '
        '"515d809e31f87abceaa5e382e77432b832c9a036c6c517c5f7f98e7ac031933e"}, '
        '"mask": {"dtype": "BOOL", "shape": [], "data_offsets": [24, 25]}, '
        '"w": {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}}   '
    )
    data = np.arange(3).astype("<f8").tobytes() + b"\1"
    tensors = {"mask": np.bool_(1), "w": np.arange(3.0)}
    write_tensors(tmp_path / "a", tensors, {"a": 1}, kind="network")
    known = len(header).to_bytes(8, "little") + header.encode() + data
    assert (tmp_path / "a").read_bytes() == known


def test_a_panic_of_the_library_is_a_damaged_file(tmp_path, monkeypatch):
    class Panic(BaseException):
        pass

    def panic(content):
        raise Panic("index out of bounds")

    write_tensors(tmp_path / "a", {}, {}, kind="network")
    monkeypatch.setattr(safetensors, "deserialize", panic)
    with pytest.raises(FileFormatError, match="index out of bounds"):
        read_tensors(tmp_path / "a", kind="network")


def test_too_little_memory_is_an_error_and_not_the_end(tmp_path):
    """The library ends the process when it gets no memory: it is not called then."""
    path = tmp_path / "a"
    write_tensors(path, {"w": np.zeros(2_000_000)}, {}, kind="network")
    program = """if True:
        import resource, sys
        import numpy as np
        import safetensors.numpy
        from pullback.container import read_tensors, write_tensors
        from pullback.errors import FileFormatError, StorageError
        array = np.zeros(2_000_000)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 24 * 10**6,) * 2)
        try:
            write_tensors(sys.argv[1] + "b", {"w": array}, {}, kind="network")
        except StorageError as error:
            print("not written", "memory twice" in str(error))
        try:
            read_tensors(sys.argv[1], kind="network")
        except FileFormatError as error:
            print("not read", "memory twice" in str(error))
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["not written True", "not read True"], done.stderr
    assert os.listdir(tmp_path) == ["a"]


def test_nothing_heavy_is_imported():
    program = "import sys, pullback.container; print('safetensors' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
