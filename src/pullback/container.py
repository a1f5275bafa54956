"""Checked tensor files: arrays and JSON metadata in one safetensors file.

The layout is safetensors, so that any reader of that format opens the file:

    8 bytes   length of the header, little-endian
    header    JSON: name -> dtype, shape, data_offsets; "__metadata__" -> strings
    data      the arrays, one after the other without gaps

Ours adds, under "__metadata__": `format`, `version`, `kind`, `metadata` (JSON) and `checksum`, the
SHA-256 of all of that and of every array's name, dtype, shape and bytes.

References:
    Hugging Face (2022), "Safetensors: a simple and safe format for storing tensors".
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pullback.document import LIMIT, canonical, check_version, damaged, parse_json, to_json
from pullback.errors import ConfigError, DtypeError, FileFormatError
from pullback.files import atomic_write, open_regular

FORMAT = "pullback"
VERSION = 1
MAX_DIMENSIONS = 32
MAX_BYTES = 2**63 - 1

Array = NDArray[Any]

DTYPES = {
    "BOOL": np.dtype("bool"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
CODES = {dtype: code for code, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Contents:
    """What a tensor file holds.

    Attributes:
        tensors: The arrays by name, in the order in which they were given; each is writable,
            owns its memory and has the machine's byte order.
        metadata: The JSON metadata.
        checksum: The file's SHA-256, in hexadecimal digits.
    """

    tensors: dict[str, Array]
    metadata: dict[str, Any]
    checksum: str


@dataclass(frozen=True)
class _Entry:
    name: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Array],
    metadata: Mapping[str, Any],
    *,
    kind: str,
) -> str:
    """Write arrays and metadata as one checked file, whole or not at all.

    Args:
        path: The file; one that stands there is replaced only when the new one is on the disk.
        tensors: Arrays of booleans, integers or floats by name, of any shape.
        metadata: Plain JSON values.
        kind: What the file is ("network", "checkpoint", ...); reading demands the same.

    Returns:
        The checksum, in hexadecimal digits.

    Raises:
        DtypeError: An array of text, objects or complex numbers.
        ConfigError: A name or metadata that cannot be stored.
        StorageError: The file cannot be written.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> _ = write_tensors(path, {"0.weight": np.eye(2)}, {"task": "demo"}, kind="network")
        >>> read_tensors(path, kind="network").tensors["0.weight"]
        array([[1., 0.],
               [0., 1.]])
    """
    arrays = {_checked_name(name): _little(name, array) for name, array in tensors.items()}
    text = to_json(metadata)
    checksum = _checksum(VERSION, kind, text, arrays)
    header: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT,
            "version": str(VERSION),
            "kind": kind,
            "metadata": text,
            "checksum": checksum,
        }
    }
    header |= {name: {} for name in arrays}  # keeps the caller's order, whatever the layout
    # The widest dtypes come first: every array then starts at a multiple of its item size.
    layout = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    offset = 0
    for name in layout:
        array = arrays[name]
        header[name] = {
            "dtype": CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    encoded = to_json(header).encode("ascii")
    encoded += b" " * (-len(encoded) % 8)
    with atomic_write(path) as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for name in layout:
            file.write(_bytes(arrays[name]))
    return checksum


def read_tensors(path: str | os.PathLike[str], *, kind: str) -> Contents:
    """Read a file that `write_tensors` made; every claim in it is checked before it is believed.

    Args:
        path: The file.
        kind: What it must be.

    Raises:
        FileFormatError: The file is missing, damaged, something else, or made by a newer version.
    """
    try:
        with open_regular(path) as (file, size):
            header, start = _read_header(file, size)
            own = _own_metadata(path, kind, header)
            entries = list(_entries(header, size - start))
            tensors = {entry.name: _read_array(file, start, entry) for entry in entries}
        checksum = _checksum(VERSION, kind, own["metadata"], tensors)
        if checksum != own.get("checksum"):
            raise ValueError("its checksum does not fit: some bytes were changed or damaged")
        metadata = parse_json(own["metadata"].encode("utf-8"))
        if not isinstance(metadata, dict):
            raise ValueError("metadata that is no JSON object")
    except ValueError as error:
        raise damaged(path, kind, str(error)) from error
    except MemoryError as error:
        raise FileFormatError(
            f"{path} must fit into memory",
            f"{os.path.getsize(path):,} bytes",
            "Free some memory, or use a larger machine.",
        ) from error
    native = {name: _native(array) for name, array in tensors.items()}
    return Contents(native, metadata, checksum)


def _read_header(file: IO[bytes], size: int) -> tuple[dict[str, Any], int]:
    """The header and where the data start; its length is believed only within the file."""
    if size < 8:
        raise ValueError(f"{size} bytes, too few for a header")
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8:
        raise ValueError(
            f"a header of {length:,} bytes in a file of {size:,}: cut off, or no tensor file"
        )
    if length > LIMIT:
        raise ValueError(f"a header of {length:,} bytes, where {LIMIT:,} is the limit")
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("a header that is no JSON object")
    return header, 8 + length


def _own_metadata(
    path: str | os.PathLike[str], kind: str, header: dict[str, Any]
) -> dict[str, str]:
    """Our strings in the header, after the checks of format, version and kind."""
    own = header.pop("__metadata__", None)
    if not isinstance(own, dict) or own.get("format") != FORMAT:
        raise FileFormatError(
            f"{path} must be a file that pullback wrote",
            "a safetensors file of another origin",
            "Read its arrays with the safetensors package and set them yourself.",
        )
    if not all(isinstance(value, str) for value in own.values()) or "metadata" not in own:
        raise ValueError("metadata that are incomplete")
    version = own.get("version", "")
    usable = version.isascii() and version.isdigit() and len(version) < 10
    check_version(path, int(version) if usable else version, VERSION)
    if own.get("kind") != kind:
        raise FileFormatError(
            f"{path} must be a pullback {kind} file",
            f"a {own.get('kind', '')[:40]} file",
            f"Name a {kind} file.",
        )
    return own


def _entries(header: dict[str, Any], room: int) -> Iterator[_Entry]:
    """The arrays that the header claims, in its order, if together they fill the data exactly."""
    entries = [_entry(name, claim) for name, claim in header.items()]
    position = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != position:
            raise ValueError(
                f"array {entry.name[:80]!r} does not start where the one before it ends"
            )
        position = entry.end
    if position != room:
        raise ValueError(
            f"arrays of {position:,} bytes in {room:,} bytes of data: cut off or extended"
        )
    yield from entries


def _entry(name: str, claim: object) -> _Entry:
    """One array's claim, if it is consistent in itself."""
    shown = name[:80]
    if not isinstance(claim, dict) or set(claim) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {shown!r} lacks dtype, shape or data_offsets")
    code, shape, offsets = claim["dtype"], claim["shape"], claim["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(f"array {shown!r} has the unknown dtype {code!r:.40}")
    if not _counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"array {shown!r} has the impossible shape {shape!r:.80}")
    if not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"array {shown!r} has the impossible place {offsets!r:.80}")
    # NumPy refuses an overflow among the other dimensions even where one of them is 0.
    if math.prod(max(length, 1) for length in shape) * DTYPES[code].itemsize > MAX_BYTES:
        raise ValueError(f"array {shown!r} has the impossible shape {shape!r:.80}")
    if math.prod(shape) * DTYPES[code].itemsize != offsets[1] - offsets[0]:
        raise ValueError(
            f"array {shown!r} of shape {shape!r:.80} does not fit its place {offsets!r:.80}"
        )
    return _Entry(name, code, tuple(shape), offsets[0], offsets[1])


def _counts(value: object) -> bool:
    """Whether `value` is a list of numbers that can count bytes or elements."""
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= MAX_BYTES
        for item in value
    )


def _read_array(file: IO[bytes], start: int, entry: _Entry) -> Array:
    array = np.empty(entry.shape, DTYPES[entry.code])
    file.seek(start + entry.begin)
    if file.readinto(_bytes(array)) != array.nbytes:  # type: ignore[attr-defined]
        raise ValueError("the file became shorter while it was read")
    if entry.code == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"array {entry.name[:80]!r} holds booleans other than 0 and 1")
    return array


def _checksum(version: int, kind: str, metadata: str, arrays: Mapping[str, Array]) -> str:
    """SHA-256 over everything that the file says, in one order whatever the layout."""
    digest = hashlib.sha256()

    def part(content: bytes) -> None:  # with its length, so that no two parts can be confused
        digest.update(len(content).to_bytes(8, "little") + content)

    part(canonical([FORMAT, version, kind, metadata]))
    for name in sorted(arrays):
        array = arrays[name]
        part(canonical([name, CODES[array.dtype], array.shape]))
        digest.update(_bytes(array))
    return digest.hexdigest()


def _checked_name(name: str) -> str:
    # Surrogates, which are not UTF-8, are not printable either.
    if name in ("", "__metadata__") or not str(name).isprintable() or name != str(name):
        raise ConfigError(
            "the name of an array must be printable text other than '__metadata__'",
            f"{name!r:.80}",
            "Give the array another name.",
        )
    return name


def _little(name: str, value: Array) -> Array:
    """`value` as a contiguous little-endian array of a dtype that the format knows."""
    array = np.asarray(value, order="C")
    dtype = array.dtype.newbyteorder("<")
    if dtype not in CODES:
        raise DtypeError(
            f"array {name!r} must hold booleans, integers or floats of 16 to 64 bits",
            f"dtype {array.dtype}",
            "Convert it with .astype(...), or encode it as numbers.",
        )
    return array.astype(dtype, copy=False)


def _native(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _bytes(array: Array) -> memoryview:
    """The memory of a contiguous array as bytes, without a copy."""
    return array.reshape(-1).view(np.uint8).data
