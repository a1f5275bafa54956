"""What every operation must yield, by another road than the operation takes itself.

One function an operation: of its attributes and its inputs. Most go number by number through
`math` or plain loops, so that a wrong axis, order or formula cannot be wrong here as well.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops import expected_arrays, expected_loops, expected_windows
from tests.ops.expected_normalisation import NORMALISATION

Expected = Callable[..., Any]


def each(f: Callable[..., Any], dtype: type = float) -> Expected:
    """Number by number, by a function of Python numbers."""

    def expected(op: Any, *xs: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(*(x.shape for x in xs))
        columns = [np.broadcast_to(x, shape).reshape(-1).tolist() for x in xs]
        return np.array([f(*row) for row in zip(*columns, strict=True)], dtype).reshape(shape)

    return expected


def along(f: Callable[[list[Any]], Any], dtype: type = float) -> Expected:
    """Of the list of numbers along the operation's axes, for each place of the other axes."""

    def expected(op: Any, x: np.ndarray) -> np.ndarray:
        kept = [1 if a in op.axes else n for a, n in enumerate(x.shape)]
        y = np.zeros(kept, dtype)
        for place in np.ndindex(*kept):
            picked = tuple(slice(None) if a in op.axes else i for a, i in enumerate(place))
            y[place] = f(x[picked].reshape(-1).tolist())
        return y if op.keepdims else y.reshape([n for a, n in enumerate(kept) if a not in op.axes])

    return expected


def rows(f: Callable[[list[float]], list[float]]) -> Expected:
    """A list for the list of numbers along the operation's axes."""

    def expected(op: Any, x: np.ndarray) -> np.ndarray:
        y = np.zeros(x.shape)
        for place in np.ndindex(*(1 if a in op.axes else n for a, n in enumerate(x.shape))):
            picked = tuple(slice(None) if a in op.axes else i for a, i in enumerate(place))
            y[picked] = np.reshape(f(x[picked].reshape(-1).tolist()), x[picked].shape)
        return y

    return expected


def mean(xs: list[float]) -> float:
    return math.fsum(xs) / len(xs) if xs else math.nan


def variance(xs: list[float]) -> float:
    return mean([(x - mean(xs)) ** 2 for x in xs])


def logsumexp(xs: list[float]) -> float:
    return math.log(math.fsum(map(math.exp, xs))) if xs else -math.inf


def softmax(xs: list[float]) -> list[float]:
    return [math.exp(x - logsumexp(xs)) for x in xs]


def cross_entropy(op: Any, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    y = np.zeros(targets.shape)
    for place in np.ndindex(*targets.shape):
        row = logits[place].tolist()
        y[place] = logsumexp(row) - row[targets[place]]
    return y


def attention_weights(op: Any, q: np.ndarray, k: np.ndarray, mask: Any = True) -> np.ndarray:
    y = np.zeros((*q.shape[:-1], k.shape[-2]))
    seen = np.broadcast_to(mask, y.shape)
    for *lead, i in np.ndindex(*y.shape[:-1]):
        row = [j for j in range(k.shape[-2]) if seen[(*lead, i, j)] and not (op.causal and j > i)]
        query = q[(*lead, i)].tolist()
        scores = [math.fsum(map(operator.mul, query, k[(*lead, j)])) for j in row]
        y[(*lead, i, row)] = softmax([s / math.sqrt(len(query)) for s in scores])
    return y


def sparsemax(op: Any, x: np.ndarray) -> np.ndarray:
    """The threshold by bisection: the entries above it are that far above it, 1 in all."""
    y = np.zeros(x.shape)
    for place in np.ndindex(*(1 if a == op.axis else n for a, n in enumerate(x.shape))):
        at = tuple(slice(None) if a == op.axis else i for a, i in enumerate(place))
        low, high = x[at].max() - 1, x[at].max()
        for _ in range(80):
            tau = (low + high) / 2
            low, high = (tau, high) if np.maximum(x[at] - tau, 0).sum() > 1 else (low, tau)
        y[at] = np.maximum(x[at] - low, 0)
    return y


def softmax_pullback(op: Any, y_bar: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The Jacobian of softmax, diag(y) - y y^T, times the cotangent, for each row."""
    lines = [a for a in range(y.ndim) if a not in op.axes]
    x_bar = np.zeros(y.shape)
    for place in np.ndindex(*(y.shape[a] for a in lines)):
        at = tuple(place[lines.index(a)] if a in lines else slice(None) for a in range(y.ndim))
        row, bar = y[at].reshape(-1), y_bar[at].reshape(-1)
        x_bar[at] = ((np.diag(row) - np.outer(row, row)) @ bar).reshape(y[at].shape)
    return x_bar


def matmul(op: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    y = np.zeros((*a.shape[:-1], b.shape[-1]))
    for *lead, i, j in np.ndindex(*y.shape):
        terms = [a[(*lead, i, k)] * b[(*lead, k, j)] for k in range(a.shape[-1])]
        y[(*lead, i, j)] = math.fsum(terms)
    return y


def gather(op: Any, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    if op.lead:
        inner = dataclasses.replace(op, axis=op.axis - 1, lead=op.lead - 1)
        return np.array([gather(inner, *pair) for pair in zip(x, indices, strict=True)])
    lead, after = x.shape[: op.axis], x.shape[op.axis + 1 :]
    y = np.zeros((*lead, *indices.shape, *after))
    for place in np.ndindex(*y.shape):
        chosen = indices[place[op.axis : op.axis + indices.ndim]]
        y[place] = x[(*place[: op.axis], chosen, *place[op.axis + indices.ndim :])]
    return y


def scatter_add(op: Any, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    if op.lead:
        inner = dataclasses.replace(op, axis=op.axis - 1, lead=op.lead - 1)
        return np.array([scatter_add(inner, *pair) for pair in zip(x, indices, strict=True)])
    y = np.zeros((*x.shape[: op.axis], op.length, *x.shape[op.axis + indices.ndim :]))
    for place in np.ndindex(*x.shape):
        chosen = indices[place[op.axis : op.axis + indices.ndim]]
        y[(*place[: op.axis], chosen, *place[op.axis + indices.ndim :])] += x[place]
    return y


def argmax(op: Any, x: np.ndarray) -> np.ndarray:
    shape = x.shape[: op.axis] + x.shape[op.axis + 1 :]
    y = np.zeros(shape, int)
    for place in np.ndindex(*shape):
        line = x[(*place[: op.axis], slice(None), *place[op.axis :])].tolist()
        y[place] = line.index(max(line))
    return y


def one_hot(op: Any, indices: np.ndarray) -> np.ndarray:
    y = np.zeros((*indices.shape, op.classes))
    for place in np.ndindex(*indices.shape):
        y[(*place, indices[place])] = 1
    return y


def broadcast(op: Any, x: np.ndarray) -> np.ndarray:
    y = np.zeros(op.shape)
    for place in np.ndindex(*op.shape):
        own = place[len(place) - x.ndim :]
        y[place] = x[tuple(0 if n == 1 else i for i, n in zip(own, x.shape, strict=True))]
    return y


def concatenate(op: Any, *xs: np.ndarray) -> np.ndarray:
    turned = [row for x in xs for row in np.moveaxis(x, op.axis, 0)]
    shape = list(xs[0].shape)
    shape[op.axis] = len(turned)
    flat = np.reshape(turned, (len(turned), *np.delete(shape, op.axis)))
    return np.moveaxis(flat, 0, op.axis)


def slice_(op: Any, x: np.ndarray) -> np.ndarray:
    lines = [list(range(*bound)) for bound in op.bounds]
    picked = [x[place] for place in itertools.product(*lines)]
    return np.array(picked, float).reshape([len(line) for line in lines])


def embed(op: Any, x: np.ndarray) -> np.ndarray:
    y = np.zeros(op.shape)
    places = itertools.product(*(range(*bound) for bound in op.bounds))
    for place, value in zip(places, x.reshape(-1), strict=True):
        y[place] = value
    return y


def philox_words(counter: list[int], key: list[int]) -> list[int]:
    """Philox-4x32-10 as the paper writes it, on Python integers."""
    (c0, c1, c2, c3), (k0, k1), low = counter, key, 2**32 - 1
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & low, (p0 >> 32) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return [c0, c1, c2, c3]


def random_pairs(op: Any, seed: int, step: int, row: int) -> list[tuple[int, int]]:
    """Two words an element: counter (block, row, step, stream), key (seed)."""
    rows_ = op.shape[0] if op.shape else 1
    width = 2 * math.prod(op.shape[1:])
    drawn = []
    for r in range(rows_):
        words = [
            word
            for block in range(-(-width // 4))
            for word in philox_words([block, row + r, step, op.stream], [int(seed), 0])
        ]
        drawn += list(zip(words[:width:2], words[1:width:2], strict=True))
    return drawn


def random_uniform(op: Any, seed: Any, step: Any, row: Any) -> np.ndarray:
    if np.ndim(seed):
        return np.array([random_uniform(op, *keys) for keys in zip(seed, step, row, strict=True)])
    pairs = random_pairs(op, int(seed), int(step), int(row))
    return np.array([((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in pairs]).reshape(op.shape)


def random_normal(op: Any, seed: Any, step: Any, row: Any) -> np.ndarray:
    if np.ndim(seed):
        return np.array([random_normal(op, *keys) for keys in zip(seed, step, row, strict=True)])
    drawn = [
        math.sqrt(-2 * math.log((a + 0.5) / 2**32)) * math.cos(math.tau * b / 2**32)
        for a, b in random_pairs(op, int(seed), int(step), int(row))
    ]
    return np.array(drawn).reshape(op.shape)


EXPECTED: dict[str, Expected] = {
    "abs": each(lambda x: -x if x < 0 else x),
    "custom_derivative": each(lambda a, b: a * b),
    "barrier": lambda op, x, after: x,
    "acos": each(math.acos),
    "add": each(lambda a, b: a + b),
    "all": along(lambda xs: False not in xs, bool),
    "any": along(lambda xs: True in xs, bool),
    "arange": lambda op: np.array(list(range(op.count)), int),
    "argmax": argmax,
    "asin": each(math.asin),
    "atan": each(math.atan),
    "atan2": each(math.atan2),
    "attention_weights": attention_weights,
    "broadcast_to": broadcast,
    "cast": lambda op, x: np.array(x, op.dtype),
    "ceil": each(math.ceil),
    "clip": lambda op, x: each(lambda v: min(max(v, op.low), op.high))(op, x),
    "concatenate": concatenate,
    "cos": each(math.cos),
    "cosh": each(math.cosh),
    "cross_entropy_with_logits": cross_entropy,
    "div": each(lambda a, b: a / b),
    "elu": lambda op, x: each(lambda v: v if v > 0 else op.alpha * math.expm1(v))(op, x),
    "embed": embed,
    "equal": each(lambda a, b: a == b, bool),
    "erf": each(math.erf),
    "erfc": each(math.erfc),
    "exp": each(math.exp),
    "expm1": each(math.expm1),
    "floor": each(math.floor),
    "full": lambda op: np.array([op.value] * math.prod(op.shape), op.dtype).reshape(op.shape),
    "gather": gather,
    "gelu": each(lambda x: x / 2 * math.erfc(-x / math.sqrt(2))),
    "gelu_tanh": each(
        lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "hard_shrink": lambda op, x: each(lambda v: v if abs(v) > op.size else 0)(op, x),
    "hypot": each(math.hypot),
    "is_finite": each(math.isfinite, bool),
    "is_nan": each(math.isnan, bool),
    "leaky_relu": lambda op, x: each(lambda v: v if v > 0 else op.slope * v)(op, x),
    "less": each(lambda a, b: a < b, bool),
    "less_equal": each(lambda a, b: a <= b, bool),
    "log": each(math.log),
    "log1p": each(math.log1p),
    "log_sigmoid": each(lambda x: -math.log1p(math.exp(-x))),
    "log_softmax": rows(lambda xs: [x - logsumexp(xs) for x in xs]),
    "logical_and": each(lambda a, b: a and b, bool),
    "logical_not": each(lambda a: not a, bool),
    "logical_or": each(lambda a, b: a or b, bool),
    "logsumexp": along(logsumexp),
    "matmul": matmul,
    "max": along(max),
    "maximum": each(max),
    "mean": along(mean),
    "min": along(min),
    "minimum": each(min),
    "mish": each(lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    "mul": each(lambda a, b: a * b),
    "neg": each(lambda x: -x),
    "norm": along(lambda xs: math.hypot(*xs)),
    "normal_cdf": each(lambda x: math.erfc(-x / math.sqrt(2)) / 2),
    "not_equal": each(lambda a, b: a != b, bool),
    "one_hot": one_hot,
    "power": each(lambda a, b: math.pow(a, b)),
    "prelu": each(lambda x, s: x if x > 0 else s * x),
    "prod": along(math.prod),
    "random_normal": random_normal,
    "random_uniform": random_uniform,
    "reciprocal": each(lambda x: 1 / x),
    "relu": each(lambda x: x if x > 0 else 0),
    "reshape": lambda op, x: np.array(x.reshape(-1).tolist(), float).reshape(op.shape),
    "round": each(round),
    "scale": each(lambda a, b: a * b),
    "scatter_add": scatter_add,
    "sigmoid": each(lambda x: 1 / (1 + math.exp(-x))),
    "sign": each(lambda x: (x > 0) - (x < 0)),
    "silu": each(lambda x: x / (1 + math.exp(-x))),
    "sin": each(math.sin),
    "sinh": each(math.sinh),
    "slice": slice_,
    "soft_shrink": lambda op, x: each(lambda v: math.copysign(max(abs(v) - op.size, 0), v))(op, x),
    "softmax": rows(softmax),
    "softmax_pullback": softmax_pullback,
    "softplus": each(lambda x: math.log1p(math.exp(x))),
    "softsign": each(lambda x: x / (1 + abs(x))),
    "sparsemax": sparsemax,
    "sqrt": each(math.sqrt),
    "square": each(lambda x: x * x),
    "squareplus": lambda op, x: each(lambda v: (v + math.sqrt(v * v + op.b)) / 2)(op, x),
    "std": along(lambda xs: math.sqrt(variance(xs))),
    "stop_gradient": lambda op, x: x,
    "sub": each(lambda a, b: a - b),
    "sum": along(math.fsum),
    "tan": each(math.tan),
    "tanh": each(math.tanh),
    "threshold": lambda op, x: each(lambda v: v if v > op.limit else op.value)(op, x),
    "transpose": lambda op, x: np.einsum(x, list(range(x.ndim)), list(op.axes)),
    "variance": along(variance),
    "where": each(lambda c, a, b: a if c else b),
    "acosh": each(math.acosh),
    "asinh": each(math.asinh),
    "atanh": each(math.atanh),
    "log10": each(math.log10),
    "log2": each(math.log2),
    "logaddexp": each(lambda a, b: math.log(math.exp(a) + math.exp(b))),
    "xlogy": each(lambda a, b: a * math.log(b)),
    **expected_arrays.EXPECTED,
    **expected_windows.EXPECTED,
    **expected_loops.EXPECTED,
    **NORMALISATION,
}
