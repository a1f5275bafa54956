"""The arithmetic of convolution on NumPy arrays, as few large matrix products.

Measured on one core (float32, batch 64; milliseconds; patches copied whole / in blocks that stay
in the cache / one product for each tap of the window):

    image, kernel            forward             kernel's gradient   input's, by taps
    28x28x1, 5x5 -> 6        3.1 / 1.0 / 14.6    3.3 / 1.1 / 2.7     4.0
    14x14x6, 5x5 -> 16       0.8 / 0.8 / 1.7     0.9 / 0.8 / 1.4     1.9
    32x32x3, 3x3 -> 32       3.8 / 2.9 / 10.5    4.3 / 3.0 / 8.1     7.2
    32x32x32, 3x3 -> 64      45 / 31 / 78        43 / 31 / 47        53
    16x16x64, 3x3 -> 64      21 / 16 / 18        20 / 17 / 17        18

So patches are copied block by block. Where one of their rows is short, the copy runs along the
image instead of along the patch (2.3 -> 1.0 in the first line). For the input's gradient, adding
one product for each tap beats a convolution with the flipped kernel where there are few channels
(1.9 against 3.0 in the second line), is as fast elsewhere, and takes any stride. The rows of a
depthwise convolution go line by line, 64 x 14x14x64 in 5 ms, against 14 number by number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.ops.reductions import sum_of_rows
from pullback.ops.windows import Borders, Sizes, blocks, inner, padded, patches, taps

_BLOCK = 1 << 17  # numbers in one block: 512 KiB of float32
_SHORT = 16  # patches whose rows are shorter are copied along the image


class _Scratch:
    """Memory that every block uses again: fresh pages would cost more than what fills them."""

    def __init__(self, dtype: Dtype) -> None:
        self._numbers = np.empty(0, dtype)

    def shaped(self, shape: Shape) -> Array:
        """An array of that shape, with anything in it; the one before is overwritten."""
        size = math.prod(shape)
        if size > self._numbers.size:
            self._numbers = np.empty(size, self._numbers.dtype)
        return self._numbers[:size].reshape(shape)


@dataclass(frozen=True)
class Correlation:
    r"""The sums $\sum x\,k\,y$ over pairs of an input's place x and an output's place y.

    Attributes:
        window: The kernel's size, axis by axis.
        stride: By how much it moves.
        padding: Zeros before and after each axis of the input.
        dilation: The distance between its taps.
        groups: Into how many the channels are cut; each is convolved by itself.
    """

    window: Shape
    stride: Sizes
    padding: Borders
    dilation: Sizes
    groups: int

    def output(self, x: Array, kernel: Array, positions: Shape) -> Array:
        """The sums for each y: the convolution."""
        x, outs = padded(x, self.padding), kernel.shape[-1]
        if kernel.shape[-2] == 1 < self.groups:
            return self._depthwise_output(x, kernel, positions)
        y = np.empty((len(x), *positions, outs), np.result_type(x, kernel))
        weights = self._by_group(kernel.reshape(-1, outs))
        for block, columns in self._columns(x, positions):
            np.matmul(columns, weights, out=self._by_group(y[block].reshape(-1, outs)))
        return y

    def kernel(self, x: Array, y: Array) -> Array:
        """The sums for each number of the kernel: its gradient, where y is the cotangent."""
        x, outs = padded(x, self.padding), y.shape[-1]
        shape = (*self.window, x.shape[-1] // self.groups, outs)
        if shape[-2] == 1 < self.groups:
            return self._depthwise_kernel(x, y, shape)
        size = math.prod(shape[:-1])
        dtype = np.result_type(x, y)
        total = np.zeros((self.groups, size, outs // self.groups), dtype)
        for block, columns in self._columns(x, y.shape[1:-1]):
            total += np.matmul(columns.swapaxes(1, 2), self._by_group(y[block].reshape(-1, outs)))
        return np.ascontiguousarray(total.swapaxes(0, 1)).reshape(shape)

    def input(self, y: Array, kernel: Array, space: Shape) -> Array:
        """The sums for each x: its gradient, where y is the cotangent."""
        channels, positions = kernel.shape[-2] * self.groups, y.shape[1:-1]
        wide = [low + n + high for n, (low, high) in zip(space, self.padding, strict=True)]
        x = np.zeros((len(y), *wide, channels), np.result_type(y, kernel))
        if kernel.shape[-2] == 1 < self.groups:
            return self._depthwise_input(y, kernel, x)[inner(space, self.padding)]
        scratch = _Scratch(x.dtype)
        for block in blocks(len(y), math.prod(positions) * channels, _BLOCK):
            rows = y[block].reshape(-1, y.shape[-1])
            part = scratch.shaped((len(rows), channels))
            for tap, seen in taps(positions, self.window, self.stride, self.dilation):
                view = x[block][seen]
                weights = self._by_group(kernel[tap]).swapaxes(1, 2)
                np.matmul(self._by_group(rows), weights, out=self._by_group(part))
                view += part.reshape(view.shape)
        return x[inner(space, self.padding)]

    def _by_group(self, rows: Array) -> Array:
        """(rows, groups * columns) as (groups, rows, columns), a view."""
        count, columns = rows.shape
        return rows.reshape(count, self.groups, columns // self.groups).swapaxes(0, 1)

    def _columns(self, x: Array, positions: Shape) -> Iterator[tuple[slice, Array]]:
        """Block by block, the patches as matrices: (groups, rows of the output, patch)."""
        rank, groups = len(positions), self.groups
        within = x.shape[-1] // groups
        seen = patches(x, positions, self.window, self.stride, self.dilation)
        seen = seen.reshape(*seen.shape[:-1], groups, within)
        places, tap = range(1, rank + 1), range(rank + 1, 2 * rank + 1)
        group, channel = 2 * rank + 1, 2 * rank + 2
        short = self.window[-1] * within < _SHORT
        order = (group, *tap, channel, 0, *places) if short else (group, 0, *places, *tap, channel)
        size = math.prod(self.window) * within
        scratch = _Scratch(x.dtype)
        for block in blocks(len(x), math.prod(positions) * size * groups, _BLOCK):
            view = seen[block].transpose(order)
            copied = scratch.shaped(view.shape)
            np.copyto(copied, view)
            rows = (block.stop - block.start) * math.prod(positions)
            if short:
                yield block, copied.reshape(groups, size, rows).swapaxes(1, 2)
            else:
                yield block, copied.reshape(groups, rows, size)

    # Depthwise, one input channel a group: products of single numbers, which BLAS does not help.
    # Each channel is repeated for all of its outputs, so that channels meet one by one; and each
    # tap for a whole line of positions, so that NumPy's inner loops run over lines.

    def _depthwise_output(self, x: Array, kernel: Array, positions: Shape) -> Array:
        wide, lines = self._for_each_output(x, kernel.shape[-1]), _in_lines(kernel, positions)
        y = np.zeros((len(x), *positions, kernel.shape[-1]), np.result_type(x, kernel))
        scratch = _Scratch(y.dtype)
        for block in blocks(len(x), math.prod(y.shape[1:]), _BLOCK):
            part = scratch.shaped(y[block].shape)
            for tap, seen in taps(positions, self.window, self.stride, self.dilation):
                y[block] += np.multiply(wide[block][seen], lines[tap], out=part)
        return y

    def _depthwise_kernel(self, x: Array, y: Array, shape: Shape) -> Array:
        wide, total = self._for_each_output(x, shape[-1]), np.zeros(shape, np.result_type(x, y))
        scratch = _Scratch(total.dtype)
        for block in blocks(len(x), math.prod(y.shape[1:]), _BLOCK):
            part = scratch.shaped(y[block].shape)
            for tap, seen in taps(y.shape[1:-1], self.window, self.stride, self.dilation):
                np.multiply(wide[block][seen], y[block], out=part)
                total[tap] += sum_of_rows(part.reshape(-1, shape[-1]))
        return total

    def _depthwise_input(self, y: Array, kernel: Array, x: Array) -> Array:
        """Adds to the padded x."""
        positions, each = y.shape[1:-1], y.shape[-1] // self.groups
        wide = self._for_each_output(x, y.shape[-1])
        lines, scratch = _in_lines(kernel, positions), _Scratch(x.dtype)
        for block in blocks(len(y), math.prod(y.shape[1:]), _BLOCK):
            part = scratch.shaped(y[block].shape)
            for tap, seen in taps(positions, self.window, self.stride, self.dilation):
                view = wide[block][seen]
                view += np.multiply(y[block], lines[tap], out=part)
        return wide if each == 1 else wide.reshape(*x.shape, each).sum(axis=-1)

    def _for_each_output(self, x: Array, outs: int) -> Array:
        """Each channel of x as often as it has outputs."""
        return x if outs == self.groups else np.repeat(x, outs // self.groups, axis=-1)


def _in_lines(kernel: Array, positions: Shape) -> Array:
    """Each tap of a depthwise kernel for a line of positions: (*window, positions, outputs)."""
    shape = (*kernel.shape[:-2], positions[-1], kernel.shape[-1])
    return np.ascontiguousarray(np.broadcast_to(kernel, shape))
