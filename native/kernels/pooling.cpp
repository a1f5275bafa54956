// One number for every window: the largest, its place, the mean; and what spreads them again.
//
//   name               integers                                            inputs
//   max_pool           window an axis; stride, padding, dilation an axis   x
//   max_pool_index     the same                                            x, to int64
//   max_pool_pullback  the same                                            y_bar, x
//   avg_pool           1 if padding counts, else 0; the same               x
//   avg_unpool         as avg_pool                                         y
//
// Of float32 and float64. A window is a product of one range an axis, so lines are folded into one
// number by number first, whole lines at a time, and then along the line. Only the place of the
// largest number needs every tap by itself.

#include <algorithm>

#include "copying.hpp"
#include "largest.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// A line's numbers over one number: whole vectors, the last of which may reach beyond them.
template <class T>
void divide_line(T* line, Index count, T by) {
    for (Index i = 0; i < count; i += vector_lanes<T>) store(line + i, load(line + i) / by);
}

template <class T>
void max_pool(const Pooling& of, const T* x, const Array& y, const Call& call) {
    fold<false>(
        of.sources(), of.axes, false, of.batch, of.channels, x, y.as<T>(), call,
        [](Vector<T> a, Vector<T> b) { return (b > a) | (b != b) ? b : a; },  // NaN before all
        [](T*, Index, Index, Index) {});
}

template <class T>
void avg_pool(const Pooling& of, const T* x, const Array& y, const Call& call) {
    const auto counts = of.counts();
    const auto& wide = counts[2];
    const bool even = std::ranges::all_of(wide, [&](Index count) { return count == wide[0]; });
    const Index n = of.channels;
    fold<false>(
        of.sources(), of.axes, false, of.batch, n, x, y.as<T>(), call,
        [](Vector<T> a, Vector<T> b) { return a + b; },
        [&](T* line, Index count, Index d, Index h) {
            const Index lines = counts[0][d] * counts[1][h];
            if (even) return divide_line(line, count, static_cast<T>(lines * wide[0]));
            for (const Index across : wide) {
                const T by = static_cast<T>(lines * across);
                for (Index c = 0; c < n; ++c) line[c] /= by;
                line += n;
            }
        });
}

// y divided by what each mean is over is `parts`, where that differs from window to window; else
// the sums are divided.
template <class T>
void avg_unpool(const Pooling& of, const T* y, const Array& x, T* parts, const Call& call) {
    const auto counts = of.counts();
    const auto& [deep, high, wide] = of.axes;
    const Index n = of.channels, lines = of.batch * deep.output * high.output;
    T over = 1;
    if (of.padding_counts) {
        over = static_cast<T>(deep.window * high.window * wide.window);
    } else {
        in_shares(call.pool, lines, wide.output * n, [&](Index b, Index e) {
            for (Index line = b; line < e; ++line) {
                const Index d = line / high.output % deep.output, h = line % high.output;
                for (Index p = 0; p < wide.output; ++p) {
                    const T count = static_cast<T>(counts[0][d] * counts[1][h] * counts[2][p]);
                    const Index at = (line * wide.output + p) * n;
                    for (Index c = at; c < at + n; ++c) parts[c] = y[c] / count;
                }
            }
        });
        y = parts;
    }
    fold<true>(
        of.sources_of_input(), of.axes, true, of.batch, n, y, x.as<T>(), call,
        [](Vector<T> a, Vector<T> b) { return a + b; },
        [&](T* line, Index count, Index, Index) { divide_line(line, count, over); });
}

enum class Kind { largest, place, pullback, mean, spread };

// Which array has the image, and which a number for each window.
template <Kind kind>
std::pair<const Array&, const Array&> sides(const Call& call) {
    if constexpr (kind == Kind::pullback) return {call.inputs[1], call.inputs[0]};
    if constexpr (kind == Kind::spread) return {call.outputs[0], call.inputs[0]};
    return {call.inputs[0], call.outputs[0]};
}

constexpr bool has_mean(Kind kind) {
    return kind == Kind::mean || kind == Kind::spread;
}

template <Kind kind>
Pooling pooling(const Call& call) {
    const auto [x, y] = sides<kind>(call);
    const auto numbers = call.integers.subspan(has_mean(kind) ? 1 : 0);
    const auto rank = static_cast<std::size_t>(x.axes - 2);
    return {slides(x, y, numbers.first(rank), numbers.subspan(rank)), x.shape[0],
            x.shape[x.axes - 1], !has_mean(kind) || call.integers[0] != 0};
}

template <Kind kind>
std::string check(const Call& call) {
    constexpr std::size_t before = has_mean(kind) ? 1 : 0;
    if (call.inputs.size() != (kind == Kind::pullback ? 2 : 1) || call.outputs.size() != 1) {
        return "it takes another number of arrays";
    }
    const auto [x, y] = sides<kind>(call);
    const Array& last = call.outputs[0];
    const Dtype own = call.inputs[0].dtype, made = kind == Kind::place ? Dtype::int64 : own;
    if ((own != Dtype::float32 && own != Dtype::float64) || last.dtype != made ||
        call.inputs.back().dtype != own) {
        return "a pooling is of float32 or float64; places are int64";
    }
    if (x.axes < 3 || call.integers.size() != before + 4 * static_cast<std::size_t>(x.axes - 2)) {
        return "the integers are the window, then stride, padding and dilation of each axis";
    }
    const auto numbers = call.integers.subspan(before);
    const auto rank = static_cast<std::size_t>(x.axes - 2);
    std::string refused = slides_refused(x, y, numbers.first(rank), numbers.subspan(rank));
    if (!refused.empty()) return refused;
    if (x.shape[x.axes - 1] != y.shape[y.axes - 1]) return "a pooling keeps the channels";
    if (kind == Kind::pullback &&
        (x.axes != last.axes ||
         !std::equal(x.shape.begin(), x.shape.begin() + x.axes, last.shape.begin()))) {
        return "the output is of the input's shape";
    }
    if (!last.contiguous()) return "the output of a pooling is contiguous";
    for (const Slide& axis : pooling<kind>(call).axes) {
        for (Index p = 0; p < axis.output; ++p) {
            const auto [begin, end] = axis.inside(p);
            if (begin >= end) return "every window covers some of the input";
        }
    }
    return {};
}

// The inputs as they are needed, contiguous, and room for one more of the first.
template <Kind kind>
std::size_t workspace(const Call& call) {
    Room room;
    for (const Array& input : call.inputs) settled(input, room);
    if (kind == Kind::spread) {
        room.take<std::byte>(call.inputs[0].size() *
                             static_cast<Index>(item_size(call.inputs[0].dtype)));
    }
    return room.used;
}

template <Kind kind, class T>
void run_as(const Call& call) {
    Room room{call.workspace};
    const Array place = settled(call.inputs[0], room);
    const Array& first = filled(call.inputs[0], place, call.pool);
    const Pooling of = pooling<kind>(call);
    const T* from = first.as<const T>();
    const Array& to = call.outputs[0];
    if constexpr (kind == Kind::largest) max_pool(of, from, to, call);
    if constexpr (kind == Kind::place) max_pool_index(of, from, to, call.pool);
    if constexpr (kind == Kind::mean) avg_pool(of, from, to, call);
    if constexpr (kind == Kind::spread) {
        avg_unpool(of, from, to, room.take<T>(first.size()), call);
    }
    if constexpr (kind == Kind::pullback) {
        const Array other = settled(call.inputs[1], room);
        const T* x = filled(call.inputs[1], other, call.pool).template as<const T>();
        max_pool_pullback(of, from, x, to, call);
    }
}

template <Kind kind>
Fault run(const Call& call) {
    if (call.outputs[0].size() == 0) return {};
    if (call.inputs[0].dtype == Dtype::float32) {
        run_as<kind, float>(call);
    } else {
        run_as<kind, double>(call);
    }
    return {};
}

const Kernel rows[] = {
    {"max_pool", run<Kind::largest>, check<Kind::largest>, workspace<Kind::largest>, true},
    {"max_pool_index", run<Kind::place>, check<Kind::place>, workspace<Kind::place>},
    {"max_pool_pullback", run<Kind::pullback>, check<Kind::pullback>, workspace<Kind::pullback>,
     true},
    {"avg_pool", run<Kind::mean>, check<Kind::mean>, workspace<Kind::mean>, true},
    {"avg_unpool", run<Kind::spread>, check<Kind::spread>, workspace<Kind::spread>, true},
};

}  // namespace

std::span<const Kernel> pooling_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
