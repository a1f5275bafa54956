"""Image files, as one array of bytes: read with Pillow, which is an extra.

All pictures of a set have one size and one number of channels: grey where all of them are grey,
else red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pullback.errors import ConfigError, DataError
from pullback.memory import must_fit

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
GREY_MODES = ("1", "L", "LA")
NAMED = 3

Size = tuple[int, int]


def is_picture(path: Path) -> bool:
    """Whether a file is named as a picture is.

    Example:
        >>> is_picture(Path("cat.PNG")), is_picture(Path("notes.txt"))
        (True, False)
    """
    return path.suffix.casefold() in ENDINGS and not path.name.startswith(".")


def read_pictures(
    paths: Sequence[Path],
    *,
    size: Size | None = None,
    channels: int | None = None,
    skip_unreadable: bool = False,
) -> tuple[NDArray[np.uint8], list[int]]:
    """Read pictures into one array.

    Args:
        paths: The files.
        size: (height, width) to which each is resized; None where all have one size.
        channels: 1 for grey, 3 for colour; None takes grey where all pictures are grey.
        skip_unreadable: Leave out files that cannot be read, instead of refusing them.

    Returns:
        The pictures, and the places of `paths` that they come from.

    Shape:
        pictures: (rows, height, width, channels)

    Raises:
        DataError: A file cannot be read, or sizes differ and none is asked for.
        ConfigError: Pillow is not installed, or a setting out of range.
    """
    _check_settings(size, channels)
    known, unreadable = _looked_at(paths)
    if unreadable and not skip_unreadable:
        raise _unreadable(unreadable, len(paths))
    if not known:
        raise DataError("some picture must be readable", f"none of {len(paths)}", "Check them.")
    height, width = size or _one_size(paths, known)
    wanted = channels or (1 if all(mode in GREY_MODES for _, mode in known.values()) else 3)
    must_fit(len(known) * height * width * wanted, "the pictures", "Give a smaller image size.")
    pictures = np.empty((len(known), height, width, wanted), np.uint8)
    kept: list[int] = []
    for place in known:
        try:
            pictures[len(kept)] = _pixels(paths[place], (height, width), wanted)
        except Exception as error:  # what Pillow makes of damaged bytes is of every kind
            unreadable[paths[place]] = str(error)
            if not skip_unreadable:
                raise _unreadable(unreadable, len(paths)) from None
            continue
        kept.append(place)
    return pictures[: len(kept)], kept


def _check_settings(size: Any, channels: Any) -> None:
    whole = isinstance(size, tuple) and len(size) == 2 and all(isinstance(n, int) for n in size)
    if size is not None and not (whole and min(size) >= 1):
        raise ConfigError(
            "an image size must be (height, width), whole numbers of 1 or more",
            repr(size),
            "Pass for instance (32, 32).",
        )
    if channels not in (None, 1, 3):
        raise ConfigError("pictures have 1 or 3 channels", repr(channels), "Use 1 for grey.")


def _opened(path: Path) -> Image:
    try:
        from PIL import Image
    except ImportError:
        raise ConfigError(
            "image files are read with Pillow",
            "Pillow is not installed",
            "Install it: pip install 'pullback[images]'.",
        ) from None
    return Image.open(path)


def _looked_at(paths: Sequence[Path]) -> tuple[dict[int, tuple[Size, str]], dict[Path, str]]:
    """Size and mode of each picture, by its place, and why some have none."""
    known: dict[int, tuple[Size, str]] = {}
    unreadable: dict[Path, str] = {}
    for place, path in enumerate(paths):
        try:
            with _opened(path) as picture:
                known[place] = (picture.height, picture.width), picture.mode
        except ConfigError:
            raise
        except Exception as error:  # what Pillow makes of damaged bytes is of every kind
            unreadable[path] = str(error)
    return known, unreadable


def _pixels(path: Path, size: Size, channels: int) -> NDArray[np.uint8]:
    """The bytes of one picture: (height, width, channels)."""
    with _opened(path) as picture:
        plain = picture.convert("L" if channels == 1 else "RGB")
        if (plain.height, plain.width) != size:
            plain = plain.resize((size[1], size[0]))
        return np.asarray(plain, np.uint8).reshape(*size, channels)


def _one_size(paths: Sequence[Path], known: dict[int, tuple[Size, str]]) -> Size:
    sizes = {size: place for place, (size, _) in reversed(known.items())}
    if len(sizes) > 1:
        (first, a), (second, b) = list(sizes.items())[:2]
        raise DataError(
            "all pictures must have one size, or an image size be given",
            f"{len(sizes)} sizes: {paths[a].name} is {first[0]} x {first[1]} (height x width), "
            f"{paths[b].name} is {second[0]} x {second[1]}",
            "Say to which size they are resized: image_size=(64, 64), or --image-size 64x64.",
        )
    return next(iter(sizes))


def _unreadable(found: dict[Path, str], count: int) -> DataError:
    named = "; ".join(f"{path} ({why[:80]})" for path, why in list(found.items())[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return DataError(
        "every picture must be readable",
        f"{len(found)} of {count} cannot be read: {named}{more}",
        "Remove or mend them, or have them left out: skip_unreadable=True, --skip-unreadable.",
    )
