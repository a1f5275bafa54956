#include "operands.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace pullback {

namespace {

// One axis can go with the one after it if a step along it is a whole run along the other.
void merge_axes(Shape& shape, std::vector<Load>& loads) {
    for (std::size_t axis = shape.size(); axis-- > 1;) {
        const std::size_t outer = axis - 1;
        const bool fits =
            shape[outer] == 1 || shape[axis] == 1 ||
            std::all_of(loads.begin(), loads.end(), [&](const Load& load) {
                return load.from.strides[outer] == load.from.strides[axis] * shape[axis];
            });
        if (!fits) continue;
        for (auto& load : loads) {
            auto& strides = load.from.strides;
            if (shape[axis] != 1) strides[outer] = strides[axis];
            std::copy(strides.begin() + static_cast<std::ptrdiff_t>(axis) + 1, strides.end(),
                      strides.begin() + static_cast<std::ptrdiff_t>(axis));
        }
        shape[outer] *= shape[axis];
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    }
}

// Whether an array's elements lie one after the other.
bool in_order(const Shape& shape, const Array& array) {
    std::int64_t step = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        if (shape[axis] != 1 && array.strides[axis] != step) return false;
        step *= shape[axis];
    }
    return true;
}

// A few neighbours: too few for a call of memcpy to pay.
template <class T>
void copy_few(T* to, const T* from, std::int64_t count) {
    constexpr std::int64_t wide = 16 / sizeof(T);
    if (count < wide) {
        for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
        return;
    }
    for (std::int64_t i = 0; i + wide < count; i += wide) std::memcpy(to + i, from + i, 16);
    std::memcpy(to + count - wide, from + count - wide, 16);  // the last ones, some of them again
}

template <class T>
void fill_run(T* to, const T* from, std::int64_t stride, std::int64_t count) {
    if (stride == 1) {
        if (count * sizeof(T) <= 64) return copy_few(to, from, count);
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    } else if (stride == 0) {
        std::fill_n(to, count, *from);
    } else {
        for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
    }
}

// Elements start to start + count, counted along the last axis first.
template <class T>
void gather(T* to, const Array& from, const Shape& shape, std::int64_t start, std::int64_t count) {
    const int last = static_cast<int>(shape.size()) - 1;
    std::array<std::int64_t, most_axes> index{};
    std::int64_t offset = 0;
    for (int axis = last; start > 0; --axis) {
        index[axis] = start % shape[axis];
        start /= shape[axis];
        offset += index[axis] * from.strides[axis];
    }
    // One short row again and again: what is there is doubled, in few copies.
    if (shape[last] < count && repeats_row(from, shape)) {
        const std::int64_t row = shape[last], begin = row - index[last];
        fill_run(to, from.as<const T>() + offset, from.strides[last], begin);
        fill_run(to + begin, from.as<const T>(), from.strides[last], row - begin);
        for (std::int64_t done = row; done < count; done *= 2) {
            std::memcpy(to + done, to,
                        static_cast<std::size_t>(std::min(done, count - done)) * sizeof(T));
        }
        return;
    }
    while (count > 0) {
        const std::int64_t run = std::min(count, shape[last] - index[last]);
        fill_run(to, from.as<const T>() + offset, from.strides[last], run);
        to += run;
        count -= run;
        offset += run * from.strides[last];
        index[last] += run;
        for (int axis = last; axis > 0 && index[axis] == shape[axis]; --axis) {
            offset += from.strides[axis - 1] - shape[axis] * from.strides[axis];
            index[axis] = 0;
            ++index[axis - 1];
        }
    }
}

template <class F>
void with_type(Dtype dtype, F f) {
    switch (item_size(dtype)) {
        case 1:
            return f(std::uint8_t{});
        case 4:
            return f(std::uint32_t{});
        default:
            return f(std::uint64_t{});
    }
}

// The same of an array of that shape.
std::pair<const std::byte*, const std::byte*> extent(const Array& array,
                                                     std::span<const std::int64_t> shape) {
    const auto item = static_cast<std::int64_t>(item_size(array.dtype));
    const std::byte *low = array.data, *high = array.data + item;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const std::int64_t reach = (shape[axis] - 1) * array.strides[axis] * item;
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

template <class T>
void pad(T* reg, std::int64_t count) {
    std::fill_n(reg + count, padded(count) - count, T{});
}

}  // namespace

Loads::Loads(Shape& shape, std::vector<Load> loads) {
    merge_axes(shape, loads);
    for (auto& load : loads) {
        const auto strides = load.from.strides.begin();
        const auto axes = static_cast<std::ptrdiff_t>(shape.size());
        if (std::all_of(strides, strides + axes, [](auto stride) { return stride == 0; })) {
            single.push_back(load);
        } else if (in_order(shape, load.from)) {
            straight.push_back(load);
        } else {
            strided.push_back(load);
        }
    }
}

void fill_single(const Load& load, std::byte* reg, std::int64_t count) {
    with_type(load.from.dtype, [&]<class T>(T) {
        std::fill_n(reinterpret_cast<T*>(reg), padded(count), *load.from.as<const T>());
    });
}

void fill_straight(const Load& load, std::byte* reg, std::int64_t start, std::int64_t count) {
    with_type(load.from.dtype, [&]<class T>(T) {
        fill_run(reinterpret_cast<T*>(reg), load.from.as<const T>() + start, 1, count);
        pad(reinterpret_cast<T*>(reg), count);
    });
}

void fill_strided(const Load& load, const Shape& shape, std::byte* reg, std::int64_t start,
                  std::int64_t count) {
    with_type(load.from.dtype, [&]<class T>(T) {
        gather(reinterpret_cast<T*>(reg), load.from, shape, start, count);
        pad(reinterpret_cast<T*>(reg), count);
    });
}

bool repeats_row(const Array& from, const Shape& shape) {
    const auto outer = from.strides.begin() + static_cast<std::ptrdiff_t>(shape.size()) - 1;
    return shape.size() > 1 &&
           std::all_of(from.strides.begin(), outer, [](auto stride) { return stride == 0; });
}

std::byte* in_row(const Load& load, const Shape& shape, std::int64_t start, std::int64_t count) {
    const std::int64_t length = shape.back(), index = start % length;
    const bool fits = load.from.strides[shape.size() - 1] == 1 && index + count <= length;
    if (!fits || !repeats_row(load.from, shape)) return nullptr;
    return load.from.data + index * static_cast<std::int64_t>(item_size(load.from.dtype));
}

bool overlap(const Array& a, const Array& b, const Shape& shape) {
    const auto [a_low, a_high] = extent(a, shape);
    const auto [b_low, b_high] = extent(b, shape);
    return a_low < b_high && b_low < a_high;
}

std::pair<const std::byte*, const std::byte*> extent(const Array& array) {
    return extent(array, std::span(array.shape.data(), static_cast<std::size_t>(array.axes)));
}

bool overlap(const Array& a, const Array& b) {
    const auto [a_low, a_high] = extent(a);
    const auto [b_low, b_high] = extent(b);
    return a.size() > 0 && b.size() > 0 && a_low < b_high && b_low < a_high;
}

}  // namespace pullback
