"""What a comparison with another library is: the same arrays, computed there and here.

The other library is imported only where it computes, so that the tables load without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import pullback as pb
from pullback.execute import evaluate
from pullback.nn.mode import mode
from pullback.nn.parameter import bound

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        inputs: What both libraries are given, by name.
        theirs: What the other library computes of them: results by name.
        ours: What Pullback computes of them, by the same names.
    """

    inputs: Arrays
    theirs: Callable[[Arrays], Arrays]
    ours: Callable[[Arrays], Arrays]


Table = dict[str, list[Case]]
"""Comparisons, by what is compared."""


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng([seed, len(shape)]).normal(size=shape))


def between(low: float, high: float, *shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng([seed, len(shape)]).uniform(low, high, shape))


def whole(below: int, *shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng([seed, len(shape)]).integers(0, below, shape))


def deviation(found: Array, wanted: Array) -> float:
    """The largest |found - wanted| / (1 + |wanted|); infinite where shapes or kinds differ."""
    if found.shape != wanted.shape or (found.dtype.kind == "f") != (wanted.dtype.kind == "f"):
        return np.inf
    if not wanted.size:
        return 0.0
    with np.errstate(invalid="ignore"):  # inf - inf, where they are equal
        apart = np.abs(found.astype(float) - wanted.astype(float)) / (1 + np.abs(wanted))
    return float(np.where(found == wanted, 0, np.nan_to_num(apart, nan=np.inf)).max())


def flat(outputs: Any) -> list[Any]:
    """The members of nested tuples and lists, in order."""
    if isinstance(outputs, (tuple, list)):
        return [y for part in outputs for y in flat(part)]
    return [outputs]


def cotangent(number: int, shape: Iterable[int]) -> Array:
    """What the gradients of an output are taken with: fixed, and different at every place."""
    sizes = tuple(shape)
    return np.cos(1.0 + number + np.arange(np.prod(sizes, dtype=int))).reshape(sizes)


def results(outputs: list[Array], gradients: Arrays) -> Arrays:
    named = {f"output.{i}": np.asarray(y) for i, y in enumerate(outputs)}
    return {**named, **{f"gradient.{name}": np.asarray(bar) for name, bar in gradients.items()}}


def differentiated(given: Arrays, fixed: Iterable[str]) -> list[str]:
    return [name for name, x in given.items() if x.dtype.kind == "f" and name not in fixed]


def by_torch(f: Callable[..., Any], given: Arrays, fixed: Iterable[str]) -> Arrays:
    """`f(torch, tensors by name)`: outputs and gradients."""
    torch: Any = importlib.import_module("torch")
    names = differentiated(given, fixed)
    tensors = {n: torch.tensor(x, requires_grad=n in names) for n, x in given.items()}
    outputs = flat(f(torch, tensors))
    total = torch.zeros((), dtype=torch.float64)
    for i, y in enumerate(outputs):
        if y.requires_grad:
            total = total + (y * torch.tensor(cotangent(i, y.shape))).sum()
    bars: Arrays = {}
    if any(y.is_floating_point() for y in outputs):
        wanted = [tensors[n] for n in names]
        found = (
            torch.autograd.grad(total, wanted, materialize_grads=True)
            if total.requires_grad
            else [torch.zeros_like(x) for x in wanted]
        )
        bars = {n: bar.numpy() for n, bar in zip(names, found, strict=True)}
    return results([y.detach().numpy() for y in outputs], bars)


def by_jax(f: Callable[..., Any], given: Arrays, fixed: Iterable[str]) -> Arrays:
    """`f(jax, arrays by name)`: outputs and gradients."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    names = differentiated(given, fixed)

    def total(real: Any) -> Any:
        outputs = flat(f(jax, {**given, **real}))
        return sum((y * cotangent(i, y.shape)).sum() for i, y in enumerate(outputs)), outputs

    real = {n: jax.numpy.asarray(given[n]) for n in names}
    bars, outputs = jax.grad(total, has_aux=True)(real)
    return results([np.asarray(y) for y in outputs], {n: np.asarray(b) for n, b in bars.items()})


def by_pullback(f: Callable[..., Any], given: Arrays, fixed: Iterable[str]) -> Arrays:
    """`f(nodes by name)`: outputs and gradients."""
    names = differentiated(given, fixed)
    nodes = {n: pb.tensor(x) for n, x in given.items()}
    outputs = flat(f(nodes))
    parts = [
        (y * cotangent(i, y.shape)).sum() for i, y in enumerate(outputs) if y.dtype.kind == "f"
    ]
    bars = pb.gradient(sum(parts[1:], parts[0]), [nodes[n] for n in names]) if parts else ()
    values = evaluate([*outputs, *bars])
    count = len(outputs)
    by_name = dict(zip(names, values[count:], strict=True)) if parts else {}
    return results(values[:count], by_name)


PEERS = {"torch": by_torch, "jax": by_jax}


def operation(
    theirs: Callable[..., Any], ours: Callable[..., Any], *inputs: Any, library: str = "torch"
) -> Case:
    """`theirs(library, *inputs)` beside `ours(*inputs)`; a shape stands for drawn numbers."""
    arrays = [drawn(*x, seed=i) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]
    return Case(
        {str(i): np.asarray(x) for i, x in enumerate(arrays)},
        lambda given: PEERS[library](lambda lib, xs: theirs(lib, *xs.values()), given, ()),
        lambda given: by_pullback(lambda xs: ours(*xs.values()), given, ()),
    )


def layer(
    make: Callable[[], pb.nn.Module],
    theirs: Callable[..., Any],
    *inputs: Any,
    call: Callable[..., Any] = lambda made, *xs: made(*xs),
    training: bool = True,
) -> Case:
    """A layer beside `theirs(torch, its parameters and buffers by path, *inputs)`.

    In training, the new values of the buffers are outputs too.
    """
    made = make()
    learned = made.parameters().items()
    drawings = {
        **{p: drawn(*v.shape, seed=50 + i) / 2 for i, (p, v) in enumerate(learned)},
        **{p: between(0.5, 2, *v.shape) for p, v in made.buffers().items()},
    }
    arrays = [drawn(*x, seed=i) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]
    numbered = {str(i): np.asarray(x) for i, x in enumerate(arrays)}
    fixed = list(made.buffers())

    def split(given: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        return {p: given[p] for p in drawings}, [given[n] for n in numbered]

    def of_ours(nodes: dict[str, Any]) -> list[Any]:
        ready, (state, xs) = make().astype("float64"), split(nodes)
        for path, buffer in ready.buffers().items():
            buffer.assign(state[path].numpy())
        with bound({p: state[n] for n, p in ready.parameters().items()}), mode(training=training):
            outputs = flat(call(ready, *xs))
        kept = [pb.tensor(b.numpy()) for b in ready.buffers().values()] if training else []
        return [*outputs, *kept]

    def of_theirs(torch: Any, tensors: dict[str, Any]) -> Any:
        state, xs = split(tensors)
        return theirs(torch, state, *xs)

    return Case(
        {**drawings, **numbered},
        lambda given: by_torch(of_theirs, given, fixed),
        lambda given: by_pullback(of_ours, given, fixed),
    )


def channels_first(x: Any) -> Any:
    """From our layout to that of PyTorch."""
    return x.movedim(-1, 1)


def channels_last(y: Any) -> Any:
    return y.movedim(1, -1)


def called(torch: Any, made: Any, state: dict[str, Any], *inputs: Any, **settings: Any) -> Any:
    """PyTorch's module in float64, with these parameters."""
    return torch.func.functional_call(made.double(), state, inputs, settings)
