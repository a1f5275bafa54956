// Random numbers that are a function of seed, stream, step, row and element: Philox-4x32-10.
//
//   name            integers  reals  inputs           of
//   random_uniform  stream    -      seed, step, row  int64, of one shape (...)
//   random_normal   stream    -      seed, step, row  int64, of one shape (...)
//
// The output is float32 or float64, (..., rows, elements): each of the inputs' places has draws of
// its own, the first axis behind them counts rows, and all axes further behind count elements.
// Uniform numbers have the bits that ops/philox.py gives them. Normal ones are worked out in
// float64 by the method of Box and Muller (1958), as there; logarithms and cosines may differ from
// NumPy's in the last place.
//
// J. Salmon, M. Moraes, R. Dror and D. Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3".

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "copying.hpp"
#include "maths.hpp"
#include "table.hpp"
#include "tile.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

using Word = std::uint32_t;

constexpr Index batch = 128;  // counters that are worked on at once, at most; a multiple of 8

// The words of some counters: word i of counter j at words[i][j].
struct Drawn {
    alignas(64) Word words[4][batch];
};

// Words in lanes twice as wide, so that a product has room; what upper halves hold is not used.
constexpr Index wide_lanes = vector_bytes / 8;
using Wide [[gnu::vector_size(vector_bytes)]] = std::uint64_t;
using Narrow [[gnu::vector_size(vector_bytes / 2)]] = Word;

// The products of the lower halves of the lanes. The compiler would multiply whole lanes.
inline Wide product(Wide a, Wide b) {
#if defined(__AVX512F__)
    return reinterpret_cast<Wide>(
        _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<Wide>(
        _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return reinterpret_cast<Wide>(
        _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

// `count`, a multiple of 8, from `first` on.
void philox(Word first, Index count, Word row, Word step, Word stream, Word key0, Word key1,
            Drawn& drawn) {
    const Wide none{};
    Wide place{};
    for (Index lane = 0; lane < wide_lanes; ++lane) place[lane] = static_cast<Word>(lane);
    for (Index j = 0; j < count; j += wide_lanes) {
        Wide c0 = place + (first + static_cast<Word>(j)), c1 = none + row, c2 = none + step;
        Wide c3 = none + stream;
        for (Word i = 0; i < 10; ++i) {
            const Wide product0 = product(c0, none + 0xD2511F53u);
            const Wide product1 = product(c2, none + 0xCD9E8D57u);
            c0 = (product1 >> 32) ^ c1 ^ (key0 + i * 0x9E3779B9u);
            c1 = product1;
            c2 = (product0 >> 32) ^ c3 ^ (key1 + i * 0xBB67AE85u);
            c3 = product0;
        }
        const Wide words[] = {c0, c1, c2, c3};
        for (int i = 0; i < 4; ++i) {
            const auto narrow = __builtin_convertvector(words[i], Narrow);
            std::memcpy(&drawn.words[i][j], &narrow, sizeof narrow);
        }
    }
}

// A word as a double.
inline double real(Word word) {
    return static_cast<double>(static_cast<std::int32_t>(word ^ 0x80000000u)) + 2147483648.0;
}

// cos(2 pi u) for u from 0 to 1: folded to a quarter of a turn, and then to the half of it, by
// Taylor's series.
inline double cosine_of_turns(double u) {
    const double near = u > 0.5 ? 1 - u : u;                 // exact; cos is even and has period 1
    const double quarter = near > 0.25 ? 0.5 - near : near;  // cos(pi - x) = -cos(x)
    const bool as_sine = quarter > 0.125;
    const double turn = as_sine ? 0.25 - quarter : quarter;
    const double x = turn * 6.283185307179586477, z = x * x;
    constexpr double of_cosine[] = {4.779477332387385e-14,  -1.1470745597729725e-11,
                                    2.08767569878681e-09,   -2.755731922398589e-07,
                                    2.48015873015873e-05,   -1.388888888888889e-03,
                                    4.1666666666666664e-02, -0.5};
    constexpr double of_sine[] = {2.8114572543455206e-15, -7.647163731819816e-13,
                                  1.6059043836821613e-10, -2.505210838544172e-08,
                                  2.7557319223985893e-06, -1.984126984126984e-04,
                                  8.333333333333333e-03,  -1.6666666666666666e-01};
    const double cosine = 1 + z * detail::polynomial(of_cosine, z);
    const double sine = x + x * z * detail::polynomial(of_sine, z);
    const double size = as_sine ? sine : cosine;
    return near > 0.25 ? -size : size;
}

inline double normal(Word first, Word second) {
    const double radius = std::sqrt(-2 * log((real(first) + 0.5) * 0x1p-32));
    return radius * cosine_of_turns(real(second) * 0x1p-32);
}

// The numbers of one batch: each takes one word, or two.
struct Uniform {
    static constexpr int words(Dtype dtype) {
        return dtype == Dtype::float32 ? 1 : 2;
    }
    static void make(const Drawn& drawn, Index count, float* y) {
#pragma GCC ivdep
        for (Index j = 0; j < count; ++j) {
            for (int i = 0; i < 4; ++i) {
                const auto bits = static_cast<std::int32_t>(drawn.words[i][j] >> 8);
                y[4 * j + i] = static_cast<float>(bits) * 0x1p-24f;
            }
        }
    }
    static void make(const Drawn& drawn, Index count, double* y) {
#pragma GCC ivdep
        for (Index j = 0; j < count; ++j) {
            for (int i = 0; i < 2; ++i) {
                const auto high = static_cast<std::int32_t>(drawn.words[2 * i][j] >> 5);
                const auto low = static_cast<std::int32_t>(drawn.words[2 * i + 1][j] >> 6);
                const double joined = static_cast<double>(high) * 0x1p26 + low;
                y[2 * j + i] = joined * 0x1p-53;
            }
        }
    }
};

struct Normal {
    static constexpr int words(Dtype) {
        return 2;
    }
    template <class T>
    static void make(const Drawn& drawn, Index count, T* y) {
#pragma GCC ivdep
        for (Index j = 0; j < count; ++j) {
            y[2 * j] = static_cast<T>(normal(drawn.words[0][j], drawn.words[1][j]));
            y[2 * j + 1] = static_cast<T>(normal(drawn.words[2][j], drawn.words[3][j]));
        }
    }
};

struct Keys {
    const std::int64_t *seed, *step, *row;
};

// Elements begin to end - 1 of one row, begin being a multiple of what a batch makes.
template <class Kind, class T>
void draw(const Keys& keys, Index place, Index row, Word stream, Index begin, Index end, T* y) {
    constexpr Index each = batch * 4 / Kind::words(dtype_of<T>);
    const auto seed = static_cast<std::uint64_t>(keys.seed[place]);
    const auto counted = static_cast<Word>(static_cast<std::uint64_t>(keys.row[place]) +
                                           static_cast<std::uint64_t>(row));
    Drawn drawn;
    alignas(64) T made[each];
    constexpr Index numbers = each / batch;  // of one counter
    for (Index i = begin; i < end; i += each) {
        const Index n = std::min(each, end - i), count = (n + 8 * numbers - 1) / (8 * numbers) * 8;
        philox(static_cast<Word>(i / numbers), count, counted, static_cast<Word>(keys.step[place]),
               stream, static_cast<Word>(seed), static_cast<Word>(seed >> 32), drawn);
        Kind::make(drawn, count, made);
        std::copy(made, made + n, y + i);
    }
}

struct Shape {
    Index places, rows, width;
};

Shape shape_of(const Call& call) {
    const Array& y = call.outputs[0];
    const int lead = call.inputs[0].axes;
    Shape shape{call.inputs[0].size(), y.axes > lead ? y.shape[lead] : 1, 1};
    for (int axis = lead + 1; axis < y.axes; ++axis) shape.width *= y.shape[axis];
    return shape;
}

template <class Kind, class T>
void draw_all(const Call& call) {
    const auto [places, rows, width] = shape_of(call);
    Room room{call.workspace};
    const std::int64_t* given[3];
    for (int i = 0; i < 3; ++i) {
        const Array contiguous = settled(call.inputs[i], room);
        given[i] = filled(call.inputs[i], contiguous, call.pool).as<const std::int64_t>();
    }
    constexpr Index each = batch * 4 / Kind::words(dtype_of<T>);
    constexpr Index part = share / 8 / each * each;
    const Index parts = (width + part - 1) / part, count = rows, length = width;
    const auto stream = static_cast<Word>(call.integers[0]);
    const Keys keys{given[0], given[1], given[2]};
    T* y = call.outputs[0].as<T>();
    in_shares(call.pool, places * rows * parts, 8 * std::min(part, width), [&](Index b, Index e) {
        for (Index i = b; i < e; ++i) {
            const Index begin = i % parts * part, row = i / parts;
            draw<Kind>(keys, row / count, row % count, stream, begin,
                       std::min(length, begin + part), y + row * length);
        }
    });
}

template <class Kind>
Fault run(const Call& call) {
    if (call.outputs[0].dtype == Dtype::float32) {
        draw_all<Kind, float>(call);
    } else {
        draw_all<Kind, double>(call);
    }
    return {};
}

std::string check(const Call& call) {
    if (call.inputs.size() != 3 || call.outputs.size() != 1) return "it takes three arrays";
    if (call.integers.size() != 1) return "it takes the number of a stream";
    const Array &seed = call.inputs[0], &y = call.outputs[0];
    for (const Array& x : call.inputs) {
        const bool alike =
            x.dtype == Dtype::int64 && x.axes == seed.axes &&
            std::equal(x.shape.begin(), x.shape.begin() + x.axes, seed.shape.begin());
        if (!alike) return "seed, step and row must be int64, of one shape";
    }
    if (y.dtype != Dtype::float32 && y.dtype != Dtype::float64) return "it makes floats";
    if (!y.contiguous() || y.axes < seed.axes ||
        !std::equal(seed.shape.begin(), seed.shape.begin() + seed.axes, y.shape.begin())) {
        return "the output must be contiguous, and begin with the shape of the seed";
    }
    return {};
}

std::size_t workspace(const Call& call) {
    Room room;
    for (const Array& x : call.inputs) settled(x, room);
    return room.used;
}

const Kernel rows[] = {
    {"random_uniform", run<Uniform>, check, workspace},
    {"random_normal", run<Normal>, check, workspace},
};

}  // namespace

std::span<const Kernel> random_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
