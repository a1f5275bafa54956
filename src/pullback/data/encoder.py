"""The encoder: raw rows in, features and targets out; fitted once, on training rows only."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from pullback.data.arrays import Arrays
from pullback.data.fields import Fields, damaged, parse
from pullback.data.images import ImageInputs
from pullback.data.reading import read
from pullback.data.roles import ColumnRole
from pullback.data.series import SeriesInputs
from pullback.data.table import Table
from pullback.data.table_inputs import TableInputs
from pullback.data.targets import Target
from pullback.data.text import Corpus, TextInputs, read_corpus
from pullback.errors import DataError, FileFormatError

FORMAT, VERSION = "pullback-encoder", 1
KINDS: dict[str, Any] = {
    "table": TableInputs,
    "images": ImageInputs,
    "series": SeriesInputs,
    "text": TextInputs,
}


@dataclasses.dataclass(frozen=True)
class Report:
    """What an encoder met in new rows.

    Args:
        rows: The number of rows.
        unseen: For each column with any, how many rows hold a value unknown from training.
        missing: For each column with any, how many rows hold no value.
        warnings: Sentences for the user.
    """

    rows: int
    unseen: Mapping[str, int]
    missing: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Encoder:
    """Everything that turns raw rows into what a network takes.

    Args:
        inputs: How the features are encoded: columns of a table, or whole arrays.
        target: How the target is encoded.
        roles: The role of each column at training.
        missing: Words read as missing beside the usual ones.

    Example:
        >>> from pullback.data import prepare
        >>> prepared = prepare({"x": [1.0, 2.0, 3.0], "y": [1.5, 2.5, 3.25]}, "y", test=0,
        ...     validation=0)
        >>> again = Encoder.from_json(prepared.encoder.to_json())
        >>> again.features({"x": [2.0]}).tolist()
        [[0.0]]
    """

    inputs: TableInputs | ImageInputs | SeriesInputs | TextInputs
    target: Target
    roles: tuple[ColumnRole, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def feature_names(self) -> list[str]:
        """The names of the features, in order."""
        return self.inputs.feature_names

    @property
    def feature_columns(self) -> list[str]:
        """For each feature, the column that it comes from."""
        return self.inputs.feature_columns

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row of features."""
        return self.inputs.shape

    def read(self, source: Any, **options: Any) -> Table | Arrays | Corpus:
        """Read new rows as the training rows were read; `options` go to `read_table`."""
        if isinstance(self.inputs, TextInputs):
            return read_corpus(source, options.get("encoding", "utf-8"))
        return read(source, **({"missing": self.missing, **self.inputs.reading} | options))

    def features(self, source: Any) -> NDArray[Any]:
        """The features of raw rows.

        Args:
            source: A table, or anything that `read_table` takes. The target may be absent,
                further columns are ignored, and the order of the columns does not matter.

        Shape:
            Returns: (rows, features), or (rows, *shape) for arrays kept whole, windows of a
                series and windows of tokens

        Raises:
            DataError: A column is missing or holds what it must not.
        """
        found: Any = self.read(source)  # what `read` gives is what the inputs take
        return self.inputs.encode(found)

    def targets(self, source: Any) -> NDArray[Any]:
        """The encoded targets of raw rows.

        Shape:
            Returns: (rows,) int64 class indices, or (rows, outputs) float32

        Raises:
            DataError: The target is absent, or a value is missing or unknown.
        """
        return self.examples(source)[1]

    def examples(self, source: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Features and targets of raw rows whose answers are known.

        Of a series these are the windows that something follows; of a text, windows of tokens
        and the token after each.

        Shape:
            Returns: x as `features`; y (rows,) int64 class indices, (rows, outputs) float32
                values, or (rows, length) tokens

        Raises:
            DataError: The target is absent, or a value is missing or unknown.
        """
        found: Any = self.read(source)  # what `read` gives is what the inputs take
        if isinstance(self.inputs, TextInputs):
            return self.inputs.examples(found)
        table: Any = found.target_table() if isinstance(found, Arrays) else found
        if table is None:
            raise DataError("the data must hold a target", "features only", "Pass (X, y).")
        goal = self.inputs.target if isinstance(self.inputs, SeriesInputs) else self.target
        x, y = self.inputs.examples(self.features(found), goal.encode(table))
        return x, y

    def report(self, source: Any) -> Report:
        """Count unseen and missing values in raw rows, and name what was ignored."""
        found: Any = self.read(source)  # what `read` gives is what the inputs take
        unseen, missing = self.inputs.count(found)
        warnings = []
        if isinstance(found, Table):
            known = {role.name for role in self.roles}
            extra = [name for name in found.names if name not in known]
            if extra and known:
                names = ", ".join(map(repr, extra[:5])) + (", ..." if len(extra) > 5 else "")
                warnings.append(f"ignored, as not known from training: {names}")
        for name, count in unseen.items():
            rows = "row holds" if count == 1 else "rows hold"
            warnings.append(f"{name!r}: {count} {rows} a value that training rows did not")
        return Report(found.rows, unseen, missing, tuple(warnings))

    def to_json(self) -> str:
        """The encoder as JSON; `from_json` gives an encoder with the same bits back."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "inputs": self.inputs.content(),
            "target": self.target.content(),
            "roles": [dataclasses.asdict(role) for role in self.roles],
            "missing": list(self.missing),
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Encoder:
        """Read an encoder; nothing in the text is executed or trusted.

        Raises:
            FileFormatError: The text is no encoder, is damaged, or was written by a newer
                version.
        """
        fields = Fields(parse(text, "a stored encoder"), "a stored encoder")
        fields.text("format", (FORMAT,))
        version = fields.get("version")
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise damaged("'version' of a stored encoder must be a whole number", version)
        if version > VERSION:
            raise FileFormatError(
                f"a stored encoder must be of version {VERSION} or older",
                f"version {version}",
                "Install the version of the library that wrote it.",
            )
        target = Target.read(Fields(fields.get("target"), "a stored target"))
        inputs = Fields(fields.get("inputs"), "the stored inputs")
        made = KINDS[inputs.text("kind", tuple(KINDS))].read(inputs)
        roles = tuple(_role(role) for role in fields.list("roles"))
        return cls(made, target, roles, fields.texts("missing"))


def _role(content: object) -> ColumnRole:
    fields = Fields(content, "a stored role")
    return ColumnRole(*(fields.text(name) for name in ("name", "role", "reason", "detail")))


def with_details(roles: Sequence[ColumnRole], inputs: TableInputs) -> list[ColumnRole]:
    """The roles, each feature's with how it is encoded."""
    details = {column.name: column.describe() for column in inputs.columns}
    return [dataclasses.replace(role, detail=details.get(role.name, role.detail)) for role in roles]
