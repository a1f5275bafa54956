// Questions and choices: comparisons, logic, where, conversion of dtypes, copies.

#include <limits>
#include <type_traits>

#include "loops.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

using Int = std::int64_t;

// As NumPy converts on x86: what int64 does not hold, NaN too, becomes its smallest number.
template <class T>
inline Int to_whole(T x) {
    constexpr T edge = 9223372036854775808.0;  // 2^63
    const bool fits = x >= -edge && x < edge;
    return fits ? static_cast<Int>(x) : std::numeric_limits<Int>::min();
}

template <class To>
struct Converted {
    template <class From>
    To operator()(From x) const {
        if constexpr (std::is_same_v<To, Flag> || std::is_same_v<From, Flag>) {
            return static_cast<To>(x != 0);
        } else if constexpr (std::is_same_v<To, Int> && !std::is_same_v<From, Int>) {
            return to_whole(x);
        } else {
            return static_cast<To>(x);
        }
    }
};

struct Chosen {
    template <class T>
    T operator()(Flag condition, T a, T b) const {
        return condition != 0 ? a : b;
    }
};

template <class To, class... Froms>
void add_casts(Rows& rows) {
    (rows.push_back({"cast", dtype_of<Froms>, dtype_of<To>, 1, &loop1<Converted<To>, To, Froms>}),
     ...);
}

template <class... Ts>
void add_choices(Rows& rows) {
    (rows.push_back({"where", dtype_of<Ts>, dtype_of<Ts>, 3, &loop3<Chosen, Ts, Flag, Ts, Ts>}),
     ...);
}

}  // namespace

void add_comparisons(Rows& rows) {
    asked2<float, double, Int>(rows, "equal", [](auto a, auto b) -> Flag { return a == b; });
    asked2<float, double, Int>(rows, "not_equal", [](auto a, auto b) -> Flag { return a != b; });
    asked2<float, double, Int>(rows, "less", [](auto a, auto b) -> Flag { return a < b; });
    asked2<float, double, Int>(rows, "less_equal", [](auto a, auto b) -> Flag { return a <= b; });
    asked2<Flag>(rows, "equal", [](Flag a, Flag b) -> Flag { return (a != 0) == (b != 0); });
    asked2<Flag>(rows, "not_equal", [](Flag a, Flag b) -> Flag { return (a != 0) != (b != 0); });
    asked2<Flag>(rows, "less", [](Flag a, Flag b) -> Flag { return (a == 0) & (b != 0); });
    asked2<Flag>(rows, "less_equal", [](Flag a, Flag b) -> Flag { return (a == 0) | (b != 0); });
    asked2<Flag>(rows, "logical_and", [](Flag a, Flag b) -> Flag { return (a != 0) & (b != 0); });
    asked2<Flag>(rows, "logical_or", [](Flag a, Flag b) -> Flag { return (a != 0) | (b != 0); });
    asked1<Flag>(rows, "logical_not", [](Flag a) -> Flag { return a == 0; });
    asked1<float, double>(rows, "is_finite", [](auto x) -> Flag { return x - x == 0; });
    asked1<float, double>(rows, "is_nan", [](auto x) -> Flag { return x != x; });
    asked1<Int>(rows, "is_finite", [](Int) -> Flag { return 1; });
    asked1<Int>(rows, "is_nan", [](Int) -> Flag { return 0; });
    add_choices<float, double, Int, Flag>(rows);
    add_casts<float, float, double, Int, Flag>(rows);
    add_casts<double, float, double, Int, Flag>(rows);
    add_casts<Int, float, double, Int, Flag>(rows);
    add_casts<Flag, float, double, Int, Flag>(rows);
    unary<float, double, Int, Flag>(rows, "stop_gradient", [](auto x) { return x; });
}

}  // namespace pullback::PULLBACK_ISA
