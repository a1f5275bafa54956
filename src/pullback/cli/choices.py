"""What `pullback train` shows before it begins: what it read, and every choice with its flag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.cli import output
from pullback.cli.closing import duration
from pullback.writing import counted

if TYPE_CHECKING:
    from pullback.cli.plan import Plan

MOST_COLUMNS = 30
FEATURES = ("numeric", "categorical", "boolean", "date", "text")


def show_choices(plan: Plan) -> None:
    """Print the columns with their roles, and the settings with the flags that change them."""
    summary = plan.prepared.summary()
    target = ", ".join(summary["target"])
    about = f"{summary['task']}, since it holds {summary['task_reason']}"
    if summary["task_reason"] in ("as asked for", "several target columns"):
        about = f"{summary['task']}, {summary['task_reason']}"
    blocks: list[Any] = [
        output.heading(f"{summary['source']}: {counted(summary['rows'], 'row')}"),
        f"Predict {target}: {about}.",
        "",
        _columns(summary["roles"]),
        "",
        _settings(plan, summary),
    ]
    warnings = [f"warning: {text}" for text in summary["warnings"]]
    output.show(*blocks, *([""] if warnings else []), *warnings)


def _columns(roles: list[dict[str, str]]) -> Any:
    shown = roles
    if len(roles) > MOST_COLUMNS:  # those that are no features come first: they are the surprises
        shown = sorted(roles, key=lambda role: role["role"] in FEATURES)[:MOST_COLUMNS]
    rows = [
        (role["name"], role["role"], "; ".join(t for t in (role["reason"], role["detail"]) if t))
        for role in shown
    ]
    if len(roles) > len(shown):
        rows.append((f"... {len(roles) - len(shown)} more", "", "--json lists them all"))
    return output.table(["column", "role", "because"], rows, dim=[2], keep=[0, 1])


def _settings(plan: Plan, summary: dict[str, Any]) -> Any:
    from pullback import losses

    s = plan.settings
    parts = summary["parts"]
    parameters = sum(p.size for p in plan.network.parameters().values())
    steps = -(-parts["train"] // s["batch_size"])
    rows = [
        (
            "rows",
            f"{parts['train']:,} training, {parts['validation']:,} validation, "
            f"{parts['test']:,} test ({summary['split']})",
            "--validation --test --split",
        ),
        (
            "network",
            f"{_network(plan, summary)}; {parameters:,} parameters",
            "--network --hidden --activation --dropout",
        ),
        ("loss", described(losses.get(s["loss"])), "--loss --class-weight"),
        ("optimizer", optimizer_text(s["optimizer"]), "--optimizer --learning-rate --schedule"),
        (
            "batch",
            f"{counted(s['batch_size'], 'row')}; {counted(steps, 'step')} an epoch",
            "--batch-size",
        ),
        ("stops", _stops(s, bool(parts["validation"])), "--until --epochs --patience --time"),
        *_extras(s),
        ("seed", s["seed"], "--seed"),
    ]
    return output.table(["setting", "chosen", "change with"], rows, dim=[2], keep=[0])


def _network(plan: Plan, summary: dict[str, Any]) -> str:
    """The network in a few words."""
    from pullback.train.auto import inputs_of

    made = plan.choice.architecture
    config = made.to_config()
    if made.name != "dense":
        if not inputs_of(plan.prepared).tokens:
            config.pop("embedding", None)  # a table of tokens: other inputs have none
        usual = [f"{k} {_short(v)}" for k, v in config.items() if k != "name" and v not in (0, "")]
        return ", ".join([made.name, *usual])
    hidden = config["hidden"]
    shape = "-".join(map(str, [summary["features"], *hidden, _outputs(plan)]))
    if not hidden:
        return f"{shape}, linear"
    dropout = f", dropout {config['dropout']:g}" if config["dropout"] else ""
    return f"{shape}, {config['activation']}{dropout}"


def _outputs(plan: Plan) -> int:
    from pullback.train.auto import outputs_of

    return outputs_of(plan.prepared, plan.settings["loss"])


def described(thing: Any) -> str:
    """A loss by its name, with the settings that are not the usual ones."""
    usual = type(thing)().to_config()
    other = {k: v for k, v in thing.to_config().items() if v != usual[k]}
    return ", ".join([thing.name, *(f"{k} {_short(v)}" for k, v in other.items())])


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def optimizer_text(rule: Any) -> str:
    """An optimizer with its rates, its schedule, and the settings that are not the usual ones."""
    text = f"{rule.name}, learning rate {rule.learning_rate:g}"
    if rule.weight_decay:
        text += f", weight decay {rule.weight_decay:g}"
    usual = {"learning_rate", "weight_decay", "schedule"}
    defaults = type(rule)().to_config()
    for key, value in rule.to_config().items():
        if key not in usual and value != defaults[key]:
            own = getattr(rule, key)  # such as the base of another optimizer
            text += f", {key} {getattr(own, 'name', value)}"
    words = {"warmup": "warm-up, then cosine", "constant": "constant rate"}
    name = rule.schedule.name
    then = getattr(rule.schedule, "then", None)
    if name == "warmup" and then is not None and then.name != "cosine":
        return f"{text}; warm-up, then {then.name}"
    return f"{text}; {words.get(name, name)}"


def _stops(s: dict[str, Any], has_validation: bool) -> str:
    found = []
    if s.get("until"):
        found.append(f"when {s['until']}")
    if s["patience"]:
        name = s["monitor"]
        if "." not in name:
            name = f"{'validation' if has_validation else 'training'} {name}"
        found.append(f"after {counted(s['patience'], 'epoch')} without a better {name}")
    if s["epochs"]:
        found.append(f"after {counted(s['epochs'], 'epoch')}")
    if s.get("steps"):
        found.append(f"after {counted(s['steps'], 'step')}")
    if s.get("time"):
        from pullback.train.rules import seconds

        found.append(f"after {duration(seconds(s['time']))}")
    return ", or ".join(found)


def _extras(s: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Settings that are shown only where they do something."""
    rows = []
    if s["clip_norm"]:
        rows.append(("clipping", f"gradients of a norm above {s['clip_norm']:g}", "--clip-norm"))
    for pattern, rule in (s.get("constraints") or {}).items():
        settings = (f", {k} {_short(v)}" for k, v in rule.items() if k != "name")
        said = f"{pattern}: {rule['name']}{''.join(settings)}"
        rows.append(("constraint", said, "--constraint"))
    for name in (
        "clip_each_norm",
        "clip_value",
        "ema",
        "l1",
        "l2",
        "accumulate",
        "executor",
        "checkpoint_steps",
    ):
        if s.get(name) not in (None, 0, 0.0):
            rows.append((name.replace("_", " "), str(s[name]), f"--{name.replace('_', '-')}"))
    if s.get("shuffle") is False:
        rows.append(("order", "the rows as they stand", "--shuffle"))
    if s.get("restore_best") is False:
        rows.append(("at the end", "the weights of the last epoch", "--restore-best"))
    if s.get("metrics"):
        rows.append(("metrics", ", ".join(s["metrics"]), "--metrics"))
    if s.get("class_weight"):
        rows.append(("class weights", str(s["class_weight"]), "--class-weight"))
    return rows
