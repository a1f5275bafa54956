"""Which kernel of the native module computes an operation, and the numbers that tell it how.

One rule for each operation that is neither elementwise nor a view. What has no rule, or what its
rule refuses, is computed by its NumPy meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pullback.graph.dtypes import BOOL, INT64, is_float
from pullback.graph.op import Op
from pullback.plan.layout import Layout


@dataclass(frozen=True)
class Kernel:
    """A kernel's name, with the numbers it takes beside its arrays.

    Attributes:
        name: The kernel's name in the native module.
        integers: Its whole numbers.
        reals: Its other numbers.
        inputs: How many of the operation's inputs it takes, the first ones; all when None.
        moves: Whether it writes the numbers of its input in their order, whatever their shape.
    """

    name: str
    integers: Sequence[int] = ()
    reals: Sequence[float] = ()
    inputs: int | None = None
    moves: bool = False


Rule = Callable[[Any, Sequence[Layout], Layout], Kernel | None]


def _floats(op: Op, inputs: Sequence[Layout], output: Layout) -> bool:
    return all(is_float(x.dtype) for x in inputs)


def _plain(op: Op, inputs: Sequence[Layout], output: Layout) -> Kernel:
    return Kernel(op.name)


def _product(op: Op, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel("gemm") if output.dtype != BOOL else None


def _reduction(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel:
    return Kernel(op.name, op.axes)


def _of_floats(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, op.axes) if _floats(op, inputs, output) else None


def _number(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    """A reduction of numbers; flags are counted by NumPy."""
    return None if inputs[0].dtype == BOOL else Kernel(op.name, op.axes)


def _extreme(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    """The largest or smallest of nothing is an error, which NumPy's meaning puts in words."""
    return _number(op, inputs, output) if inputs[0].size else None


def _spread(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, op.axes, [op.correction]) if _floats(op, inputs, output) else None


def _argmax(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, [op.axis]) if inputs[0].size and inputs[0].dtype != BOOL else None


def _normalising(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, op.axes, [op.epsilon]) if _floats(op, inputs, output) else None


def _gather(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    if inputs[1].dtype != INT64:
        return None
    return Kernel(op.name, [op.axis, op.lead, int(op.lowest is None)])


def _scatter_add(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    if inputs[1].dtype != INT64 or output.dtype == BOOL:
        return None
    return Kernel(op.name, [op.axis, op.lead])


def _whole(op: Op, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name) if inputs[0].dtype == INT64 else None


def _ravel_index(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, op.sizes) if {x.dtype for x in inputs} == {INT64} else None


def _cross_entropy(op: Op, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    fits = is_float(inputs[0].dtype) and inputs[1].dtype == INT64
    return Kernel(op.name) if fits else None


def _concatenate(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel:
    return Kernel(op.name, [op.axis])


def _embed(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel:
    return Kernel(op.name, [n for start, _, step in op.bounds for n in (start, step)])


def _convolution(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    if len(op.stride) > 3 or not _floats(op, inputs, output) or len({x.dtype for x in inputs}) > 1:
        return None
    return Kernel(op.name, [op.groups, *_sliding(op)])


def _max_pooling(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    if len(op.stride) > 3 or len({x.dtype for x in inputs}) > 1:
        return None
    return Kernel(op.name, [*op.window, *_sliding(op)])


def _avg_pooling(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    if len(op.stride) > 3:
        return None
    return Kernel(op.name, [int(op.count_include_pad), *op.window, *_sliding(op)])


def _sliding(op: Any) -> list[int]:
    """Stride, padding before and dilation of each axis; what is after follows from the sizes."""
    axes = zip(op.stride, op.padding, op.dilation, strict=True)
    return [n for stride, (low, _), dilation in axes for n in (stride, low, dilation)]


def _attention(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name, [int(op.causal)]) if is_float(output.dtype) else None


def _random(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    fits = is_float(output.dtype) and {x.dtype for x in inputs} == {INT64}
    return Kernel(op.name, [op.stream]) if fits else None


def _copy(op: Op, inputs: Sequence[Layout], output: Layout) -> Kernel:
    return Kernel("copy", inputs=1, moves=True)


def _full(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel:
    whole = 0 if is_float(output.dtype) else int(op.value)
    return Kernel(op.name, [whole], [op.value])


def _arange(op: Any, inputs: Sequence[Layout], output: Layout) -> Kernel | None:
    return Kernel(op.name) if output.dtype == INT64 else None


RULES: Mapping[str, Rule] = {
    "matmul": _product,
    "sum": _number,
    "prod": _number,
    "mean": _of_floats,
    "norm": _of_floats,
    "logsumexp": _of_floats,
    "max": _extreme,
    "min": _extreme,
    "variance": _spread,
    "std": _spread,
    "any": _reduction,
    "all": _reduction,
    "argmax": _argmax,
    "softmax": _of_floats,
    "log_softmax": _of_floats,
    "softmax_pullback": _of_floats,
    "cross_entropy_with_logits": _cross_entropy,
    "moments": _of_floats,
    "standardise": _normalising,
    "standardise_pullback": _normalising,
    "rms_normalise": _normalising,
    "rms_normalise_pullback": _normalising,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "one_hot": _whole,
    "ravel_index": _ravel_index,
    "conv": _convolution,
    "conv_transpose": _convolution,
    "conv_kernel": _convolution,
    "max_pool": _max_pooling,
    "max_pool_index": _max_pooling,
    "max_pool_pullback": _max_pooling,
    "avg_pool": _avg_pooling,
    "avg_unpool": _avg_pooling,
    "concatenate": _concatenate,
    "embed": _embed,
    "attention_weights": _attention,
    "random_uniform": _random,
    "random_normal": _random,
    "full": _full,
    "arange": _arange,
    # A view that no strides can express moves its numbers.
    "reshape": _copy,
    "stop_gradient": _copy,
}
"""By the operation's name."""
