// Functions in pieces, with a kink: rectifiers and those that are level over a stretch.

#include <cmath>

#include "arithmetic.hpp"
#include "loops.hpp"
#include "maths.hpp"

namespace pullback::PULLBACK_ISA {

void add_rectifiers(Rows& rows) {
    unary<float, double>(rows, Relu::name, Relu{});
    unary_with1(rows, "leaky_relu", [](auto x, auto slope) { return x > 0 ? x : slope * x; });
    binary<float, double>(rows, "prelu", [](auto x, auto slope) { return x > 0 ? x : slope * x; });
    unary_with1(rows, "elu", []<class T>(T x, T alpha) -> T {
        return x > 0 ? x : alpha * expm1(x > 0 ? T{0} : x);
    });
    unary_with1(rows, "hard_shrink",
                []<class T>(T x, T size) -> T { return std::abs(x) <= size ? 0 : x; });
    // an infinite x stays, also where the size is infinite
    unary_with1(rows, "soft_shrink", []<class T>(T x, T size) -> T {
        const T raised = x < -size ? -size : x;
        const T cut = raised > size ? size : raised;
        return x - x != 0 ? x : x - cut;
    });
    unary_with2(rows, "threshold",
                [](auto x, auto limit, auto value) { return x <= limit ? value : x; });
}

}  // namespace pullback::PULLBACK_ISA
