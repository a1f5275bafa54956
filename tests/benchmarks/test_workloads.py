"""The workloads are what they are called, and Pullback trains exactly those networks."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.contenders import PEERS, ours
from benchmarks.inputs import Array, Inputs
from benchmarks.layers import Flatten
from benchmarks.ours import Fit, Step, network
from benchmarks.records import record_of, workload_of
from benchmarks.workloads import SEQUENCES, SGD, WORKLOADS, Adam, Workload, dense

ALL = (*WORKLOADS, *SEQUENCES)

# Parameters, and floating-point operations of a step, counted by hand.
COUNTS = {
    1: (2 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2, 10 * 2 * (2 * 16 + 3 * 64 + 3 * 16)),
    2: (4 * 16 + 16 + 16 * 3 + 3, 16 * 2 * (2 * 64 + 3 * 48)),
    3: (784 * 128 + 128 + 1290, 64 * 2 * (2 * 784 * 128 + 3 * 1280)),
    4: (784 * 512 + 512 + 512 * 513 + 5130, 128 * 2 * (2 * 784 * 512 + 3 * (512 * 512 + 5120))),
    5: (4 * 1024 * 1025, 512 * 2 * 11 * 1024**2),
    6: (16 * 64 * 65, 128 * 2 * 47 * 64**2),
    7: (61706, 64 * 2 * (2 * 117600 + 3 * (240000 + 48000 + 10080 + 840))),
    8: (
        27 * 32 + 32 + 288 * 32 + 32 + 288 * 64 + 64 + 576 * 64 + 64 + 40970,
        64 * 2 * (2 * 1024 * 864 + 3 * (1024 * 9216 + 256 * (18432 + 36864) + 40960)),
    ),
    9: (
        62 * 128 + 2 * 128 * 512 + 512 + 129 * 62,
        32 * 64 * 3 * 2 * (256 * 512 + 128 * 62),
    ),
    10: (
        62 * 128 + 128 * 128 + 9 * 256 + 129 * 62
        + 4 * (4 * 129 * 128 + 129 * 512 + 513 * 128),
        16 * 128 * 3 * 2 * (4 * (12 * 128 * 128 + 129 * 128) + 128 * 62),
    ),
}  # fmt: skip


def each(workload: Workload) -> str:
    return str(workload.number)


@pytest.mark.parametrize("workload", ALL, ids=each)
def test_sizes(workload: Workload) -> None:
    assert (workload.weights, workload.flops) == COUNTS[workload.number]


@pytest.mark.parametrize("workload", ALL, ids=each)
def test_pullback_has_the_same_network(workload: Workload) -> None:
    small = replace(workload, batch=2, batches=1)
    inputs = Inputs.draw(small)
    made = network(small, inputs)
    for value, first in zip(made.parameters().values(), inputs.parameters, strict=True):
        assert np.array_equal(value.numpy(), first)
    assert made(inputs.x).shape == (2, *workload.shapes[-1])


@pytest.mark.parametrize("workload", SEQUENCES, ids=each)
def test_texts_can_be_learnt(workload: Workload) -> None:
    inputs = Inputs.draw(workload)
    assert inputs.x.shape == inputs.y.shape == (workload.batch * workload.batches, *workload.input)
    assert np.array_equal(inputs.x[:, 1:], inputs.y[:, :-1])
    assert set(np.unique(inputs.x)) == set(range(workload.tokens))
    followers: dict[int, set[int]] = {}
    for token, following in zip(inputs.x.ravel(), inputs.y.ravel(), strict=True):
        followers.setdefault(int(token), set()).add(int(following))
    assert max(map(len, followers.values())) == 4


def test_numbers_of_another_type() -> None:
    found = Inputs.draw(WORKLOADS[0]).astype("float64")
    assert {a.dtype.name for a in (found.x, *found.parameters)} == {"float64"}
    assert found.y.dtype == np.int64
    small = replace(WORKLOADS[0], batches=1)
    assert network(small, found)(found.x[:2]).dtype == np.float64


@pytest.mark.parametrize("workload", ALL, ids=each)
def test_a_workload_survives_the_pipe(workload: Workload) -> None:
    assert workload_of(json.loads(json.dumps(record_of(workload)))) == workload


def test_inputs_survive_the_file_and_are_the_same_every_time(tmp_path: Path) -> None:
    drawn = Inputs.draw(WORKLOADS[0])
    drawn.save(tmp_path / "inputs.npz")
    read = Inputs.load(tmp_path / "inputs.npz")
    again = Inputs.draw(WORKLOADS[0])
    for other in (read, again):
        assert np.array_equal(drawn.x, other.x)
        assert np.array_equal(drawn.y, other.y)
        pairs = zip(drawn.parameters, other.parameters, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert drawn.x.dtype == np.float32
    assert {len(x) for x, _ in drawn.batches(10)} == {10}


def plain(workload: Workload, inputs: Inputs, steps: int) -> list[float]:
    """The losses of a tanh network of classes or values, by loops of NumPy in float64."""
    p: list[Array] = [a.astype(np.float64) for a in inputs.parameters]
    m, v = [np.zeros_like(a) for a in p], [np.zeros_like(a) for a in p]
    batches, losses = list(inputs.batches(workload.batch)), []
    for k in range(steps):
        x, y = batches[k % len(batches)]
        values = [x.astype(np.float64)]
        for i in range(0, len(p), 2):
            z = values[-1] @ p[i] + p[i + 1]
            values.append(z if i == len(p) - 2 else np.tanh(z))
        if workload.loss == "mse":
            losses.append(float(((values[-1] - y) ** 2).mean()))
            bar = 2 * (values[-1] - y) / y.size
        else:
            e = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
            q = e / e.sum(axis=1, keepdims=True)
            losses.append(float(-np.log(q[np.arange(len(y)), y]).mean()))
            bar = (q - np.eye(workload.outputs)[y]) / len(y)
        gradients: list[Array] = []
        for i in range(len(p) - 2, -1, -2):
            gradients = [values[i // 2].T @ bar, bar.sum(axis=0), *gradients]
            bar = (bar @ p[i].T) * (1 - values[i // 2] ** 2)
        rule: Any = workload.optimizer
        for i, g in enumerate(gradients):
            if isinstance(rule, SGD):
                m[i] = rule.momentum * m[i] + g
                p[i] = p[i] - rule.learning_rate * m[i]
                continue
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g * g
            first, second = m[i] / (1 - 0.9 ** (k + 1)), v[i] / (1 - 0.999 ** (k + 1))
            p[i] = p[i] - rule.learning_rate * first / (np.sqrt(second) + 1e-8)
    return losses


@pytest.mark.parametrize("kind", [Fit, Step], ids=["fit", "step"])
@pytest.mark.parametrize(
    "workload",
    [
        dense(1, "classes", [3, 6, 4], "tanh", 8, 5, SGD(0.05)),
        dense(2, "values", [3, 6, 6, 2], "tanh", 8, 5, Adam(0.01), "mse"),
    ],
    ids=["sgd", "adam"],
)
def test_pullback_trains_as_plain_loops_do(workload: Workload, kind: Any) -> None:
    inputs = Inputs.draw(workload)
    found = kind(workload, inputs, "numpy").losses(21)
    assert found == pytest.approx(plain(workload, inputs, 21), abs=1e-5)
    assert found[0] - found[20] > 1e-2  # it learns, so that agreement says something


@pytest.mark.parametrize("kind", [Fit, Step], ids=["fit", "step"])
def test_whole_epochs_are_timed(kind: Any) -> None:
    workload = dense(1, "small", [3, 6, 4], "tanh", 8, 5, SGD(0.05))
    runner = kind(workload, Inputs.draw(workload), "numpy")
    seconds, steps = runner.timed(0.02)
    assert seconds >= 0.02
    assert steps > 0
    assert steps % workload.batches == 0


def test_every_executor_but_the_oracle_takes_part() -> None:
    labels = [c.label for c in ours(("numpy", "native", "reference"))]
    assert labels == [
        "Pullback numpy, fit", "Pullback numpy, step",
        "Pullback native, fit", "Pullback native, step",
    ]  # fmt: skip
    assert {"Pullback numpy, fit"} <= {c.label for c in ours()}


def test_who_takes_which_workload() -> None:
    taking = {c.label: [w.number for w in ALL if c.takes(w)] for c in PEERS}
    assert taking["PyTorch eager"] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert taking["PyTorch compiled"] == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert taking["PyTorch channels-last"] == [7, 8]
    assert taking["JAX step"] == [1, 2, 3, 4, 5, 6, 7]
    assert taking["JAX scan"] == [1, 2, 3, 4, 5, 6]
    assert taking["scikit-learn"] == [2, 3, 4]
    mine = {c.label: [w.number for w in WORKLOADS if c.takes(w)] for c in ours()}
    assert mine["Pullback native, fit"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert mine["Pullback numpy, fit"] == [1, 2, 3, 4, 5, 6, 7]
    assert all(any(isinstance(x, Flatten) for x in w.layers) for w in WORKLOADS if w.has_images)


def test_every_workload_asks_for_something() -> None:
    assert {w.number: w.asked["torch"] for w in ALL} == {
        1: 50, 2: 50, 3: 2.5, 4: 1.25, 5: 1.0, 6: 5, 7: 2.5, 8: 1.1, 9: 1.5, 10: 1.1,
    }  # fmt: skip
    assert [w.asked.get("jax") for w in WORKLOADS] == [2.5, 2.5, 1.5, 1.5, 1.4, 2.5, None, None]


def test_every_peer_has_a_file_of_its_own_that_only_it_imports(repository: Path) -> None:
    peers = {"torch", "jax", "sklearn"}
    for path in sorted((repository / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {n.split(".")[0] for n in names} & (peers | {"benchmarks"}), path
    for contender in PEERS:
        assert (repository / f"{contender.module.replace('.', '/')}.py").exists()
