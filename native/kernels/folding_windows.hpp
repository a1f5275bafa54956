// Windows folded into one number each, and what both directions of a pooling share.

#pragma once

#include <algorithm>

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

// Lines folded into one, number by number: `count` of them, and what lies behind may be anything.
template <class T, class F>
void fold_line(const T* from, bool first, Index count, T* folded, F f) {
    constexpr int lanes = vector_lanes<T>;
    if (first) {
        std::copy_n(from, count, folded);
        return;
    }
    Index i = 0;
    for (; i + lanes <= count; i += lanes) store(folded + i, f(load(folded + i), load(from + i)));
    if (i < count) store(folded + i, f(load(folded + i), load_some(from + i, count - i)));
}

// Pixels of a line, each folded from those that `sources` names. What a vector holds beyond the
// channels falls into the first ones of the pixels that come next, which are stored after it.
template <class T, class F>
void fold_pixels(const Sources& sources, Index pixels, Index channels, const T* folded, T* made,
                 F f) {
    constexpr Index lanes = vector_lanes<T>;
    for (Index c = (channels - 1) / lanes * lanes; c >= 0; c -= lanes) {
        const Index* end = sources.begin.data();
        const Index* place = sources.places.data();
        for (Index p = 0; p < pixels; ++p) {
            const Index* last = sources.places.data() + *++end;
            Vector<T> sum{};
            if (place < last) sum = load(folded + *place++ * channels + c);
            for (; place < last; ++place) sum = f(sum, load(folded + *place * channels + c));
            store(made + p * channels + c, sum);
        }
    }
}

// y = f over the sources of each of its numbers, then `finish` a line of them: lines of the window
// are folded into one first, then along it. `x` has its lines side by side. Lines from the same
// sources as the one before are copies of it, if `finish` allows it.
//
// Few channels would fill few lanes of vectors that must not reach beyond a line: unless vectors
// are full, it is made in memory of its own with room behind it, and copied.
template <bool copies, class T, class F, class G>
void fold(const std::array<Sources, most_space>& sources, const Slides& axes, bool back,
          Index batch, Index channels, const T* x, T* y, const Call& call, F f, G finish) {
    constexpr int lanes = vector_lanes<T>;
    const auto in = [&](int axis) { return back ? axes[axis].output : axes[axis].input; };
    const auto out = [&](int axis) { return back ? axes[axis].input : axes[axis].output; };
    const Index depths = out(0), heights = out(1), wide = out(2), n = channels;
    const Index x_line = in(2) * n, y_line = wide * n, cost = x_line * axes[1].window + y_line;
    in_shares(call.pool, batch * depths * heights, cost, [&](Index b, Index e) {
        T* folded = scratch<T>(x_line + y_line + 2 * lanes);
        T* own = folded + x_line + lanes;
        for (Index line = b; line < e; ++line) {
            const Index height = line % heights, depth = line / heights % depths;
            const Index entry = line / heights / depths;
            const auto across = sources[1].of(height);
            const bool known = copies && line > b && height > 0 &&
                               std::ranges::equal(across, sources[1].of(height - 1));
            T* to = y + line * y_line;
            T* made = n % lanes == 0 ? to : own;
            if (known) {
                std::copy_n(n % lanes == 0 ? to - y_line : own, y_line, to);
                continue;
            }
            bool first = true;
            for (const Index d : sources[0].of(depth)) {
                for (const Index h : across) {
                    fold_line(x + ((entry * in(0) + d) * in(1) + h) * x_line, first, x_line, folded,
                              f);
                    first = false;
                }
            }
            if (first) {
                std::fill_n(made, y_line, T{});
            } else {
                fold_pixels(sources[2], wide, n, folded, made, f);
                finish(made, y_line, depth, height);
            }
            if (made != to) std::copy_n(made, y_line, to);
        }
        call.epilogue(b * wide, 0, (e - b) * wide, n);
    });
}

}  // namespace pullback::PULLBACK_ISA
