// Many numbers into one, in an order that depends on the shape alone.
//
// Numbers are taken in pieces of at most 512, each by several vectors side by side, and the pieces'
// results in pairs, the pairs' in pairs, and so on: an error grows with the logarithm of the count
// (N. J. Higham, 1993, "The accuracy of floating point summation").

#pragma once

#include <cstring>

#include "plan.hpp"

namespace pullback::PULLBACK_ISA {

constexpr Index piece = 512;  // numbers, or rows, that make one partial result

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

// Two numbers, or two vectors of them, into one.
struct Add {
    template <class V>
    V operator()(V a, V b) const {
        return a + b;
    }
    template <class T>
    static constexpr T identity = T(0);
};

struct Multiply {
    template <class V>
    V operator()(V a, V b) const {
        return a * b;
    }
    template <class T>
    static constexpr T identity = T(1);
};

// The larger one; NaN wins.
struct Larger {
    template <class V>
    V operator()(V a, V b) const {
        const V most = a > b ? a : b;
        return a != a ? a : most;
    }
    template <class T>
    static constexpr T identity =
        std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                             : std::numeric_limits<T>::lowest();
};

struct Smaller {
    template <class V>
    V operator()(V a, V b) const {
        const V most = a < b ? a : b;
        return a != a ? a : most;
    }
    template <class T>
    static constexpr T identity =
        std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                             : std::numeric_limits<T>::max();
};

struct Either {
    template <class V>
    V operator()(V a, V b) const {
        return a | b;
    }
    template <class T>
    static constexpr T identity = T(0);
};

struct Both {
    template <class V>
    V operator()(V a, V b) const {
        return a & b;
    }
    template <class T>
    static constexpr T identity = T(1);
};

// What is folded: up to two arrays that lie alike, and numbers that belong to a whole group.
template <class T>
struct Operands {
    const T* a;
    const T* b = nullptr;
    const T* p = nullptr;  // one for each group
    const T* q = nullptr;
    const T* r = nullptr;
};

// A map says what becomes of numbers first: `near` for each one with its group's numbers, and
// then `far`, which may be long, of as many as there are at once.
struct Plain {
    static constexpr bool plain = true;
    static constexpr int inputs = 1, groups = 0;
    template <class T>
    T near(T a, T, T, T, T) const {
        return a;
    }
    template <class T>
    T far(T v) const {
        return v;
    }
};

// Of how many arrays, and with how many of the group's numbers.
template <int arrays, int numbers>
struct Mapped {
    static constexpr bool plain = false;
    static constexpr int inputs = arrays, groups = numbers;
    template <class T>
    T far(T v) const {
        return v;
    }
};

// At most 512 numbers that lie side by side.
template <class Combine, class T>
T fold_piece(const T* x, Index n) {
    using V [[gnu::vector_size(vector_bytes)]] = T;
    constexpr Index wide = vector_bytes / sizeof(T);
    constexpr int beside = 8;
    const Combine combine{};
    const auto load = [&](Index at) {
        V v;
        std::memcpy(&v, x + at, sizeof v);
        return v;
    };
    if (n < 2 * wide) {  // short ones, of which several are under way at once
        T sum = n > 0 ? x[0] : Combine::template identity<T>;
        for (Index i = 1; i < n; ++i) sum = combine(sum, x[i]);
        return sum;
    }
    V sum = load(0);
    Index at = wide;
    if (n >= beside * wide) {
        V s1 = load(wide), s2 = load(2 * wide), s3 = load(3 * wide), s4 = load(4 * wide),
          s5 = load(5 * wide), s6 = load(6 * wide), s7 = load(7 * wide);
        for (at = beside * wide; at + beside * wide <= n; at += beside * wide) {
            sum = combine(sum, load(at));
            s1 = combine(s1, load(at + wide));
            s2 = combine(s2, load(at + 2 * wide));
            s3 = combine(s3, load(at + 3 * wide));
            s4 = combine(s4, load(at + 4 * wide));
            s5 = combine(s5, load(at + 5 * wide));
            s6 = combine(s6, load(at + 6 * wide));
            s7 = combine(s7, load(at + 7 * wide));
        }
        sum = combine(combine(combine(sum, s4), combine(s2, s6)),
                      combine(combine(s1, s5), combine(s3, s7)));
    }
    for (; at + wide <= n; at += wide) sum = combine(sum, load(at));
    T lane[wide];
    std::memcpy(lane, &sum, sizeof lane);
    for (Index half = wide / 2; half > 0; half /= 2) {
        for (Index i = 0; i < half; ++i) lane[i] = combine(lane[i], lane[i + half]);
    }
    for (; at < n; ++at) lane[0] = combine(lane[0], x[at]);
    return lane[0];
}

// Results in pairs: level i holds what 2^i pieces gave.
template <class Combine, class T>
class Pairwise {
 public:
    void add(T x) {
        int i = 0;
        for (; count_ >> i & 1; ++i) x = Combine{}(level_[i], x);
        level_[i] = x;
        ++count_;
    }
    T total() const {
        if (count_ == 0) return Combine::template identity<T>;
        int i = 0;
        while ((count_ >> i & 1) == 0) ++i;
        T sum = level_[i++];
        for (; count_ >> i != 0; ++i) {
            if (count_ >> i & 1) sum = Combine{}(level_[i], sum);
        }
        return sum;
    }

 private:
    std::uint64_t count_ = 0;
    T level_[64];
};

// What `near` makes of the element at a place, which belongs to group k.
template <class Map, class T>
inline T near_of(const Operands<T>& x, Index place, Index k) {
    const T a = x.a[place], b = Map::inputs > 1 ? x.b[place] : a;
    const T p = Map::groups > 0 ? x.p[k] : T(0), q = Map::groups > 1 ? x.q[k] : T(0);
    return Map{}.near(a, b, p, q, Map::groups > 2 ? x.r[k] : T(0));
}

// y[i] = near(x...) of a run of numbers of one group; y may be one of the arrays.
template <class Map, class T>
void near_run(const Operands<T>& x, Index k, Index from, Index stride, Index n, T* y) {
    if (stride == 1) {
        const T* a = x.a + from;
        const T* b = Map::inputs > 1 ? x.b + from : a;
        const T p = Map::groups > 0 ? x.p[k] : T(0), q = Map::groups > 1 ? x.q[k] : T(0);
        const T r = Map::groups > 2 ? x.r[k] : T(0);
#pragma GCC ivdep
        for (Index i = 0; i < n; ++i) y[i] = Map{}.near(a[i], b[i], p, q, r);
    } else {
        for (Index i = 0; i < n; ++i) y[i] = near_of<Map>(x, from + i * stride, k);
    }
}

template <class Map, class T>
void far_run(T* y, Index n) {
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) y[i] = Map{}.far(y[i]);
}

template <class Map, class Combine, class T>
T fold_mapped(const Operands<T>& x, Index k, Index from, Index stride, Index n) {
    if (Map::plain && stride == 1) return fold_piece<Combine>(x.a + from, n);
    alignas(64) T buffer[piece];
    near_run<Map>(x, k, from, stride, n, buffer);
    far_run<Map>(buffer, n);
    return fold_piece<Combine>(buffer, n);
}

// Pieces begin to end - 1 of the numbers of group k.
template <class Map, class Combine, class T>
T fold_line(const Plan& plan, const Operands<T>& x, Index k, Index begin, Index end) {
    const Index n = plan.reduced.length(), each = (n + piece - 1) / piece;
    const Axes runs = plan.reduced.outer();
    const Index base = plan.kept.offset(k), stride = plan.reduced.stride();
    Pairwise<Combine, T> sum;
    for (Index i = begin; i < end; ++i) {
        const Index run = i / each, first = i % each * piece;
        const Index from = base + runs.offset(run) + first * stride;
        sum.add(fold_mapped<Map, Combine>(x, k, from, stride, std::min(piece, n - first)));
    }
    return sum.total();
}

// Several short lines at once, so that `far` has many numbers: groups begin to end - 1.
template <class Map, class Combine, class T>
void fold_short_lines(const Plan& plan, const Operands<T>& x, Index begin, Index end, T* out) {
    const Index n = plan.count, stride = plan.reduced.stride();
    const Index most = piece / std::max<Index>(n, 1);
    alignas(64) T buffer[piece];
    for (Index k = begin; k < end; k += most) {
        const Index lines = std::min(most, end - k);
        for (Index i = 0; i < lines; ++i) {
            near_run<Map>(x, k + i, plan.kept.offset(k + i), stride, n, buffer + i * n);
        }
        far_run<Map>(buffer, lines * n);
        for (Index i = 0; i < lines; ++i) out[k + i] = fold_piece<Combine>(buffer + i * n, n);
    }
}

// Groups begin to end - 1, on this thread.
template <class Map, class Combine, class T>
void fold_lines(const Plan& plan, const Operands<T>& x, Index begin, Index end, T* out) {
    if (plan.count == 0) return std::fill(out + begin, out + end, Combine::template identity<T>);
    if (plan.count <= piece / 4 && plan.reduced.count <= 1 && !Map::plain) {
        return fold_short_lines<Map, Combine>(plan, x, begin, end, out);
    }
    const Index n = plan.reduced.length();
    if (plan.count == n && n <= piece) {
        for (Index k = begin; k < end; ++k) {
            const Index from = plan.kept.offset(k);
            out[k] = fold_mapped<Map, Combine>(x, k, from, plan.reduced.stride(), n);
        }
        return;
    }
    const Index pieces = plan.count / n * ((n + piece - 1) / piece);
    for (Index k = begin; k < end; ++k) out[k] = fold_line<Map, Combine>(plan, x, k, 0, pieces);
}

}  // namespace pullback::PULLBACK_ISA
