// Windows folded into one number each, and what both directions of a pooling share.

#pragma once

#include "patch.hpp"

namespace pullback::PULLBACK_ISA {

// For every place along an axis of the output, the places of the input that it is made of.
struct Sources {
    std::vector<Index> begin{0}, places;

    std::span<const Index> of(Index place) const {
        const Index first = begin[static_cast<std::size_t>(place)];
        return {places.data() + first,
                static_cast<std::size_t>(begin[static_cast<std::size_t>(place) + 1] - first)};
    }
};

// What each position of the window sees, tap by tap.
inline Sources sources_forward(const Slide& axis) {
    Sources found;
    for (Index position = 0; position < axis.output; ++position) {
        const auto [begin, end] = axis.inside(position);
        for (Index tap = begin; tap < end; ++tap) found.places.push_back(axis.place(position, tap));
        found.begin.push_back(std::ssize(found.places));
    }
    return found;
}

// The positions that see each place of the input.
inline Sources sources_back(const Slide& axis) {
    Sources found;
    for (Index place = 0; place < axis.input; ++place) {
        for (Index tap = axis.window; tap-- > 0;) {
            const Index start = place + axis.low - tap * axis.dilation;
            if (start < 0 || start % axis.stride != 0 || start / axis.stride >= axis.output)
                continue;
            found.places.push_back(start / axis.stride);
        }
        found.begin.push_back(std::ssize(found.places));
    }
    return found;
}

// A pooling: its axes, from the input to the positions of the window.
struct Pooling {
    Slides axes;
    Index batch, channels;
    bool padding_counts = true;

    Index x_size() const {
        return axes[0].input * axes[1].input * axes[2].input * channels;
    }
    // How many numbers the mean of a window is over, along one axis.
    Index counted(int axis, Index position) const {
        const auto [begin, end] = axes[axis].inside(position);
        return padding_counts ? axes[axis].window : end - begin;
    }
    std::array<std::vector<Index>, most_space> counts() const {
        std::array<std::vector<Index>, most_space> found;
        for (int axis = 0; axis < most_space; ++axis) {
            for (Index p = 0; p < axes[axis].output; ++p) found[axis].push_back(counted(axis, p));
        }
        return found;
    }
    std::array<Sources, most_space> sources() const {
        return {sources_forward(axes[0]), sources_forward(axes[1]), sources_forward(axes[2])};
    }
    std::array<Sources, most_space> sources_of_input() const {
        return {sources_back(axes[0]), sources_back(axes[1]), sources_back(axes[2])};
    }
};

// Some of the numbers of a vector, and 0.
template <class T>
Vector<T> load_some(const T* from, Index count) {
    if (count >= vector_lanes<T>) return load(from);
    T numbers[vector_lanes<T>] = {};
    for (Index i = 0; i < count; ++i) numbers[i] = from[i];
    return load(numbers);
}

template <class T>
void store_some(T* to, Vector<T> value, Index count) {
    if (count >= vector_lanes<T>) return store(to, value);
    T numbers[vector_lanes<T>];
    store(numbers, value);
    for (Index i = 0; i < count; ++i) to[i] = numbers[i];
}

// y = f over the sources of each of its numbers, then `finish`: a line at a time. `x` has its lines
// side by side. A vector that is wider than the channels left is stored whole where its rest falls
// into the pixel that comes next, whose own numbers are stored after it.
template <class T, class F, class G>
void fold(const std::array<Sources, most_space>& sources, const Slides& axes, bool back,
          Index batch, Index channels, const T* x, T* y, Pool* pool, F f, G finish) {
    constexpr int lanes = vector_lanes<T>;
    const auto in = [&](int axis) { return back ? axes[axis].output : axes[axis].input; };
    const auto out = [&](int axis) { return back ? axes[axis].input : axes[axis].output; };
    const Index depths = out(0), heights = out(1), wide = out(2), n = channels;
    const Index x_line = in(2) * n, y_line = wide * n, cost = x_line * axes[1].window + y_line;
    in_shares(pool, batch * depths * heights, cost, [&](Index b, Index e) {
        T* folded = scratch<T>(x_line + lanes);
        for (Index line = b; line < e; ++line) {
            const Index height = line % heights, depth = line / heights % depths;
            const Index entry = line / heights / depths;
            Index lines = 0;
            for (const Index d : sources[0].of(depth)) {
                for (const Index h : sources[1].of(height)) {
                    const T* from = x + ((entry * in(0) + d) * in(1) + h) * x_line;
                    if (lines++ == 0) {
                        std::copy_n(from, x_line, folded);
                        continue;
                    }
                    Index i = 0;
                    for (; i + lanes <= x_line; i += lanes) {
                        store(folded + i, f(load(folded + i), load(from + i)));
                    }
                    const Vector<T> rest = load_some(from + i, x_line - i);
                    store(folded + i, f(load(folded + i), rest));
                }
            }
            T* to = y + line * y_line;
            if (lines == 0) {
                std::fill_n(to, y_line, T{});
                continue;
            }
            for (Index p = 0; p < wide; ++p, to += n) {
                const auto places = sources[2].of(p);
                for (Index c = 0; c < n; c += lanes) {
                    Vector<T> sum{};
                    if (!places.empty()) sum = load(folded + places[0] * n + c);
                    for (std::size_t i = 1; i < places.size(); ++i) {
                        sum = f(sum, load(folded + places[i] * n + c));
                    }
                    const Vector<T> value = finish(sum, depth, height, p);
                    const bool whole = c + lanes <= n || (c + lanes <= 2 * n && p + 1 < wide);
                    store_some(to + c, value, whole ? lanes : n - c);
                }
            }
        }
    });
}

}  // namespace pullback::PULLBACK_ISA
