// Reading and adding at given indices. Every index is checked before anything is written: the
// first that is out of range is a fault.
//
//   name         integers                reals  inputs                  of
//   gather       axis, lead, from_end    -      x, indices              any dtype; int64
//   scatter_add  axis, lead              -      x, indices              float32, float64, int64
//   one_hot      -                       -      indices                 int64, to any dtype
//   ravel_index  the length of each axis -      indices, one an axis    int64
//
// `lead` axes are shared by numbers and indices, as in ops/indexing.py. Negative indices count from
// the end; in `gather`, only if `from_end` is 1 (`lowest` is None). What is added at one index is
// added in the order of the indices: threads share out the columns, never the entries.

#include <cstring>

#include "copying.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// x is (shared, before, length, after), and the indices are (shared, chosen).
struct Form {
    Index shared = 1, before = 1, length = 1, after = 1, chosen = 1;
};

Index product(const Array& array, int from, int to) {
    Index found = 1;
    for (int axis = from; axis < to; ++axis) found *= array.shape[axis];
    return found;
}

// The form of a call whose `whole` array has the full axis, where the `chosen` one has the indices.
Form form_of(const Call& call, const Array& whole) {
    const int axis = static_cast<int>(call.integers[0]), lead = static_cast<int>(call.integers[1]);
    const Array& indices = call.inputs[1];
    return {product(whole, 0, lead), product(whole, lead, axis), whole.shape[axis],
            product(whole, axis + 1, whole.axes), product(indices, lead, indices.axes)};
}

// The indices, contiguous and none negative, in the workspace.
struct Indices {
    Index* at = nullptr;
    Fault fault;
};

Indices checked(const Array& given, Index length, bool from_end, Room& room, Pool* pool) {
    Indices found;
    found.at = room.take<Index>(given.size());
    copy_elements(given, laid_out(given, reinterpret_cast<std::byte*>(found.at)), pool);
    for (Index i = 0; i < given.size(); ++i) {
        const Index index = found.at[i], least = from_end ? -length : 0;
        if (index < least || index >= length) {
            found.fault = {index, i, length};
            return found;
        }
        if (index < 0) found.at[i] = index + length;
    }
    return found;
}

template <class U>
void take(const Form& form, const U* x, const Index* indices, U* y, Pool* pool) {
    const Index rows = form.shared * form.before, after = form.after;
    const Index each = std::max<Index>(1, share / std::max<Index>(after, 1));
    const Index parts = (form.chosen + each - 1) / each;
    in_shares(pool, rows * parts, std::min(each, form.chosen) * after, [&](Index b, Index e) {
        for (Index i = b; i < e; ++i) {
            const Index row = i / parts, first = i % parts * each;
            const Index* chosen = indices + row / form.before * form.chosen;
            const U* from = x + row * form.length * after;
            U* to = y + row * form.chosen * after;
            for (Index c = first; c < std::min(form.chosen, first + each); ++c) {
                if (after == 1) {
                    to[c] = from[chosen[c]];
                } else {
                    std::memcpy(to + c * after, from + chosen[c] * after,
                                static_cast<std::size_t>(after) * sizeof(U));
                }
            }
        }
    });
}

Fault gather(const Call& call) {
    const Form form = form_of(call, call.inputs[0]);
    Room room{call.workspace};
    const auto [at, fault] =
        checked(call.inputs[1], form.length, call.integers[2] != 0, room, call.pool);
    if (fault.place >= 0) return fault;
    const Array settled_x = settled(call.inputs[0], room);
    const Array &x = filled(call.inputs[0], settled_x, call.pool), &y = call.outputs[0];
    switch (item_size(x.dtype)) {
        case 1:
            take(form, x.as<const std::uint8_t>(), at, y.as<std::uint8_t>(), call.pool);
            break;
        case 4:
            take(form, x.as<const std::uint32_t>(), at, y.as<std::uint32_t>(), call.pool);
            break;
        default:
            take(form, x.as<const std::uint64_t>(), at, y.as<std::uint64_t>(), call.pool);
    }
    return {};
}

template <class T>
void add_at(const Form& form, const T* x, const Index* indices, T* y, Pool* pool) {
    const Index rows = form.shared * form.before, after = form.after;
    // Columns by the length and the width alone, so that many entries are shared out as well.
    const Index wide = std::max<Index>(16, (after + 7) / 8), parts = (after + wide - 1) / wide;
    const Index cost = form.length * std::min(wide, after) + form.chosen * std::min(wide, after);
    in_shares(pool, rows * parts, cost, [&](Index b, Index e) {
        for (Index i = b; i < e; ++i) {
            const Index row = i / parts, first = i % parts * wide;
            const Index n = std::min(wide, after - first);
            const Index* chosen = indices + row / form.before * form.chosen;
            T* to = y + row * form.length * after + first;
            const T* from = x + row * form.chosen * after + first;
            if (n == after) {
                std::fill(to, to + form.length * after, T(0));
            } else {
                for (Index l = 0; l < form.length; ++l) std::fill_n(to + l * after, n, T(0));
            }
            for (Index c = 0; c < form.chosen; ++c) {
                T* sum = to + chosen[c] * after;
                const T* entry = from + c * after;
#pragma GCC ivdep
                for (Index j = 0; j < n; ++j) sum[j] += entry[j];
            }
        }
    });
}

Fault scatter_add(const Call& call) {
    const Form form = form_of(call, call.outputs[0]);
    Room room{call.workspace};
    const auto [at, fault] = checked(call.inputs[1], form.length, true, room, call.pool);
    if (fault.place >= 0) return fault;
    const Array settled_x = settled(call.inputs[0], room);
    const Array &x = filled(call.inputs[0], settled_x, call.pool), &y = call.outputs[0];
    switch (x.dtype) {
        case Dtype::float32:
            add_at(form, x.as<const float>(), at, y.as<float>(), call.pool);
            break;
        case Dtype::float64:
            add_at(form, x.as<const double>(), at, y.as<double>(), call.pool);
            break;
        default:  // whole numbers wrap around, which C++ promises of unsigned ones alone
            add_at(form, x.as<const std::uint64_t>(), at, y.as<std::uint64_t>(), call.pool);
    }
    return {};
}

template <class T>
Fault hot_rows(const Call& call) {
    const Array &indices = call.inputs[0], &y = call.outputs[0];
    const Index classes = y.shape[y.axes - 1], rows = indices.size();
    Room room{call.workspace};
    const Array settled_indices = settled(indices, room);
    const auto* at = filled(indices, settled_indices, call.pool).as<const Index>();
    for (Index i = 0; i < rows; ++i) {
        const Index index = at[i] == -1 ? 0 : at[i];
        if (index < 0 || index >= classes) return {index, i, classes};
    }
    in_shares(call.pool, rows, classes, [&](Index begin, Index end) {
        T* out = y.as<T>();
        std::fill(out + begin * classes, out + end * classes, T(0));
        for (Index i = begin; i < end; ++i) {
            if (at[i] >= 0) out[i * classes + at[i]] = 1;
        }
    });
    return {};
}

Fault one_hot(const Call& call) {
    switch (call.outputs[0].dtype) {
        case Dtype::float32:
            return hot_rows<float>(call);
        case Dtype::float64:
            return hot_rows<double>(call);
        case Dtype::int64:
            return hot_rows<Index>(call);
        default:
            return hot_rows<Flag>(call);
    }
}

Fault ravel_index(const Call& call) {
    const Array& y = call.outputs[0];
    auto* out = y.as<Index>();
    Room room{call.workspace};
    const Index* at[most_axes];
    for (std::size_t axis = 0; axis < call.inputs.size(); ++axis) {
        const auto found = checked(call.inputs[axis], call.integers[axis], true, room, call.pool);
        if (found.fault.place >= 0) return found.fault;
        at[axis] = found.at;
    }
    in_shares(call.pool, y.size(), 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
            Index sum = 0;
            for (std::size_t axis = 0; axis < call.inputs.size(); ++axis) {
                sum = sum * call.integers[axis] + at[axis][i];
            }
            out[i] = sum;
        }
    });
    return {};
}

bool alike(const Array& a, int a_from, const Array& b, int b_from, int axes) {
    return axes >= 0 && a_from + axes <= a.axes && b_from + axes <= b.axes &&
           std::equal(a.shape.begin() + a_from, a.shape.begin() + a_from + axes,
                      b.shape.begin() + b_from);
}

// (shared, before, length, after) in `whole`, and the indices' axes instead of the length in
// `part`.
std::string check_form(const Call& call, std::size_t integers, bool whole_first) {
    if (call.inputs.size() != 2 || call.outputs.size() != 1) return "it takes two arrays";
    if (call.integers.size() != integers) return "it takes another number of integers";
    const Array &x = call.inputs[0], &indices = call.inputs[1], &y = call.outputs[0];
    const Array &whole = whole_first ? x : y, &part = whole_first ? y : x;
    const Index axis = call.integers[0], lead = call.integers[1];
    if (indices.dtype != Dtype::int64) return "indices are int64";
    if (y.dtype != x.dtype || !y.contiguous()) return "the output must be contiguous, as the input";
    if (lead < 0 || axis < lead || axis >= whole.axes || lead > indices.axes) {
        return "an axis is out of range";
    }
    const int a = static_cast<int>(axis), l = static_cast<int>(lead);
    const int own = indices.axes - l, rest = whole.axes - a - 1;
    const bool fits = part.axes == a + own + rest && alike(whole, 0, part, 0, a) &&
                      alike(whole, 0, indices, 0, l) && alike(part, a, indices, l, own) &&
                      alike(whole, a + 1, part, a + own, rest);
    return fits ? "" : "the entries must be as many as the indices";
}

std::string check_gather(const Call& call) {
    return check_form(call, 3, true);
}

std::string check_scatter_add(const Call& call) {
    const std::string refused = check_form(call, 2, false);
    if (!refused.empty()) return refused;
    return call.inputs[0].dtype == Dtype::boolean ? "flags are not added" : "";
}

std::string check_one_hot(const Call& call) {
    if (call.inputs.size() != 1 || call.outputs.size() != 1) return "it takes one array";
    const Array &indices = call.inputs[0], &y = call.outputs[0];
    if (indices.dtype != Dtype::int64) return "indices are int64";
    if (!y.contiguous() || y.axes != indices.axes + 1 || !alike(y, 0, indices, 0, indices.axes)) {
        return "the output must be contiguous, with one axis more than the indices";
    }
    return {};
}

std::string check_ravel_index(const Call& call) {
    const std::size_t many = call.inputs.size();
    if (many < 1 || many > most_axes || call.integers.size() != many || call.outputs.size() != 1) {
        return "it takes as many arrays as lengths";
    }
    const Array& y = call.outputs[0];
    Index total = 1;
    for (std::size_t axis = 0; axis < many; ++axis) {
        const Array& x = call.inputs[axis];
        if (x.dtype != Dtype::int64 || y.dtype != Dtype::int64) return "indices are int64";
        if (x.axes != y.axes || !alike(x, 0, y, 0, y.axes)) return "indices must have one shape";
        if (call.integers[axis] < 0 || __builtin_mul_overflow(total, call.integers[axis], &total)) {
            return "a length is out of range";
        }
    }
    return y.contiguous() ? "" : "the output must be contiguous";
}

std::size_t workspace(const Call& call) {
    Room room;
    for (const Array& x : call.inputs) {
        settled(x, room);
        if (x.dtype == Dtype::int64) room.take<Index>(x.size());
    }
    return room.used;
}

const Kernel rows[] = {
    {"gather", gather, check_gather, workspace},
    {"scatter_add", scatter_add, check_scatter_add, workspace},
    {"one_hot", one_hot, check_one_hot, workspace},
    {"ravel_index", ravel_index, check_ravel_index, workspace},
};

}  // namespace

std::span<const Kernel> indexing_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
