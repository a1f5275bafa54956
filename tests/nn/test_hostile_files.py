"""Descriptions and files of networks that somebody tampered with: our own error, nothing else."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.container import write_tensors
from pullback.errors import FileFormatError, PullbackError
from pullback.nn.description import describe, rebuild
from pullback.nn.head import FORMS, Head
from pullback.nn.storage import KIND, contents

LINEAR = {"module": "Linear", "arguments": {"in_features": 2, "out_features": 2}}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"module": "Sequential", "arguments": {"layers": value}}


def nested_modules(depth: int) -> Any:
    value: Any = LINEAR
    for _ in range(depth):
        value = {"module": "Sequential", "arguments": {"layers": [value]}}
    return value


HOSTILE = {
    "nothing": None,
    "a number": 3,
    "text": "Linear",
    "a list": [LINEAR],
    "an empty object": {},
    "no arguments": {"module": "Linear"},
    "arguments that are a list": {"module": "Linear", "arguments": [2, 2]},
    "a module that is a list": {"module": ["Linear"], "arguments": {}},
    "an unknown class": {"module": "os.system", "arguments": {"command": "true"}},
    "the base class's secrets": {"module": "Module", "arguments": {}},
    "too few arguments": {"module": "Linear", "arguments": {"in_features": 2}},
    "unknown arguments": {"module": "Linear", "arguments": {"self": 1, "in_features": 2}},
    "a size that is text": {
        "module": "Linear",
        "arguments": {"in_features": "2", "out_features": 2},
    },
    "a size without end": {
        "module": "Linear",
        "arguments": {"in_features": 10**30, "out_features": 10**30},
    },
    "a negative size": {"module": "Linear", "arguments": {"in_features": -2, "out_features": 2}},
    "layers that are a number": {"module": "Sequential", "arguments": {"layers": 3}},
    "layers that are numbers": {"module": "Sequential", "arguments": {"layers": [1, 2]}},
    "a layer that names a layer to come": {
        "module": "Sequential",
        "arguments": {"layers": [{"same_as": 5}]},
    },
    "a layer inside itself": {"module": "Sequential", "arguments": {"layers": [{"same_as": 0}]}},
    "same as what": {"same_as": 0},
    "same as text": {"module": "Sequential", "arguments": {"layers": [LINEAR, {"same_as": "1"}]}},
    "same as less than nothing": {
        "module": "Sequential",
        "arguments": {"layers": [LINEAR, {"same_as": -1}]},
    },
    "a mapping that is a number": {"module": "Dropout", "arguments": {"p": {"mapping": 3}}},
    "a probability that is a layer": {"module": "Dropout", "arguments": {"p": LINEAR}},
    "an initialiser without a name": {
        "module": "Linear",
        "arguments": {"in_features": 1, "out_features": 1, "weight_init": {"kind": "initialiser"}},
    },
    "an initialiser that is none": {
        "module": "Linear",
        "arguments": {
            "in_features": 1,
            "out_features": 1,
            "weight_init": {"kind": "loss", "name": "mse"},
        },
    },
    "an initialiser with odd settings": {
        "module": "Linear",
        "arguments": {
            "in_features": 1,
            "out_features": 1,
            "weight_init": {"kind": "initialiser", "name": "normal", "deviation": [1]},
        },
    },
    "deep lists": nested(100_000),
    "deep modules": nested_modules(20_000),
    "a flood of layers": {"module": "Sequential", "arguments": {"layers": [LINEAR] * 100_000}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_description(name: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(PullbackError) as caught:
            rebuild(HOSTILE[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 2000
    assert peak < 500e6
    assert time.process_time() - began < 60


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["module", "arguments", "layers", "same_as", "mapping", "kind", "name", "p"]
            ),
            inner
            | st.sampled_from(["Linear", "Sequential", "Dropout", "ReLU", "normal", "initialiser"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json)
def test_any_description(description: Any) -> None:
    try:
        made = rebuild(description)
    except PullbackError:
        return
    assert isinstance(made, pb.nn.Module)


def network() -> pb.nn.Module:
    return pb.nn.dense(2, [3], 2).initialise(0)


@pytest.mark.parametrize(
    "change",
    [
        lambda t, m: t.pop("0.weight"),
        lambda t, m: t.update(more=np.zeros(2)),
        lambda t, m: t.update({"0.weight": np.zeros((3, 2), np.float32)}),
        lambda t, m: t.update({"0.weight": np.zeros((2, 3), np.int64)}),
        lambda t, m: t.update({"0.weight": np.zeros((2, 3), np.float16)}),
        lambda t, m: m.pop("network"),
        lambda t, m: m.update(network=3),
        lambda t, m: m.update(head={"form": "guess"}),
        lambda t, m: m.update(head=3),
        lambda t, m: m.update(head={"form": ["multilabel"]}),
        lambda t, m: m.update(head={"form": "multilabel", "classes": 2}),
        lambda t, m: m.update(head={"form": "softmax", "classes": 3}),
        lambda t, m: m.update(head={"form": "values", "scale": "x"}),
        lambda t, m: m.update(head={"form": "values", "scale": [1.0, 2.0], "offset": [0.0]}),
        lambda t, m: m.update(frozen=3),
    ],
)
def test_a_file_that_does_not_fit_together(change: Any, tmp_path: Path) -> None:
    tensors, metadata = contents(network())
    change(tensors, metadata)
    write_tensors(tmp_path / "it", tensors, metadata, kind=KIND)
    with pytest.raises(FileFormatError):
        pb.load(tmp_path / "it")


def test_every_cut_and_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it"
    network().save(path)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for length in random.integers(0, len(whole), 40):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            pb.load(path)
    for place in random.integers(0, len(whole), 100):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(changed))
        with pytest.raises(FileFormatError):
            pb.load(path)
    path.write_bytes(whole)
    assert describe(pb.load(path).network) == describe(network())


def test_a_class_that_has_changed_since(tmp_path: Path) -> None:
    class Own(pb.nn.Module):
        def __init__(self, width: int) -> None:
            self.linear = pb.nn.Linear(width, width)

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return self.linear(x)

    Own(2).initialise().save(tmp_path / "it")

    def changed(body: Any) -> type[pb.nn.Module]:
        return type("Own", (pb.nn.Module,), {"__init__": body, "forward": Own.forward})

    def wider(self: Any, width: int) -> None:
        self.linear = pb.nn.Linear(width, width + 1)

    def renamed(self: Any, width: int) -> None:
        self.line = pb.nn.Linear(width, width)

    def other_arguments(self: Any, size: int) -> None:
        self.linear = pb.nn.Linear(size, size)

    def failing(self: Any, width: int) -> None:
        raise RuntimeError("not today")

    for body in (wider, renamed, other_arguments, failing):
        with pytest.raises(FileFormatError):
            pb.load(tmp_path / "it", custom=[changed(body)])
    assert pb.load(tmp_path / "it", custom=[Own])


def test_heads() -> None:
    for head in (
        Head("softmax", ("a", "b")),
        Head("sigmoid", (False, True)),
        Head("values", None, (2.0, 3.0), (0.5, 1.0)),
        Head("softmax"),
        *(Head(form) for form in FORMS),
        Head("multilabel", ("sweet", "sour")),
    ):
        assert Head.from_config(head.to_config()) == head
