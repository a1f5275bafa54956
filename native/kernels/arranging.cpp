// Arrays put together of others, and arrays of nothing but their shape.
//
//   name         integers                      reals  inputs  of
//   concatenate  axis                          -      any     one dtype, any
//   embed        start, step of every axis     -      x       any dtype
//   arange       -                             -      -       int64
//   full         value                         value  -       any dtype
//
// `full` has its value as an integer for whole numbers and flags, and as a real for floats.

#include "copying.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

std::size_t no_workspace(const Call&) {
    return 0;
}

Fault concatenate(const Call& call) {
    const auto axis = static_cast<std::size_t>(call.integers[0]);
    Array part = call.outputs[0];
    const auto item = static_cast<Index>(item_size(part.dtype));
    for (const Array& x : call.inputs) {
        part.shape[axis] = x.shape[axis];
        copy_elements(x, part, call.pool);
        part.data += x.shape[axis] * part.strides[axis] * item;
    }
    return {};
}

std::string check_concatenate(const Call& call) {
    if (call.inputs.empty() || call.outputs.size() != 1) return "it takes one array or more";
    if (call.integers.size() != 1) return "it takes one axis";
    const Array& y = call.outputs[0];
    const Index axis = call.integers[0];
    if (axis < 0 || axis >= y.axes) return "an axis is out of range";
    Index length = 0;
    for (const Array& x : call.inputs) {
        if (x.dtype != y.dtype || x.axes != y.axes) return "the arrays must be of one kind";
        for (int i = 0; i < y.axes; ++i) {
            if (i != axis && x.shape[i] != y.shape[i])
                return "the arrays must agree but for the axis";
        }
        length += x.shape[axis];
    }
    if (length != y.shape[axis]) return "the output must be as long as all arrays together";
    return y.contiguous() ? "" : "the output must be contiguous";
}

// The places of y that a slice reads.
Array sliced(const Call& call) {
    const Array& x = call.inputs[0];
    Array part = call.outputs[0];
    const auto item = static_cast<Index>(item_size(part.dtype));
    for (int axis = 0; axis < part.axes; ++axis) {
        if (x.shape[axis] > 0) part.data += call.integers[2 * axis] * part.strides[axis] * item;
        part.shape[axis] = x.shape[axis];
        part.strides[axis] *= call.integers[2 * axis + 1];
    }
    return part;
}

Fault embed(const Call& call) {
    const Array& y = call.outputs[0];
    const auto bytes = y.size() * static_cast<Index>(item_size(y.dtype));
    in_shares(call.pool, bytes, 1, [&](Index begin, Index end) {
        std::fill(y.data + begin, y.data + end, std::byte{0});
    });
    if (call.inputs[0].size() > 0) copy_elements(call.inputs[0], sliced(call), call.pool);
    return {};
}

std::string check_embed(const Call& call) {
    if (call.inputs.size() != 1 || call.outputs.size() != 1) return "it takes one array";
    const Array &x = call.inputs[0], &y = call.outputs[0];
    if (x.dtype != y.dtype || x.axes != y.axes) return "the arrays must be of one kind";
    if (!y.contiguous()) return "the output must be contiguous";
    if (call.integers.size() != 2 * static_cast<std::size_t>(y.axes)) {
        return "it takes a start and a step for every axis";
    }
    for (int axis = 0; axis < y.axes; ++axis) {
        const Index start = call.integers[2 * axis], step = call.integers[2 * axis + 1];
        const Index n = x.shape[axis], length = y.shape[axis];
        if (step == 0) return "a step is 0";
        if (n == 0) continue;
        Index reach = 0, last = 0;
        if (__builtin_mul_overflow(n - 1, step, &reach) ||
            __builtin_add_overflow(start, reach, &last) || std::min(start, last) < 0 ||
            std::max(start, last) >= length) {
            return "the places lie outside the output";
        }
    }
    return {};
}

Fault arange(const Call& call) {
    const Array& y = call.outputs[0];
    in_shares(call.pool, y.size(), 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) y.as<Index>()[i] = i;
    });
    return {};
}

std::string check_arange(const Call& call) {
    if (!call.inputs.empty() || call.outputs.size() != 1) return "it takes no array";
    const Array& y = call.outputs[0];
    return y.dtype == Dtype::int64 && y.contiguous() ? "" : "the output must be contiguous, int64";
}

template <class T>
void fill(const Call& call, T value) {
    const Array& y = call.outputs[0];
    in_shares(call.pool, y.size(), 1, [&](Index begin, Index end) {
        std::fill(y.as<T>() + begin, y.as<T>() + end, value);
    });
}

Fault full(const Call& call) {
    switch (call.outputs[0].dtype) {
        case Dtype::float32:
            fill(call, static_cast<float>(call.reals[0]));
            break;
        case Dtype::float64:
            fill(call, call.reals[0]);
            break;
        case Dtype::int64:
            fill(call, call.integers[0]);
            break;
        default:
            fill(call, static_cast<Flag>(call.integers[0] != 0));
    }
    return {};
}

std::string check_full(const Call& call) {
    if (!call.inputs.empty() || call.outputs.size() != 1) return "it takes no array";
    if (call.integers.size() != 1 || call.reals.size() != 1) return "it takes its value twice";
    return call.outputs[0].contiguous() ? "" : "the output must be contiguous";
}

const Kernel rows[] = {
    {"concatenate", concatenate, check_concatenate, no_workspace},
    {"embed", embed, check_embed, no_workspace},
    {"arange", arange, check_arange, no_workspace},
    {"full", full, check_full, no_workspace},
};

}  // namespace

std::span<const Kernel> arranging_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
