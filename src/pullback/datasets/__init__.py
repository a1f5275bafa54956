"""The two small tables that come with the package.

`penguins`: species of 344 penguins, from four measurements, island, sex and year; 19 values are
missing. (Horst, Hill and Gorman, 2020, palmerpenguins; CC0.)

`auto-mpg`: fuel consumption of 392 cars, from eight columns. (Quinlan, 1993, UCI Machine Learning
Repository, by way of bokeh-sampledata; CC0.)
"""

from __future__ import annotations

from pathlib import Path

from pullback.errors import unknown

TARGETS = {"penguins": "species", "auto-mpg": "mpg"}
"""The column that each table is usually asked about."""

NAMES = tuple(TARGETS)


def path(name: str) -> Path:
    """Where the table called `name` lies as a CSV file.

    Raises:
        UnknownNameError: There is no such table; the nearest name is suggested.

    Example:
        >>> path("penguins").name
        'penguins.csv'
    """
    if name not in NAMES:
        raise unknown("dataset", name, NAMES)
    return Path(__file__).parent / f"{name}.csv"
