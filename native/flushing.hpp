// Numbers below the normal ones, where they would only cost time.
//
// A processor computes with them up to a hundred times as slowly as with others. They arise where
// gradients vanish in a deep network, and in an optimizer's memory of units that are dead: a mean
// that shrinks by a tenth at each step ends at a few times the smallest number there is, and stays.

#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace pullback {

// While one lives, its thread reads and makes such numbers as 0. What is summed up differs by less
// than the smallest normal number a term.
class Flushing {
 public:
    Flushing() : before_(control()) {
        if ((before_ & bits) != bits) set_control(before_ | bits);
    }
    ~Flushing() {
        if ((before_ & bits) != bits) set_control(before_);
    }
    Flushing(const Flushing&) = delete;
    Flushing& operator=(const Flushing&) = delete;

 private:
#if defined(__SSE2__)
    using Control = unsigned;
    static constexpr Control bits = 0x8040;  // what is read, and what is made
    static Control control() {
        return _mm_getcsr();
    }
    static void set_control(Control value) {
        _mm_setcsr(value);
    }
#elif defined(__aarch64__)
    using Control = std::uint64_t;
    static constexpr Control bits = Control{1} << 24;
    static Control control() {
        Control value;
        __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void set_control(Control value) {
        __asm__ __volatile__("msr fpcr, %0" : : "r"(value));
    }
#else
    using Control = unsigned;
    static constexpr Control bits = 0;
    static Control control() {
        return 0;
    }
    static void set_control(Control) {}
#endif

    Control before_;
};

// Whether a thread has met such a number, read or made, since it was told to forget: the processor
// notes that by itself. One that does not, or is not slowed down by them, has met none.
#if defined(__SSE2__)
constexpr unsigned met_bits = 0x12;  // denormal operand, underflow

inline bool has_met_subnormals() {
    return (_mm_getcsr() & met_bits) != 0;
}
inline void forget_subnormals() {
    _mm_setcsr(_mm_getcsr() & ~met_bits);
}
#else
inline bool has_met_subnormals() {
    return false;
}
inline void forget_subnormals() {}
#endif

// What is computed while one lives is not noted.
class Unnoted {
 public:
    Unnoted() : met_(has_met_subnormals()) {}
    ~Unnoted() {
        if (!met_) forget_subnormals();
    }
    Unnoted(const Unnoted&) = delete;
    Unnoted& operator=(const Unnoted&) = delete;

 private:
    bool met_;
};

}  // namespace pullback
