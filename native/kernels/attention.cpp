// How much each query attends to each key.
//
//   name               integers  reals  inputs                  of
//   attention_weights  causal    -      queries, keys [, mask]  float32, float64; boolean
//
// queries (..., queries, features) and keys (..., keys, features) may have any strides. A block of
// rows of the scores is one piece of work: it is computed as a matrix product is, a strip of
// columns at a time and a tile at a time (tile.hpp), and then, while it is still in the cache,
// every row becomes its softmax. With `causal`, tiles that lie wholly above the diagonal are
// never computed. Where nothing may be attended to, the row is 0.

#include <array>
#include <cmath>
#include <limits>

#include "maths.hpp"
#include "packing.hpp"
#include "plan.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();

// Where the matrix of that number begins, in elements; axes of length 1 serve all.
Index entry_offset(const Array& array, const Array& of, Index entry) {
    Index offset = 0;
    for (int axis = of.axes - 2; axis-- > 0;) {
        if (array.shape[axis] > 1) offset += entry % of.shape[axis] * array.strides[axis];
        entry /= of.shape[axis];
    }
    return offset;
}

// The largest number of a row, 0 in place of -inf; NaN is passed over.
template <class T>
T largest(const T* row, Index count) {
    constexpr Index lanes = vector_lanes<T>;
    T top = -infinity<T>;
    Index i = 0;
    if (count >= lanes) {
        Vector<T> tops = load(row);
        tops = tops == tops ? tops : Vector<T>{} - infinity<T>;
        for (i = lanes; i + lanes <= count; i += lanes) {
            const Vector<T> next = load(row + i);
            tops = next > tops ? next : tops;
        }
        T each[lanes];
        store(each, tops);
        for (const T one : each) top = one > top ? one : top;
    }
    for (; i < count; ++i) top = row[i] > top ? row[i] : top;
    return top > -infinity<T> ? top : T(0);
}

template <class T>
T sum_of(const T* row, Index count) {
    constexpr Index lanes = vector_lanes<T>;
    Vector<T> sums[2] = {Vector<T>{}, Vector<T>{}};
    Index i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        sums[0] += load(row + i);
        sums[1] += load(row + i + lanes);
    }
    T each[lanes], total = 0;
    store(each, sums[0] + sums[1]);
    for (; i < count; ++i) total += row[i];
    for (const T one : each) total += one;
    return total;
}

// Returns what a place beyond them, of weight 0, becomes: 0, or NaN in a row with NaN.
template <class T>
T softmax_row(T* row, Index count) {
    const T top = largest(row, count);
#pragma GCC ivdep
    for (Index i = 0; i < count; ++i) row[i] = exp(row[i] == top ? T(0) : row[i] - top);
    const T sum = sum_of(row, count), divisor = sum == 0 ? T(1) : sum;
#pragma GCC ivdep
    for (Index i = 0; i < count; ++i) row[i] /= divisor;
    return 0 / divisor;
}

template <class T>
struct Attention {
    const Array &q, &k, &y;
    const Array* mask;
    bool causal;

    Index queries() const {
        return y.shape[y.axes - 2];
    }
    Index keys() const {
        return y.shape[y.axes - 1];
    }
    Index features() const {
        return q.shape[q.axes - 1];
    }

    // The scores of rows first to end; those above the diagonal are left out, or anything.
    void scores(Matrix<const T> left, Matrix<const T> turned, Matrix<T> to, Index first,
                Index end) const {
        alignas(64) T strip[most_depth * strip_columns<T>];
        const Index columns = causal ? std::min(end, keys()) : keys();
        for (Index p = 0; p < features() || p == 0; p += most_depth) {
            const Index depth = std::min<Index>(most_depth, features() - p);
            const StripsOf<T> strips{columns};
            for (Index s = 0; s < strips.count(); ++s) {
                const Index j = strips.begin(s), some = strips.width(s);
                const Index vectors = vectors_of<T>(some);
                pack_strip(turned.at(p, j), depth, some, strip);
                const Index above = causal && j > first ? (j - first) / tile_rows * tile_rows : 0;
                for (Index i = first + above; i < end; i += tile_rows) {
                    const Index height = std::min<Index>(tile_rows, end - i);
                    tiles<T>[vectors - 1][height - 1](depth, left.at(i, p),
                                                      {strip, vectors * vector_lanes<T>, 1},
                                                      to.at(i, j), some, p > 0);
                }
            }
        }
    }

    void weights(T* row, const Flag* allowed, Index stride, Index i) const {
        const Index count = causal ? i + 1 : keys();
        const T root = T(1 / std::sqrt(static_cast<double>(std::max<Index>(features(), 1))));
        if (allowed == nullptr) {
#pragma GCC ivdep
            for (Index j = 0; j < count; ++j) row[j] *= root;
        } else {
            for (Index j = 0; j < count; ++j) {
                row[j] = allowed[j * stride] != 0 ? row[j] * root : -infinity<T>;
            }
        }
        std::fill(row + count, row + keys(), softmax_row(row, count));
    }

    void rows(Index entry, Index first, Index end) const {
        const int row = q.axes - 2, column = q.axes - 1;
        T* to = y.as<T>() + entry * queries() * keys();
        scores({q.as<const T>() + entry_offset(q, y, entry), q.strides[row], q.strides[column]},
               {k.as<const T>() + entry_offset(k, y, entry), k.strides[column], k.strides[row]},
               {to, keys(), 1}, first, end);
        for (Index i = first; i < end; ++i) {
            const Flag* allowed = nullptr;
            Index stride = 0;
            if (mask != nullptr) {
                allowed = mask->as<const Flag>() + entry_offset(*mask, y, entry);
                if (mask->shape[row] > 1) allowed += i * mask->strides[row];
                if (mask->shape[column] > 1) stride = mask->strides[column];
            }
            weights(to + i * keys(), allowed, stride, i);
        }
    }

    void run(Pool* pool) const {
        if (y.size() == 0) return;
        constexpr Index block = 16 * tile_rows;
        const Index blocks = (queries() + block - 1) / block;
        const Index entries = y.size() / (queries() * keys());
        const Index cost = std::min(block, queries()) * keys() * (2 + features() / 8);
        in_shares(pool, entries * blocks, cost, [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) {
                const Index first = i % blocks * block;
                rows(i / blocks, first, std::min(queries(), first + block));
            }
        });
    }
};

Fault run(const Call& call) {
    const Array *q = &call.inputs[0], *k = &call.inputs[1], *y = &call.outputs[0];
    const Array* mask = call.inputs.size() > 2 ? &call.inputs[2] : nullptr;
    const bool causal = call.integers[0] != 0;
    if (q->dtype == Dtype::float32) {
        Attention<float>{*q, *k, *y, mask, causal}.run(call.pool);
    } else {
        Attention<double>{*q, *k, *y, mask, causal}.run(call.pool);
    }
    return {};
}

std::string check(const Call& call) {
    const std::size_t inputs = call.inputs.size();
    if ((inputs != 2 && inputs != 3) || call.outputs.size() != 1 || call.integers.size() != 1) {
        return "attention takes queries, keys, perhaps a mask, and one integer";
    }
    const Array &q = call.inputs[0], &k = call.inputs[1], &y = call.outputs[0];
    if ((q.dtype != Dtype::float32 && q.dtype != Dtype::float64) || k.dtype != q.dtype ||
        y.dtype != q.dtype) {
        return "attention takes and makes floats, all of one dtype";
    }
    if (q.axes < 2 || k.axes != q.axes || y.axes != q.axes || !y.contiguous()) {
        return "queries, keys and a contiguous output have the same number of axes, at least 2";
    }
    const int row = q.axes - 2, column = q.axes - 1;
    for (int axis = 0; axis < row; ++axis) {
        if (k.shape[axis] != q.shape[axis] || y.shape[axis] != q.shape[axis]) {
            return "the leading axes of attention are the same";
        }
    }
    if (k.shape[column] != q.shape[column] || y.shape[row] != q.shape[row] ||
        y.shape[column] != k.shape[row]) {
        return "(queries, features) and (keys, features) make (queries, keys)";
    }
    if (call.integers[0] != 0 && q.shape[row] != k.shape[row]) {
        return "causal attention has as many keys as queries";
    }
    if (inputs == 2) return "";
    const Array& mask = call.inputs[2];
    if (mask.dtype != Dtype::boolean || mask.axes != y.axes) {
        return "a mask is boolean, with the axes of the output";
    }
    for (int axis = 0; axis < y.axes; ++axis) {
        if (mask.shape[axis] != 1 && mask.shape[axis] != y.shape[axis]) {
            return "an axis of a mask is that of the output, or 1";
        }
    }
    return "";
}

std::size_t workspace(const Call&) {
    return 0;
}

const Kernel table_rows[] = {{"attention_weights", run, check, workspace}};

}  // namespace

std::span<const Kernel> attention_kernels() {
    return table_rows;
}

}  // namespace pullback::PULLBACK_ISA
