// Whether numbers are finite. A NaN or inf is known by its exponent: all bits are set.

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

}  // namespace

bool finite_float32(const void* numbers, std::int64_t count) {
    return finite(numbers, count, std::uint32_t{0x7f800000});
}

bool finite_float64(const void* numbers, std::int64_t count) {
    return finite(numbers, count, std::uint64_t{0x7ff0000000000000});
}

}  // namespace pullback::PULLBACK_ISA
