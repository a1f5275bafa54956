"""Checked tensor files: arrays and JSON metadata in one safetensors file.

The safetensors library lays the arrays out and checks what it reads. Ours adds, under
"__metadata__": `format`, `version`, `kind`, `metadata` (JSON) and `checksum`, the SHA-256 of all
of that and of every array's name, dtype, shape and bytes.

The header alone (8 bytes with its length, then JSON) is also handled here. The library writes
"__metadata__" in random order and arrays by dtype; in the given order, equal contents make equal
bytes. And it reads "__metadata__" only from a path that it maps, where a failing disk or a file
cut meanwhile would end the process.

References:
    Hugging Face (2022), "Safetensors: a simple and safe format for storing tensors".
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pullback.document import LIMIT, canonical, check_version, damaged, parse_json, to_json
from pullback.errors import ConfigError, DtypeError, FileFormatError, StorageError
from pullback.files import atomic_write, open_regular

FORMAT = "pullback"
VERSION = 1

Array = NDArray[Any]

T = TypeVar("T")

DTYPES = {"BOOL": np.dtype("bool")} | {
    f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}")
    for kind, sizes in {"u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}.items()
    for size in sizes
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
        StorageError: The file cannot be written, or is too large.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> _ = write_tensors(path, {"0.weight": np.eye(2)}, {"task": "demo"}, kind="network")
        >>> read_tensors(path, kind="network").tensors["0.weight"]
        array([[1., 0.],
               [0., 1.]])
    """
    from safetensors.numpy import save

    arrays = {_checked_name(name): _little(name, array) for name, array in tensors.items()}
    text = to_json(metadata)
    checksum = _checksum(kind, text, arrays)
    own = {
        "format": FORMAT,
        "version": str(VERSION),
        "kind": kind,
        "metadata": text,
        "checksum": checksum,
    }
    size = sum(array.nbytes for array in arrays.values())
    try:
        content = _call(save, arrays, own, room=2 * size)
        rest = io.BytesIO(content)
        claims = _read_header(rest, len(content))
    except (MemoryError, ValueError) as error:
        raise StorageError(
            f"{path} must fit into memory twice, and all but the arrays in {LIMIT:,} bytes",
            f"{size:,} bytes of arrays: {error}",
            "Free some memory, or save less in one file.",
        ) from error
    header = to_json({"__metadata__": own} | {name: claims[name] for name in arrays})
    encoded = header.encode("ascii") + b" " * (-len(header) % 8)
    with atomic_write(path) as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        file.write(memoryview(content)[rest.tell() :])
    return checksum


def read_tensors(path: str | os.PathLike[str], *, kind: str) -> Contents:
    """Read a file that `write_tensors` made; every claim in it is checked before it is believed.

    Args:
        path: The file.
        kind: What it must be.

    Raises:
        FileFormatError: The file is missing, damaged, something else, or made by a newer version.
    """
    with open_regular(path) as (file, size):
        try:
            return _read(path, kind, file, size)
        except (ValueError, OverflowError) as error:
            raise damaged(path, kind, str(error)) from error
        except MemoryError as error:
            raise FileFormatError(
                f"{path} must fit into memory twice", f"{size:,} bytes", "Free some memory."
            ) from error


def _read(path: str | os.PathLike[str], kind: str, file: IO[bytes], size: int) -> Contents:
    header = _read_header(file, size)
    own = _own_metadata(path, kind, header)
    file.seek(0)
    arrays = _arrays(file.read(size))
    if arrays.keys() != header.keys():
        raise ValueError("it changed while it was read")
    checksum = _checksum(kind, own["metadata"], arrays)
    if checksum != own.get("checksum"):
        raise ValueError("its checksum does not fit: some bytes were changed or damaged")
    metadata = parse_json(own["metadata"].encode("utf-8"))
    if not isinstance(metadata, dict):
        raise ValueError("metadata that is no JSON object")
    # One after the other, so that the library's memory is freed as ours is filled.
    native = {name: arrays[name].dtype.newbyteorder("=") for name in header}
    tensors = {name: arrays.pop(name).astype(dtype) for name, dtype in native.items()}
    return Contents(tensors, metadata, checksum)


def _read_header(file: IO[bytes], size: int) -> dict[str, Any]:
    """The header, at the start of the file; its length is believed only within the file."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, LIMIT):
        raise ValueError(
            f"a header of {length:,} bytes in a file of {size:,}: cut off, or no tensor file"
        )
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("a header that is no JSON object")
    return header


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


def _arrays(content: bytes) -> dict[str, Array]:
    """The arrays of a file's content, after the library's checks of what the header claims."""
    from safetensors import deserialize

    arrays = {}
    for name, view in _call(deserialize, content, room=len(content)):
        if view["dtype"] not in DTYPES:
            raise ValueError(f"array {name[:80]!r} has the unknown dtype {view['dtype']}")
        array = np.frombuffer(view["data"], DTYPES[view["dtype"]]).reshape(view["shape"])
        if array.dtype == bool and array.view(np.uint8).max(initial=0) > 1:
            raise ValueError(f"array {name[:80]!r} holds booleans other than 0 and 1")
        arrays[name] = array
    return arrays


def _call(function: Callable[..., T], *arguments: object, room: int) -> T:
    """Call the library; whatever it raises, its panics included, becomes a `ValueError`.

    Without `room` bytes of memory to work in, it would end or hang the process: that is tried
    first, and is a `MemoryError`.
    """
    np.empty(room + 2**20, np.uint8)
    try:
        return function(*arguments)
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic is no Exception
        raise ValueError(str(error)) from error


def _checksum(kind: str, metadata: str, arrays: Mapping[str, Array]) -> str:
    """SHA-256 over everything that the file says, in one order whatever the layout."""
    digest = hashlib.sha256()

    def part(content: bytes) -> None:  # with its length, so that no two parts can be confused
        digest.update(len(content).to_bytes(8, "little") + content)

    part(canonical([FORMAT, VERSION, kind, metadata]))
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


def _bytes(array: Array) -> memoryview:
    """The memory of a contiguous array as bytes, without a copy."""
    return array.reshape(-1).view(np.uint8).data
