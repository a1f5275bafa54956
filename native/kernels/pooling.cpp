// One number for every window: the largest, its place, the mean; and what spreads a mean again.
//
//   name            integers                                                   inputs
//   max_pool        window an axis; stride, padding, dilation an axis          x
//   max_pool_index  the same                                                   x, to int64
//   avg_pool        1 if padding counts, else 0; the same                      x
//   avg_unpool      as avg_pool                                                y
//
// Of float32 and float64. A window is a product of one range an axis, so lines are folded into one
// number by number first, whole lines at a time, and then along the line. Only the place of the
// largest number needs every tap by itself: of equal ones, it is the first.

#include "copying.hpp"
#include "patch.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// A pooling of `x`, whose windows have their positions in `y`; both as they lie in memory.
struct Pooling {
    Slides axes;
    Index batch, channels;
    bool padding_counts = true;

    Index x_line() const {
        return axes[2].input * channels;
    }
    Index y_line() const {
        return axes[2].output * channels;
    }
    Index x_size() const {
        return axes[0].input * axes[1].input * x_line();
    }
    // The number of a line within its image, and of the image: (entry, depth, height).
    static std::array<Index, 3> place(Index line, Index depths, Index heights) {
        return {line / heights / depths, line / heights % depths, line % heights};
    }
    Index x_lines(Index entry, Index depth, Index height) const {
        return ((entry * axes[0].input + depth) * axes[1].input + height) * x_line();
    }
    // How many numbers the mean of a window is over, along one axis.
    Index counted(int axis, Index position) const {
        const auto [begin, end] = axes[axis].inside(position);
        return padding_counts ? axes[axis].window : end - begin;
    }
    // The positions along a line from which a tap sees the unpadded input: begin to end - 1.
    std::pair<Index, Index> sees(Index tap) const {
        const Slide& axis = axes[2];
        const Index start = axis.place(0, tap);
        const Index begin = start >= 0 ? 0 : (-start + axis.stride - 1) / axis.stride;
        const Index end = start >= axis.input ? 0 : (axis.input - 1 - start) / axis.stride + 1;
        return {std::min(begin, axis.output), std::min(std::max(end, begin), axis.output)};
    }
    // f(line of x) for the lines that a line of positions sees.
    template <class F>
    void each_line(Index entry, Index depth, Index height, F f) const {
        const auto [first, last] = axes[0].inside(depth);
        const auto [begin, end] = axes[1].inside(height);
        for (Index i = first; i < last; ++i) {
            for (Index j = begin; j < end; ++j) {
                f(x_lines(entry, axes[0].place(depth, i), axes[1].place(height, j)));
            }
        }
    }
    // f(y offset, x offset) of the channels that a tap joins along a line.
    template <class F>
    void each_position(Index tap, F f) const {
        const auto [begin, end] = sees(tap);
        for (Index p = begin; p < end; ++p) f(p * channels, axes[2].place(p, tap) * channels);
    }
};

// The larger, NaN before all.
template <class T>
T larger(T a, T b) {
    return b > a || b != b ? b : a;
}

// y = the lines of x folded into one, then along it, from `start` on.
template <class T, class F>
void fold(const Pooling& of, const T* x, T* y, T start, Pool* pool, F f) {
    const Index depths = of.axes[0].output, heights = of.axes[1].output;
    const Index wide = of.x_line(), n = of.channels;
    in_shares(pool, of.batch * depths * heights, wide * of.axes[1].window, [&](Index b, Index e) {
        for (Index line = b; line < e; ++line) {
            const auto [entry, depth, height] = Pooling::place(line, depths, heights);
            T* to = y + line * of.y_line();
            T* folded = scratch<T>(wide);
            bool first = true;
            of.each_line(entry, depth, height, [&](Index at) {
                const T* from = x + at;
                if (first) {
                    std::copy_n(from, wide, folded);
                } else {
#pragma GCC ivdep
                    for (Index i = 0; i < wide; ++i) folded[i] = f(folded[i], from[i]);
                }
                first = false;
            });
            std::fill_n(to, of.y_line(), start);
            for (Index tap = 0; tap < of.axes[2].window; ++tap) {
                of.each_position(tap, [&](Index at, Index from) {
#pragma GCC ivdep
                    for (Index c = 0; c < n; ++c) to[at + c] = f(to[at + c], folded[from + c]);
                });
            }
        }
    });
}

template <class T>
void max_pool(const Pooling& of, const T* x, const Array& y, Pool* pool) {
    fold(of, x, y.as<T>(), -std::numeric_limits<T>::infinity(), pool, larger<T>);
}

template <class T>
void avg_pool(const Pooling& of, const T* x, const Array& y, Pool* pool) {
    T* sums = y.as<T>();
    fold(of, x, sums, T{}, pool, [](T a, T b) { return a + b; });
    const Index depths = of.axes[0].output, heights = of.axes[1].output, n = of.channels;
    in_shares(pool, of.batch * depths * heights, of.y_line(), [&](Index b, Index e) {
        for (Index line = b; line < e; ++line) {
            const auto [entry, depth, height] = Pooling::place(line, depths, heights);
            const Index count = of.counted(0, depth) * of.counted(1, height);
            T* to = sums + line * of.y_line();
            for (Index p = 0; p < of.axes[2].output; ++p, to += n) {
                const T over = static_cast<T>(count * of.counted(2, p));
                for (Index c = 0; c < n; ++c) to[c] /= over;
            }
        }
    });
}

// Whole numbers as wide as T.
template <class T>
using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
void max_pool_index(const Pooling& of, const T* x, const Array& y, Pool* pool) {
    const Index depths = of.axes[0].output, heights = of.axes[1].output, n = of.channels;
    const Index across = of.y_line(), window = of.axes[2].window;
    const Index cost = across * of.axes[1].window * window;
    in_shares(pool, of.batch * depths * heights, cost, [&](Index b, Index e) {
        T* largest = scratch<T>(2 * across);
        auto* places = reinterpret_cast<Place<T>*>(largest + across);
        for (Index line = b; line < e; ++line) {
            const auto [entry, depth, height] = Pooling::place(line, depths, heights);
            const T* image = x + entry * of.x_size();
            bool first = true;
            of.each_line(0, depth, height, [&](Index at) {
                if (first) {
                    for (Index p = 0; p < of.axes[2].output; ++p) {
                        const Index from = at + of.axes[2].place(p, of.axes[2].inside(p).first) * n;
                        for (Index c = 0; c < n; ++c) {
                            largest[p * n + c] = image[from + c];
                            places[p * n + c] = static_cast<Place<T>>(from + c);
                        }
                    }
                    first = false;
                }
                for (Index tap = 0; tap < window; ++tap) {
                    of.each_position(tap, [&](Index to, Index from) {
                        const auto start = static_cast<Place<T>>(at + from);
                        const T* numbers = image + at + from;
                        T* best = largest + to;
                        Place<T>* place = places + to;
#pragma GCC ivdep
                        for (Place<T> c = 0; c < static_cast<Place<T>>(n); ++c) {
                            const T number = numbers[c], old = best[c];
                            const bool more = (number > old) | ((number != number) & (old == old));
                            best[c] = more ? number : old;
                            place[c] = more ? start + c : place[c];
                        }
                    });
                }
            });
            Index* to = y.as<Index>() + line * across;
            const Index before = entry * of.x_size();
            for (Index i = 0; i < across; ++i) to[i] = before + places[i];
        }
    });
}

template <class T>
void avg_unpool(const Pooling& of, const T* y, const Array& x, Pool* pool) {
    const auto& [deep, high, wide] = of.axes;
    const Index n = of.channels;
    in_shares(pool, of.batch * deep.input * high.input, of.x_line() * 2, [&](Index b, Index e) {
        T* sums = scratch<T>(of.y_line());
        // f(position, of its window's numbers how many count) for the windows that cover a place.
        const auto covering = [&](int number, Index place, auto f) {
            const Slide& axis = of.axes[number];
            for (Index tap = 0; tap < axis.window; ++tap) {
                const Index at = place + axis.low - tap * axis.dilation;
                if (at < 0 || at % axis.stride != 0 || at / axis.stride >= axis.output) continue;
                f(at / axis.stride, of.counted(number, at / axis.stride));
            }
        };
        for (Index line = b; line < e; ++line) {
            const auto [entry, depth, height] = Pooling::place(line, deep.input, high.input);
            std::fill_n(sums, of.y_line(), T{});
            covering(0, depth, [&, entry = entry, height = height](Index d, Index in_depth) {
                covering(1, height, [&, entry = entry](Index h, Index in_height) {
                    const T* from = y + ((entry * deep.output + d) * high.output + h) * of.y_line();
                    T* to = sums;
                    for (Index p = 0; p < wide.output; ++p, from += n, to += n) {
                        const T over = static_cast<T>(in_depth * in_height * of.counted(2, p));
                        for (Index c = 0; c < n; ++c) to[c] += from[c] / over;
                    }
                });
            });
            T* to = x.as<T>() + line * of.x_line();
            std::fill_n(to, of.x_line(), T{});
            for (Index tap = 0; tap < wide.window; ++tap) {
                of.each_position(tap, [&](Index from, Index at) {
#pragma GCC ivdep
                    for (Index c = 0; c < n; ++c) to[at + c] += sums[from + c];
                });
            }
        }
    });
}

enum class Kind { largest, place, mean, spread };

template <Kind kind>
Pooling pooling(const Call& call) {
    constexpr bool means = kind == Kind::mean || kind == Kind::spread;
    const Array &first = call.inputs[0], &last = call.outputs[0];
    const Array &x = kind == Kind::spread ? last : first, &y = kind == Kind::spread ? first : last;
    const auto numbers = call.integers.subspan(means ? 1 : 0);
    const auto rank = static_cast<std::size_t>(x.axes - 2);
    return {slides(x, y, numbers.first(rank), numbers.subspan(rank)), x.shape[0],
            x.shape[x.axes - 1], !means || call.integers[0] != 0};
}

template <Kind kind>
std::string check(const Call& call) {
    constexpr std::size_t before = kind == Kind::mean || kind == Kind::spread ? 1 : 0;
    if (call.inputs.size() != 1 || call.outputs.size() != 1) return "a pooling has one input";
    const Array &first = call.inputs[0], &last = call.outputs[0];
    const Array &x = kind == Kind::spread ? last : first, &y = kind == Kind::spread ? first : last;
    const Dtype made = kind == Kind::place ? Dtype::int64 : first.dtype;
    if ((first.dtype != Dtype::float32 && first.dtype != Dtype::float64) || last.dtype != made) {
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
    if (!last.contiguous()) return "the output of a pooling is contiguous";
    const Pooling of = pooling<kind>(call);
    if (kind == Kind::place && x.dtype == Dtype::float32 && of.x_size() >= Index{1} << 31) {
        return "an image has fewer than 2^31 numbers";
    }
    for (const Slide& axis : of.axes) {
        for (Index p = 0; p < axis.output; ++p) {
            const auto [begin, end] = axis.inside(p);
            if (begin >= end) return "every window covers some of the input";
        }
    }
    return {};
}

std::size_t workspace(const Call& call) {
    Room room;
    settled(call.inputs[0], room);
    return room.used;
}

template <Kind kind, class T>
void run_as(const Call& call, const T* from) {
    const Pooling of = pooling<kind>(call);
    if constexpr (kind == Kind::largest) max_pool(of, from, call.outputs[0], call.pool);
    if constexpr (kind == Kind::place) max_pool_index(of, from, call.outputs[0], call.pool);
    if constexpr (kind == Kind::mean) avg_pool(of, from, call.outputs[0], call.pool);
    if constexpr (kind == Kind::spread) avg_unpool(of, from, call.outputs[0], call.pool);
}

template <Kind kind>
Fault run(const Call& call) {
    if (call.outputs[0].size() == 0) return {};
    Room room{call.workspace};
    const Array place = settled(call.inputs[0], room);
    const Array& from = filled(call.inputs[0], place, call.pool);
    if (from.dtype == Dtype::float32) {
        run_as<kind>(call, from.as<const float>());
    } else {
        run_as<kind>(call, from.as<const double>());
    }
    return {};
}

const Kernel rows[] = {
    {"max_pool", run<Kind::largest>, check<Kind::largest>, workspace},
    {"max_pool_index", run<Kind::place>, check<Kind::place>, workspace},
    {"avg_pool", run<Kind::mean>, check<Kind::mean>, workspace},
    {"avg_unpool", run<Kind::spread>, check<Kind::spread>, workspace},
};

}  // namespace

std::span<const Kernel> pooling_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
