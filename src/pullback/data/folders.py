"""A folder as data: pictures in one folder a class, or the IDX files of MNIST and its kin."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays, pair
from pullback.data.file_bytes import idx_array
from pullback.data.idx import paired
from pullback.data.pictures import Size, is_picture, read_pictures
from pullback.data.splits import PART_NAMES
from pullback.errors import DataError


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pictures of a folder.

    Args:
        files: The files, class by class, in the order of their names.
        labels: The class of each; empty where the folder has no classes.
        parts: The part (train, validation, test) of each, where their maker set them apart.
    """

    files: tuple[Path, ...]
    labels: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def holds_pictures(folder: Path) -> bool:
    """Whether a folder is one of pictures or of IDX files, and not one of tables."""
    here = list(folder.iterdir())
    if paired([path.name for path in here if path.is_file()]) or any(map(is_picture, here)):
        return True
    return any(is_picture(file) for sub in here if sub.is_dir() for file in sub.rglob("*"))


def read_folder(
    folder: Path,
    *,
    image_size: Size | None = None,
    channels: int | None = None,
    skip_unreadable: bool = False,
) -> Arrays:
    """The pictures of a folder with their classes.

    The classes are the names of the folders inside; `train` and `test` may stand above them.
    Pictures without such folders have no classes: they can be predicted. A folder of IDX files
    (`train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`, `t10k-...`) is read as such.

    Args:
        folder: The folder.
        image_size: (height, width) to which each picture is resized.
        channels: 1 for grey, 3 for colour; found from the pictures when None.
        skip_unreadable: Leave out files that cannot be read, instead of refusing them.

    Shape:
        x: (rows, height, width, channels), bytes; (rows, height, width) from IDX files

    Raises:
        DataError: The folder holds neither, or a file cannot be read.
        ConfigError: Pillow is not installed.
    """
    names = [path.name for path in folder.iterdir() if path.is_file()]
    pairs = paired(names)
    if pairs:
        return _read_idx(folder, pairs)
    listing = list_pictures(folder)
    pictures, kept = read_pictures(
        listing.files, size=image_size, channels=channels, skip_unreadable=skip_unreadable
    )
    files = tuple(str(listing.files[i].relative_to(folder)) for i in kept)
    labels = np.array([listing.labels[i] for i in kept]) if listing.labels else None
    part = np.array([listing.parts[i] for i in kept]) if listing.parts else None
    return Arrays(
        pictures,
        labels,
        folder.name,
        apart(part, "test"),
        validation=apart(part, "validation"),
        names=files,
        left_out=len(listing.files) - len(kept),
    )


def read_picture(
    file: Path,
    *,
    image_size: Size | None = None,
    channels: int | None = None,
    skip_unreadable: bool = False,
) -> Arrays:
    """One picture, as the only row; the settings are those of `read_folder`."""
    pictures, _ = read_pictures([file], size=image_size, channels=channels)
    return Arrays(pictures, None, file.name, names=(file.name,))


def apart(part: NDArray[np.str_] | None, name: str) -> NDArray[np.bool_] | None:
    """Which rows belong to a part that their maker set apart; None where there is none."""
    chosen = None if part is None else part == name
    return chosen if chosen is not None and chosen.any() and not chosen.all() else None


def list_pictures(folder: Path) -> Listing:
    """Find the pictures of a folder and their classes.

    Raises:
        DataError: There are none, or a class beside the parts.
    """
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    parts = {p: PART_NAMES[p.name.casefold()] for p in inside if p.name.casefold() in PART_NAMES}
    if parts and len(parts) == len(inside):
        rows = [
            (file, label, part) for sub, part in parts.items() for file, label in _by_class(sub)
        ]
        if rows:
            return Listing(*zip(*rows, strict=True))
    found = _by_class(folder)
    if found:
        return Listing(*zip(*found, strict=True))
    bare = tuple(sorted(path for path in folder.iterdir() if is_picture(path)))
    if not bare:
        shown = ", ".join(sorted(p.name for p in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{folder} must hold pictures in one folder a class, or IDX files",
            shown,
            "Arrange it as FOLDER/cats/1.png, FOLDER/dogs/1.png.",
        )
    return Listing(bare)


def _by_class(folder: Path) -> list[tuple[Path, str]]:
    """The pictures in the folders of a folder, with those folders' names."""
    return [
        (file, sub.name)
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".")
        for file in sorted(sub.rglob("*"))
        if is_picture(file)
    ]


def _read_idx(folder: Path, pairs: list[tuple[str, str, bool]]) -> Arrays:
    xs, ys, test = [], [], []
    for images, labels, for_test in pairs:
        read = pair(idx_array(folder / images), idx_array(folder / labels), images)
        xs.append(read.x)
        ys.append(np.asarray(read.y))
        test += [for_test] * read.rows
    shapes = {x.shape[1:] for x in xs}
    if len(shapes) > 1:
        raise DataError(
            "the images of all IDX files must have one shape",
            " and ".join(map(str, sorted(shapes))),
            "Keep files of one data set in the folder.",
        )
    part = np.where(np.array(test), "test", "train")
    return pair(np.concatenate(xs), np.concatenate(ys), folder.name, apart(part, "test"))
