// Vectors (tile.hpp) of which memory holds only the first few numbers.

#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "tile.hpp"

namespace pullback::PULLBACK_ISA {

// The first `count` numbers, at most a vector, and zeros; memory behind them is not read.
template <class T>
inline Vector<T> load_some(const T* from, std::int64_t count) {
#if defined(__AVX512F__)
    const auto bits = (std::uint64_t{1} << count) - 1;
    if constexpr (sizeof(T) == 4) {
        return reinterpret_cast<Vector<T>>(
            _mm512_maskz_loadu_epi32(static_cast<__mmask16>(bits), from));
    } else if constexpr (sizeof(T) == 8) {
        return reinterpret_cast<Vector<T>>(
            _mm512_maskz_loadu_epi64(static_cast<__mmask8>(bits), from));
    }
#endif
    Vector<T> some{};
    std::memcpy(&some, from, static_cast<std::size_t>(count) * sizeof(T));
    return some;
}

// The first `count` numbers of a vector; memory behind them is not written.
template <class T>
inline void store_some(T* to, Vector<T> vector, std::int64_t count) {
#if defined(__AVX512F__)
    const auto bits = (std::uint64_t{1} << count) - 1;
    if constexpr (sizeof(T) == 4) {
        return _mm512_mask_storeu_epi32(to, static_cast<__mmask16>(bits),
                                        reinterpret_cast<__m512i>(vector));
    } else if constexpr (sizeof(T) == 8) {
        return _mm512_mask_storeu_epi64(to, static_cast<__mmask8>(bits),
                                        reinterpret_cast<__m512i>(vector));
    }
#endif
    std::memcpy(to, &vector, static_cast<std::size_t>(count) * sizeof(T));
}

}  // namespace pullback::PULLBACK_ISA
