// What a probe adds up (probe.hpp), in vectors: each lane on its own, until they are put together.

#include <bit>
#include <cstring>
#include <limits>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "partial.hpp"
#include "table.hpp"
#include "tile.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

template <class T>
struct WholeOf;
template <>
struct WholeOf<float> {
    using Type = std::int32_t;
};
template <>
struct WholeOf<double> {
    using Type = std::int64_t;
};
template <class T>
using Whole = typename WholeOf<T>::Type;

constexpr int ways = 2;  // sums that do not wait for each other

template <class T>
struct Sums {
    Vector<T> sum[ways], squares[ways], low[ways], high[ways];
    Vector<Whole<T>> zeros[ways], outside[ways];
    double wide;  // squares that T has no numbers for
};
static_assert(sizeof(Sums<float>) <= sizeof(Lanes) && sizeof(Sums<double>) <= sizeof(Lanes));

template <class T>
Sums<T>& sums_of(Lanes& lanes) {
    return *reinterpret_cast<Sums<T>*>(lanes.bytes);
}

template <class T>
void begin(Lanes& lanes) {
    Sums<T>& sums = sums_of<T>(lanes);
    sums.wide = 0;
    const Vector<T> most = Vector<T>{} + std::numeric_limits<T>::infinity();
    for (int way = 0; way < ways; ++way) {
        sums.sum[way] = sums.squares[way] = Vector<T>{};
        sums.low[way] = most;
        sums.high[way] = -most;
        sums.zeros[way] = sums.outside[way] = Vector<Whole<T>>{};
    }
}

// `count` numbers put together, the halves first.
template <int count, class Lane, class F>
inline double together(const Lane* x, F f) {
    if constexpr (count == 1) {
        return static_cast<double>(*x);
    } else {
        constexpr int half = count / 2;
        typedef Lane Half __attribute__((vector_size(half * sizeof(Lane))));
        Half low, high;
        std::memcpy(&low, x, sizeof(Half));
        std::memcpy(&high, x + half, sizeof(Half));
        const Half all = f(low, high);
        Lane next[half];
        std::memcpy(next, &all, sizeof(Half));
        return together<half>(next, f);
    }
}

template <class Lane, class V, class F>
inline double together(const V (&of_ways)[ways], F f) {
    constexpr int count = ways * vector_lanes<Lane>;
    Lane all[count];
    std::memcpy(all, of_ways, sizeof(all));
    return together<count>(all, f);
}

// What one way has seen, in registers.
template <class T, bool bounded>
struct Way {
    Vector<T> sum, squares, low, high;
    Vector<Whole<T>> zeros, outside;

    Way(const Sums<T>& s, int way)
        : sum(s.sum[way]),
          squares(s.squares[way]),
          low(s.low[way]),
          high(s.high[way]),
          zeros(s.zeros[way]),
          outside(s.outside[way]) {}

    void keep(Sums<T>& s, int way) const {
        s.sum[way] = sum;
        s.squares[way] = squares;
        s.low[way] = low;
        s.high[way] = high;
        s.zeros[way] = zeros;
        if constexpr (bounded) s.outside[way] = outside;
    }

    void take(Vector<T> v, T least, T most) {
        sum += v;
        squares += v * v;
        low = v < low ? v : low;
        high = v > high ? v : high;
        zeros = v == T{0} ? zeros + 1 : zeros;
        if constexpr (bounded) outside = ((v <= least) | (v >= most)) ? outside + 1 : outside;
    }

    // The first `count` lanes; the others are 0.
    void take_some(Vector<T> v, std::int64_t count, T least, T most) {
        Vector<Whole<T>> lane;
        for (int i = 0; i < vector_lanes<T>; ++i) lane[i] = i;
        const auto counts = lane < static_cast<Whole<T>>(count);
        sum += v;
        squares += v * v;
        low = (counts & (v < low)) ? v : low;
        high = (counts & (v > high)) ? v : high;
        zeros = (counts & (v == T{0})) ? zeros + 1 : zeros;
        if constexpr (bounded) {
            outside = (counts & ((v <= least) | (v >= most))) ? outside + 1 : outside;
        }
    }
};

// Whether a comparison holds in any lane.
inline bool anywhere(Vector<std::int32_t> lanes) {
#if defined(__AVX512F__)
    return _mm512_movepi32_mask(reinterpret_cast<__m512i>(lanes)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_epi8(reinterpret_cast<__m256i>(lanes)) != 0;
#else
    std::uint64_t halves[sizeof(lanes) / sizeof(std::uint64_t)], all = 0;
    std::memcpy(halves, &lanes, sizeof(lanes));
    for (const auto half : halves) all |= half;
    return all != 0;
#endif
}

// Whether squares of some numbers seen so far may be infinite, or those of all be lost below the
// least number there is.
inline bool lost(const Sums<float>& sums) {
    const auto larger = [](auto a, auto b) { return a > b ? a : b; };
    const auto size =
        larger(larger(-sums.low[0], sums.high[0]), larger(-sums.low[1], sums.high[1]));
    return anywhere(size > 1e15f) || (!anywhere(size > 1e-15f) && anywhere(size > 0.0f));
}

template <bool bounded, class T>
void see(Sums<T>& sums, const T* x, std::int64_t count, T low, T high) {
    const Vector<T> before[ways] = {sums.squares[0], sums.squares[1]};
    constexpr std::int64_t width = vector_lanes<T>;
    Way<T, bounded> first(sums, 0), second(sums, 1);
    std::int64_t i = 0;
    for (; i + 2 * width <= count; i += 2 * width) {
        first.take(load(x + i), low, high);
        second.take(load(x + i + width), low, high);
    }
    if (i + width <= count) {
        first.take(load(x + i), low, high);
        i += width;
    }
    if (i < count) second.take_some(load_some(x + i, count - i), count - i, low, high);
    first.keep(sums, 0);
    second.keep(sums, 1);
    if constexpr (sizeof(T) == 4) {
        if (!lost(sums)) return;
        for (int way = 0; way < ways; ++way) sums.squares[way] = before[way];
        for (std::int64_t j = 0; j < count; ++j) {
            sums.wide += static_cast<double>(x[j]) * static_cast<double>(x[j]);
        }
    }
}

template <class T>
void see(Lanes& lanes, const void* numbers, std::int64_t count, double low, double high) {
    const T* x = static_cast<const T*>(numbers);
    Sums<T>& sums = sums_of<T>(lanes);
    if (low == -std::numeric_limits<double>::infinity() && high == -low) {
        see<false, T>(sums, x, count, T{}, T{});
    } else {
        see<true, T>(sums, x, count, static_cast<T>(low), static_cast<T>(high));
    }
}

template <class T>
void put(const Lanes& lanes, Statistics& all) {
    const Sums<T>& s = *reinterpret_cast<const Sums<T>*>(lanes.bytes);
    const auto add = [](auto a, auto b) { return a + b; };
    const auto less = [](auto a, auto b) { return b < a ? b : a; };
    const auto more = [](auto a, auto b) { return b > a ? b : a; };
    Statistics part;
    part.sum = together<T>(s.sum, add);
    part.squares = together<T>(s.squares, add) + s.wide;
    part.low = together<T>(s.low, less);
    part.high = together<T>(s.high, more);
    part.zeros = together<Whole<T>>(s.zeros, add);
    part.outside = together<Whole<T>>(s.outside, add);
    all.add(part);
}

template <class T>
void subtract(void* difference, const void* a, const void* b, std::int64_t count) {
    auto* to = static_cast<T*>(difference);
    const auto *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
    for (std::int64_t i = 0; i < count; ++i) to[i] = x[i] - y[i];
}

// Several counters for each exponent, in turn: neighbours mostly have the same, and would wait for
// each other.
template <class T, class Bits, int digits, int bias>
void count_exponents(Bins& bins, const void* numbers, std::int64_t count) {
    constexpr int most = (1 << (8 * static_cast<int>(sizeof(T)) - 1 - digits)) - 1;
    const auto* bytes = static_cast<const std::byte*>(numbers);
    const auto bin = [&](std::int64_t i) {
        Bits bits;
        std::memcpy(&bits, bytes + i * static_cast<std::int64_t>(sizeof(T)), sizeof(bits));
        const int exponent = static_cast<int>((bits >> digits) & most);
        if constexpr (sizeof(T) == 4) return exponent;
        if (exponent == most) return static_cast<int>(exponents) - 1;
        const int moved = exponent - bias + 127;
        return moved < 0 ? 0 : moved > 254 ? 254 : moved;
    };
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const int b0 = bin(i), b1 = bin(i + 1), b2 = bin(i + 2), b3 = bin(i + 3);
        ++bins[0][b0];
        ++bins[1][b1];
        ++bins[2][b2];
        ++bins[3][b3];
    }
    for (; i < count; ++i) ++bins[0][bin(i)];
}

}  // namespace

const Looking& looking(Dtype dtype) {
    static const Looking of32{&begin<float>, &see<float>, &put<float>, &subtract<float>,
                              &count_exponents<float, std::uint32_t, 23, 127>};
    static const Looking of64{&begin<double>, &see<double>, &put<double>, &subtract<double>,
                              &count_exponents<double, std::uint64_t, 52, 1023>};
    return dtype == Dtype::float32 ? of32 : of64;
}

}  // namespace pullback::PULLBACK_ISA
