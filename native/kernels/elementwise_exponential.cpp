// Exponentials, logarithms, and the saturating functions made of them.

#include <cmath>

#include "loops.hpp"
#include "maths.hpp"
#include "normal.hpp"

namespace pullback::PULLBACK_ISA {

void add_exponentials(Rows& rows) {
    unary<float, double>(rows, "exp", [](auto x) { return exp(x); });
    unary<float, double>(rows, "expm1", [](auto x) { return expm1(x); });
    unary<float, double>(rows, "log", [](auto x) { return log(x); });
    unary<float, double>(rows, "log1p", [](auto x) { return log1p(x); });
    unary<float, double>(rows, "tanh", [](auto x) { return tanh(x); });
    unary<float, double>(rows, "sigmoid", [](auto x) { return sigmoid(x); });
    unary<float, double>(rows, "silu", [](auto x) { return silu(x); });
    unary<float, double>(rows, "softplus", [](auto x) { return softplus(x); });
    unary<float, double>(rows, "log_sigmoid", [](auto x) { return 0 - softplus(-x); });
    unary<float, double>(rows, "mish", [](auto x) { return mish(x); });
    unary<float, double>(rows, "gelu_tanh", [](auto x) { return gelu_tanh(x); });
    unary<float, double>(rows, "normal_cdf", [](auto x) { return normal_cdf(x); });
    unary<float, double>(rows, "gelu", [](auto x) { return gelu(x); });
    unary<float, double>(rows, "erf", [](auto x) { return erf(x); });
    unary<float, double>(rows, "erfc", [](auto x) { return erfc(x); });
    binary<float, double>(rows, "logaddexp", [](auto a, auto b) { return logaddexp(a, b); });
    binary<float, double>(rows, "xlogy",
                          []<class T>(T a, T b) -> T { return a == 0 ? 0 : a * log(b); });
}

}  // namespace pullback::PULLBACK_ISA
