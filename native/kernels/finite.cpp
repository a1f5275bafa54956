// Whether numbers are finite, and between which they lie. A NaN or inf is known by its exponent:
// all bits are set.

#include <algorithm>
#include <bit>
#include <cstdint>

#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// Blocks, so that a long array of which the first number is NaN is not read to its end.
constexpr std::int64_t together = 4096;

template <class Bits>
bool finite(const void* numbers, std::int64_t count, Bits exponent) {
    const auto* bits = static_cast<const Bits*>(numbers);
    for (std::int64_t start = 0; start < count; start += together) {
        const std::int64_t end = start + together < count ? start + together : count;
        Bits found = 0;
        for (std::int64_t i = start; i < end; ++i) {
            found |= (bits[i] & exponent) == exponent ? ~Bits{0} : Bits{0};
        }
        if (found != 0) return false;
    }
    return true;
}

// In `parts` lanes of their own, which the compiler makes vectors of: it may not change the order
// of comparisons.
template <int parts, class T, class Bits>
Interval range(const T* x, std::int64_t rows, std::int64_t columns, std::int64_t width,
               Bits exponent) {
    T low[parts], high[parts];
    Bits found[parts] = {};
    std::fill_n(low, parts, x[0]);
    std::fill_n(high, parts, x[0]);
    const auto take = [&](T number, int part) {
        low[part] = number < low[part] ? number : low[part];
        high[part] = number > high[part] ? number : high[part];
        found[part] |= (std::bit_cast<Bits>(number) & exponent) == exponent ? ~Bits{0} : Bits{0};
    };
    for (std::int64_t row = 0; row < rows; ++row, x += width) {
        std::int64_t i = 0;
        for (; i + parts <= columns; i += parts) {
            for (int part = 0; part < parts; ++part) take(x[i + part], part);
        }
        for (; i < columns; ++i) take(x[i], 0);
    }
    if (std::any_of(found, found + parts, [](Bits bits) { return bits != 0; })) return {};
    return {*std::min_element(low, low + parts), *std::max_element(high, high + parts)};
}

// Blocks are mostly as wide as a tile of a product, or long.
template <class T, class Bits>
Interval range(const void* numbers, std::int64_t rows, std::int64_t columns, std::int64_t width,
               Bits exponent) {
    const T* x = static_cast<const T*>(numbers);
    if (rows * columns == 0) return {0, 0};
    if (columns % 48 == 0) return range<48>(x, rows, columns, width, exponent);
    if (columns < 64) return range<16>(x, rows, columns, width, exponent);
    return range<64>(x, rows, columns, width, exponent);
}

}  // namespace

Interval range_float32(const void* numbers, std::int64_t rows, std::int64_t columns,
                       std::int64_t width) {
    return range<float>(numbers, rows, columns, width, std::uint32_t{0x7f800000});
}

Interval range_float64(const void* numbers, std::int64_t rows, std::int64_t columns,
                       std::int64_t width) {
    return range<double>(numbers, rows, columns, width, std::uint64_t{0x7ff0000000000000});
}

bool finite_float32(const void* numbers, std::int64_t count) {
    return finite(numbers, count, std::uint32_t{0x7f800000});
}

bool finite_float64(const void* numbers, std::int64_t count) {
    return finite(numbers, count, std::uint64_t{0x7ff0000000000000});
}

}  // namespace pullback::PULLBACK_ISA
