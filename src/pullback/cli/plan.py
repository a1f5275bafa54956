"""What `pullback train` is going to do: what was asked for, and a choice for all the rest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullback import datasets
from pullback.cli import looks
from pullback.cli.options import Named, words
from pullback.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    from pullback.data import Prepared
    from pullback.nn import Module
    from pullback.train.auto import Choice
    from pullback.train.progress import Shower

Asked = Mapping[str, Any]
READING = ("separator", "encoding", "missing")
DATA = (
    *("task", "split", "validation", "test", "group", "time_column", "weight"),
    *("drop_missing_target", "separator", "encoding", "window", "horizon", "skip_unreadable"),
    *("length", "unit", "size"),
)
OWN = ("architecture", "loss", "optimizer", "reasons")
PICTURES = ("image_size", "skip_unreadable")


@dataclasses.dataclass
class Plan:
    """A training that is about to begin.

    Attributes:
        file: What was read.
        target: The target columns that were named, if any.
        asked: What the user asked for, by option.
        prepared: The data, split and encoded.
        choice: Network and training, with the user's wishes put in.
        network: The network, without values.
        settings: What `fit` is given beside network and data.
    """

    file: Path
    target: list[str]
    asked: Asked
    prepared: Prepared
    choice: Choice
    network: Module
    settings: dict[str, Any]

    def tables(self) -> dict[str, dict[str, Any]]:
        """The settings as the tables of a TOML file, from which the same training follows."""
        target = self.target[0] if len(self.target) == 1 else self.target
        data = {"file": str(self.asked["file"]), "target": target, **_prepare_arguments(self.asked)}
        data.pop("seed", None)
        training = {**self.settings}
        training["optimizer"] = self.settings["optimizer"].to_config()
        for name in ("patience", "clip_norm"):  # whose absence would mean the usual number
            training[name] = "none" if self.settings[name] is None else self.settings[name]
        if "probes" in training:
            probes = training.pop("probes")
            training["probes"] = list(probes["patterns"]) or "none"
            training |= {"probe_every": probes["every"], "histograms": probes["histograms"]}
            training["sample_norms"] = probes["samples"]
        return {
            "data": {key: value for key, value in data.items() if value not in (None, [], {})},
            "network": self._network(),
            "training": training,
        }

    def _network(self) -> dict[str, Any]:
        config = self.choice.architecture.to_config()
        if config["name"] != "dense":
            return {"network": config}
        return {name: value for name, value in config.items() if name != "name"}

    def to_json(self) -> dict[str, Any]:
        """What was read and decided, as plain data."""
        from pullback.train import auto

        parameters = self.network.parameters().values()
        config = self.choice.architecture.to_config()
        return {
            "file": str(self.file),
            "data": {"classes": None, **self.prepared.summary()},
            "network": {
                "name": self.choice.architecture.name,
                "settings": {k: v for k, v in config.items() if k != "name"},
                "inputs": self.prepared.encoder.input_shape,
                "outputs": auto.outputs_of(self.prepared, self.settings["loss"]),
                "parameters": sum(p.size for p in parameters),
            },
            "training": self.tables()["training"],
            "reasons": dict(self.choice.reasons),
        }


def plan_of(asked: Asked, shower: Shower | None = None) -> Plan:
    """Read the data and settle every setting; nothing is written.

    Args:
        asked: What the user asked for, by option.
        shower: Shows what is being done; None shows nothing.

    Raises:
        PullbackError: The data or a setting cannot be used.
    """
    from pullback.train import auto
    from pullback.train.progress import progress

    shower = shower or progress("none")
    file, usual = find(str(asked["file"]))
    target = list(asked.get("target") or ([usual] if usual else []))
    with shower.doing(f"reading {file.name}"):
        source = _read(file, target, asked)
    target = _each(target, getattr(source, "names", ()))
    names: Any = target[0] if len(target) == 1 else target or None
    with shower.doing("preparing the rows"):
        prepared = auto.read_for(source, names, **_prepare_arguments(asked))
    choice = _chosen(auto.choose(prepared), asked)
    settings = _settings(choice, asked, prepared)
    network = choice.network(prepared, settings["loss"])
    return Plan(file, target, asked, prepared, choice, network, settings)


def prepared_of(settings: Mapping[str, Any], seed: int) -> Prepared:
    """The data of an earlier training, from the settings that its run keeps."""
    from pullback.train import auto

    rest = {key: value for key, value in settings.items() if key not in ("file", "target")}
    target = settings.get("target") or None
    source = _source(Path(settings["file"]), target, rest)
    if auto.is_drawn(source, target, rest):
        rest["seed"] = seed
    return auto.read_for(source, target, **rest)


def _source(file: Path, target: Any, options: Asked) -> Any:
    """The file as it is read: a text, else a table or arrays."""
    from pullback.data.reading import read
    from pullback.data.text import read_corpus
    from pullback.train import auto

    reading = {key: options[key] for key in READING if key in options}
    if auto.is_text(file, target):
        return read_corpus(file, **{k: v for k, v in reading.items() if k == "encoding"})
    pictures = {key: options[key] for key in PICTURES if options.get(key) is not None}
    if pictures.get("image_size"):
        pictures["image_size"] = tuple(pictures["image_size"])
    return read(file, **reading, **pictures)


def find(file: str) -> tuple[Path, str | None]:
    """The file that is meant, and its usual target: a shipped table goes by its name.

    Raises:
        DataError: A bare name that is neither a file nor a shipped table.
    """
    path = Path(file)
    if file in datasets.TARGETS and not os.path.isfile(path):
        return datasets.path(file), datasets.TARGETS[file]
    if path.name == file and not path.suffix and not os.path.lexists(path):
        guess = nearest(file, [*datasets.NAMES, *(p.name for p in Path().iterdir())])
        raise DataError(
            f"{file} must be a file, or one of the tables that come along",
            f"no such file; the tables are {', '.join(datasets.NAMES)}",
            f"Did you mean {guess}?" if guess else "Check the path.",
        )
    return path, None


def run_name(file: Path) -> str:
    """The name of a run on a file, without the file's endings."""
    name = file.name
    for ending in (".gz", ".csv", ".tsv", ".txt", ".parquet", ".pq", ".npz", ".arrow"):
        name = name.removesuffix(ending)
    return name or "run"


def _each(target: list[str], columns: Sequence[str]) -> list[str]:
    """The target columns, of which several may be named with commas between them."""
    split = [
        [name] if name in columns else [part.strip() for part in name.split(",")] for name in target
    ]
    return [
        part
        for name, parts in zip(target, split, strict=True)
        for part in (parts if set(parts) <= set(columns) else [name])
    ]


def _read(file: Path, target: list[str], asked: Asked) -> Any:
    from pullback.data import Table

    options = dict(asked)
    if options.get("separator") in ("tab", "\\t"):
        options["separator"] = "\t"
    found = _source(file, target, options)
    if not target and isinstance(found, Table):
        names = found.names
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise DataError(
            "the column to predict must be named",
            f"the columns {shown}",
            f"Add for instance --target {names[-1]!r}, if that is the one."
            if " " in names[-1]
            else f"Add for instance --target {names[-1]}, if that is the one.",
        )
    return found


def _prepare_arguments(asked: Asked) -> dict[str, Any]:
    """What `prepare` is given beside source and target; all but the seed may be repeated later."""
    from pullback.train import auto

    roles = dict(asked.get("roles") or ())
    for column in asked.get("drop") or ():
        if roles.get(column, "drop") != "drop":
            raise ConfigError(
                "a column must have one role",
                f"{column!r} as {roles[column]} and dropped",
                "Give --role or --drop, not both.",
            )
        roles[column] = "drop"
    found = {key: asked[key] for key in DATA if key in asked}
    if "missing" in asked:
        found["missing"] = list(asked["missing"])
    if "image_size" in asked:
        found["image_size"] = tuple(asked["image_size"])
    if roles:
        found["roles"] = roles
    if auto.is_drawn(str(asked["file"]), asked.get("target"), asked):
        found["seed"] = asked.get("seed", 0)
    return found


def _chosen(choice: Choice, asked: Asked) -> Choice:
    """The choice with the user's wishes in the place of its own."""
    from pullback.nn import activations
    from pullback.train import auto

    fields = {f.name for f in dataclasses.fields(choice)} - {*OWN, "metrics"}
    wishes = {key: asked[key] for key in fields & set(asked)}
    wishes = {key: None if value == "none" else value for key, value in wishes.items()}
    shape = {key: asked[key] for key in ("network", *auto.SHAPE) if key in asked}
    if isinstance(shape.get("network"), list):
        shape["hidden"] = shape.pop("network")
    if "activation" in shape:
        activations.get(shape["activation"])  # a wrong name is told of before anything else
    wishes["architecture"] = auto.shaped(choice.architecture, shape)
    optimizer = _optimizer(choice.optimizer, asked)
    if ("steps" in asked or "time" in asked) and "epochs" not in asked:
        wishes["epochs"] = None  # another budget was given
    reasons = dict.fromkeys(asked, "as asked for") | {
        key: why for key, why in choice.reasons.items() if key not in asked
    }
    return dataclasses.replace(choice, **wishes, optimizer=optimizer, reasons=reasons)


def _optimizer(usual: Any, asked: Asked) -> Any:
    """The optimizer: another one than the usual starts from its own settings."""
    from pullback import optim

    config = usual.to_config()
    if "optimizer" in asked:
        wish = dict(asked["optimizer"])
        other = optim.get({"name": wish.get("name", config["name"])})
        config = wish if other.name != usual.name else {**config, **wish}
        config.setdefault("name", usual.name)
    for key in ("learning_rate", "weight_decay"):
        if key in asked:
            config[key] = asked[key]
    if "schedule" in asked:
        config["schedule"] = optim.schedules.get(dict(asked["schedule"]))
    elif _endless(asked) and "schedule" not in asked.get("optimizer", {}):
        config["schedule"] = "constant"  # the others must know how many steps there will be
    return optim.get(config)


def _endless(asked: Asked) -> bool:
    """Whether the number of steps is not known before: only a time was given."""
    return "time" in asked and "epochs" not in asked and "steps" not in asked


def _settings(choice: Choice, asked: Asked, prepared: Prepared) -> dict[str, Any]:
    """What `fit` is given beside network and data."""
    from pullback import losses

    settings: dict[str, Any] = {
        "loss": losses.get(asked.get("loss", choice.loss)).to_config(),
        "optimizer": choice.optimizer,
        "batch_size": choice.batch_size,
        "epochs": choice.epochs,
        "patience": choice.patience,
        "monitor": choice.monitor,
        "clip_norm": choice.clip_norm,
        "seed": asked.get("seed", 0),
    }
    same = ("steps", "time", "until", "min_delta", "l1", "l2", "accumulate", "executor")
    more = ("checkpoint_steps", "shuffle", "restore_best", "clip_value", "clip_each_norm", "ema")
    settings |= {key: asked[key] for key in (*same, *more) if key in asked}
    if "constraints" in asked:
        settings["constraints"] = _constraints(asked["constraints"])
    if looks.OPTIONS & set(asked):
        settings["probes"] = looks.asked_for(asked)
    _check(settings, prepared)
    if "metrics" in asked or choice.metrics is not None:
        settings["metrics"] = words(asked.get("metrics", choice.metrics))
    if "class_weight" in asked:
        settings["class_weight"] = _class_weight(asked["class_weight"], prepared)
    return settings


def _constraints(given: Any) -> Any:
    """Constraints as plain data, by patterns of paths."""
    from pullback.optim import constraints

    named = Named()
    return constraints.checked(
        {pattern: named.convert(value, None, None) for pattern, value in given}
    )


def _check(settings: Mapping[str, Any], prepared: Prepared) -> None:
    """Raise ConfigError for a setting that cannot be used, before anything is shown."""
    from pullback.train.settings import Settings, check_together
    from pullback.train.until import Until

    made = Settings(**{k: v for k, v in settings.items() if k not in ("loss", "optimizer")})
    check_together(settings["optimizer"], made)
    if "until" in settings:
        task: Any = prepared.task
        Until.parse(settings["until"], task=task, validation=len(prepared.validation) > 0)


def _class_weight(given: Any, prepared: Prepared) -> Any:
    """`balanced`, or a weight by the class's label."""
    from pullback.data.targets import label_text
    from pullback.errors import unknown

    if tuple(given) == ("balanced",):
        return "balanced"
    labels = {label_text(label): label for label in prepared.encoder.target.classes}
    weights = {}
    for item in given:
        name, equals, weight = item.rpartition("=")
        if not equals:
            raise ConfigError(
                "a class weight must be 'balanced' or CLASS=WEIGHT",
                repr(item),
                "Write for instance --class-weight yes=2.",
            )
        if name not in labels:
            raise unknown("class", name, labels)
        try:
            weights[labels[name]] = float(weight)
        except ValueError:
            raise ConfigError(
                "the weight of a class must be a number", repr(item), "Write for instance yes=2."
            ) from None
    return weights
