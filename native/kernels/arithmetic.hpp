// Arithmetic on floats that is used by itself and in compositions, each written once.

#pragma once

#include <cmath>

namespace pullback::PULLBACK_ISA {

struct Add {
    static constexpr const char* name = "add";
    template <class T>
    T operator()(T a, T b) const {
        return a + b;
    }
};

struct Sub {
    static constexpr const char* name = "sub";
    template <class T>
    T operator()(T a, T b) const {
        return a - b;
    }
};

struct Mul {
    static constexpr const char* name = "mul";
    template <class T>
    T operator()(T a, T b) const {
        return a * b;
    }
};

// A product that is 0 where its first factor is, whatever the second.
struct Scale {
    static constexpr const char* name = "scale";
    template <class T>
    T operator()(T a, T b) const {
        return a == 0 ? 0 : a * b;
    }
};

struct Div {
    static constexpr const char* name = "div";
    template <class T>
    T operator()(T a, T b) const {
        return a / b;
    }
};

struct Square {
    static constexpr const char* name = "square";
    template <class T>
    T operator()(T x) const {
        return x * x;
    }
};

struct Relu {
    static constexpr const char* name = "relu";
    template <class T>
    T operator()(T x) const {
        return x <= 0 ? 0 : x;
    }
};

struct Sqrt {
    static constexpr const char* name = "sqrt";
    template <class T>
    T operator()(T x) const {
        return std::sqrt(x);
    }
};

}  // namespace pullback::PULLBACK_ISA
