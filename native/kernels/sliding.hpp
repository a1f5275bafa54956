// Windows that slide over the axes of space, as convolutions and poolings have them.
//
// Arrays are channels-last, (batch, *space, channels), with one to three axes of space; missing
// ones are put in front, of length 1. The integers of a call end with three numbers for each axis:
// stride, places of padding before, dilation.

#pragma once

#include <vector>

#include "plan.hpp"

namespace pullback::PULLBACK_ISA {

constexpr int most_space = 3;

// One tap of the window along an axis: its number, and where it reads: at `move` (of its phase)
// times the position, and this further.
struct Tap {
    Index number, offset;
};

// Positions along an axis that see the input through the same taps: those of a convolution all do;
// those of a transposed convolution have as many phases as its stride is long.
struct Phase {
    Index start = 0, step = 1;  // the places in the output: start, start + step, ...
    Index count = 0;
    Index move = 1;         // how far the window moves in the input from one to the next
    std::vector<Tap> taps;  // by ascending offset

    Index first() const {
        return taps.empty() ? 0 : taps.front().offset;
    }
    // Which taps see the input from a position: begin to end - 1.
    std::pair<Index, Index> inside(Index position, Index input) const {
        const Index at = position * move;
        const auto reaches = [&](Index place) {
            return std::partition_point(taps.begin(), taps.end(),
                                        [&](const Tap& tap) { return at + tap.offset < place; }) -
                   taps.begin();
        };
        return {reaches(0), reaches(input)};
    }
    // How many places of the input are seen from that many neighbouring positions.
    Index span(Index positions) const {
        if (taps.empty() || positions == 0) return 0;
        return (positions - 1) * move + taps.back().offset - taps.front().offset + 1;
    }
};

// One axis: sizes of what is read and what is written, and of the window over it.
struct Slide {
    Index input = 1, output = 1, window = 1, stride = 1, low = 0, dilation = 1;

    // The input's place, counted without padding, that a tap sees from a position.
    Index place(Index position, Index tap) const {
        return position * stride + tap * dilation - low;
    }
    // The taps that see the unpadded input from a position: begin to end - 1.
    std::pair<Index, Index> inside(Index position) const {
        const Index start = position * stride - low;
        const Index begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
        const Index end = start >= input ? 0 : (input - 1 - start) / dilation + 1;
        return {std::min(begin, window), std::min(std::max(end, begin), window)};
    }
};

// The phases of a convolution along an axis, from the input to the output: there is one.
inline std::vector<Phase> phases_forward(const Slide& axis) {
    Phase phase{0, 1, axis.output, axis.stride, {}};
    for (Index tap = 0; tap < axis.window; ++tap) phase.taps.push_back({tap, axis.place(0, tap)});
    return {phase};
}

// Those of its transpose, from the output to the input. A place q of the input is read by the
// position p through the tap t if q + low = stride p + dilation t. With q + low = stride u + r,
// r < stride, those are the taps with dilation t = r (mod stride), at p = u - (dilation t - r) /
// stride; r goes with the place where the phase starts.
inline std::vector<Phase> phases_back(const Slide& axis) {
    std::vector<Phase> phases;
    for (Index start = 0; start < std::min(axis.stride, axis.input); ++start) {
        const Index u = (start + axis.low) / axis.stride, r = (start + axis.low) % axis.stride;
        Phase phase{start, axis.stride, (axis.input - 1 - start) / axis.stride + 1, 1, {}};
        for (Index tap = axis.window; tap-- > 0;) {
            const Index over = axis.dilation * tap - r;
            if (over % axis.stride == 0) phase.taps.push_back({tap, u - over / axis.stride});
        }
        phases.push_back(std::move(phase));
    }
    return phases;
}

using Slides = std::array<Slide, most_space>;

// The axes of a window over `input`, (batch, *space, channels), with `output` positions. The
// window's sizes are the first of `window`, a number an axis.
inline Slides slides(const Array& input, const Array& output, std::span<const Index> window,
                     std::span<const Index> numbers) {
    Slides found;
    const int rank = input.axes - 2;
    for (int axis = 0; axis < rank; ++axis) {
        const Index* own = numbers.data() + 3 * axis;
        found[most_space - rank + axis] = {
            input.shape[axis + 1], output.shape[axis + 1], window[axis], own[0], own[1], own[2]};
    }
    return found;
}

// Why these can't slide; empty if they can. Any output is possible: what lies outside is padding.
inline std::string slides_refused(const Array& input, const Array& output,
                                  std::span<const Index> window, std::span<const Index> numbers) {
    constexpr Index most = Index{1} << 31;
    const int rank = input.axes - 2;
    if (rank < 1 || rank > most_space || output.axes != input.axes) {
        return "a window slides over one to three axes of space, of both arrays";
    }
    if (input.shape[0] != output.shape[0]) return "both arrays have one batch size";
    if (numbers.size() != static_cast<std::size_t>(3 * rank)) {
        return "the integers are stride, padding and dilation of each axis";
    }
    for (int axis = 0; axis < rank; ++axis) {
        const Index* own = numbers.data() + 3 * axis;
        const bool fits = own[0] >= 1 && own[0] < most && own[1] >= 0 && own[1] < most &&
                          own[2] >= 1 && own[2] < most && window[axis] >= 1 &&
                          window[axis] < most / own[2] && output.shape[axis + 1] < most / own[0];
        if (!fits) return "a stride, padding, dilation or window is out of range";
    }
    return {};
}

}  // namespace pullback::PULLBACK_ISA
