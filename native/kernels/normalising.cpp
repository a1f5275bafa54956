// Numbers along some axes brought to mean 0 and variance 1, or to mean square 1.
//
//   name                    integers  reals    inputs                  of
//   moments                 axes      -        x                       float32, float64
//   standardise             axes      epsilon  x                       float32, float64
//   standardise_pullback    axes      epsilon  y_bar, y, moments of x  float32, float64
//   rms_normalise           axes      epsilon  x                       float32, float64
//   rms_normalise_pullback  axes      epsilon  y_bar, x                float32, float64
//
// Inputs may have any strides; results are contiguous. Moments are (..., 2), the reduced axes with
// length 1: mean and variance. Numbers are counted from the first of their group, so that equal
// ones, however large, are exactly 0.

#include "fused.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

struct LessFirst : Mapped<1, 1> {
    template <class T>
    T near(T x, T, T first, T, T) const {
        return x - first;
    }
};

struct SquareOfRest : Mapped<1, 2> {
    template <class T>
    T near(T x, T, T first, T shift, T) const {
        const T rest = (x - first) - shift;
        return rest * rest;
    }
};

struct Standard : Mapped<1, 3> {
    template <class T>
    T near(T x, T, T first, T shift, T root) const {
        return ((x - first) - shift) * root;
    }
};

struct Product : Mapped<2, 0> {
    template <class T>
    T near(T a, T b, T, T, T) const {
        return a * b;
    }
};

struct Square : Mapped<1, 0> {
    template <class T>
    T near(T a, T, T, T, T) const {
        return a * a;
    }
};

struct Scaling : Mapped<1, 1> {
    template <class T>
    T near(T x, T, T root, T, T) const {
        return x * root;
    }
};

// (y inner + y_bar - mean) root, and the same without the mean.
struct StandardBack : Mapped<2, 3> {
    template <class T>
    T near(T y_bar, T y, T inner, T mean, T root) const {
        return (y * inner + y_bar - mean) * root;
    }
};

struct RmsBack : Mapped<2, 2> {
    template <class T>
    T near(T y_bar, T x, T inner, T root, T) const {
        return (x * inner + y_bar) * root;
    }
};

template <class T>
T inverse_root(T square, const Call& call) {
    return 1 / std::sqrt(square + static_cast<T>(call.reals[0]));
}

// The first number of each group, the mean less it, and the variance.
template <class T>
void find_moments(const Passes<T>& passes, Operands<T>& x, T* first, T* shift, T* variance) {
    const T n = static_cast<T>(passes.plan().count);
    passes.first(x.a, first);
    x.p = first;
    passes.template fold<LessFirst, Add>(x, shift);
    for (Index k = passes.begin(); k < passes.end(); ++k) shift[k] /= n;
    x.q = shift;
    passes.template fold<SquareOfRest, Add>(x, variance);
    for (Index k = passes.begin(); k < passes.end(); ++k) variance[k] /= n;
}

template <class T>
void moments(Fusing<T>& all, const Call&) {
    T *first = all.number(0), *shift = all.number(1), *variance = all.number(2);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0)};
        find_moments(some, x, first, shift, variance);
        for (Index k = some.begin(); k < some.end(); ++k) {
            all.y[2 * k] = first[k] + shift[k];
            all.y[2 * k + 1] = variance[k];
        }
    });
}

template <class T>
void standardise(Fusing<T>& all, const Call& call) {
    T *first = all.number(0), *shift = all.number(1), *root = all.number(2);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0)};
        find_moments(some, x, first, shift, root);
        for (Index k = some.begin(); k < some.end(); ++k) root[k] = inverse_root(root[k], call);
        x.r = root;
        some.template apply<Standard>(x, all.y);
    });
}

template <class T>
void standardise_pullback(Fusing<T>& all, const Call& call) {
    const T* moments = all.input(2);
    const T n = static_cast<T>(all.passes.plan().count);
    T *inner = all.number(0), *mean = all.number(1), *root = all.number(2);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0), all.input(1)};
        some.template fold<Product, Add>(x, inner);
        some.template fold<Plain, Add>(x, mean);
        for (Index k = some.begin(); k < some.end(); ++k) {
            inner[k] = -inner[k] / n;
            mean[k] /= n;
            root[k] = inverse_root(moments[2 * k + 1], call);
        }
        x.p = inner, x.q = mean, x.r = root;
        some.template apply<StandardBack>(x, all.y);
    });
}

template <class T>
void rms_normalise(Fusing<T>& all, const Call& call) {
    const T n = static_cast<T>(all.passes.plan().count);
    T* root = all.number(0);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0)};
        some.template fold<Square, Add>(x, root);
        for (Index k = some.begin(); k < some.end(); ++k) root[k] = inverse_root(root[k] / n, call);
        x.p = root;
        some.template apply<Scaling>(x, all.y);
    });
}

template <class T>
void rms_normalise_pullback(Fusing<T>& all, const Call& call) {
    const T n = static_cast<T>(all.passes.plan().count);
    T *inner = all.number(0), *root = all.number(1);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0), all.input(1)};
        some.template fold<Square, Add>({all.input(1)}, root);
        some.template fold<Product, Add>(x, inner);
        for (Index k = some.begin(); k < some.end(); ++k) {
            root[k] = inverse_root(root[k] / n, call);
            inner[k] = -root[k] * root[k] * inner[k] / n;
        }
        x.p = inner, x.q = root;
        some.template apply<RmsBack>(x, all.y);
    });
}

// Moments have two elements for every group.
bool pairs(const Call& call, const Array& moments) {
    const Plan plan = planned(laid_out(call.inputs[0], nullptr), call.integers);
    return moments.size() == 2 * plan.groups && moments.axes > 0 &&
           moments.shape[moments.axes - 1] == 2;
}

std::string check_moments(const Call& call) {
    const std::string refused = check_arrays<1, 0>(call);
    if (!refused.empty()) return refused;
    return pairs(call, call.outputs[0]) ? "" : "the output must hold two numbers for each group";
}

std::string check_standardise_pullback(const Call& call) {
    const std::string refused = check_arrays<2, 1, 1>(call);
    if (!refused.empty()) return refused;
    if (!same_shape(call.inputs[0], call.outputs[0])) return "the output has another shape";
    return pairs(call, call.inputs[2]) ? "" : "the moments must be two numbers for each group";
}

const Kernel rows[] = {
    {"moments", run_fused<moments<float>, moments<double>, 1>, check_moments, workspace_fused<1>,
     false, plan_fused},
    {"standardise", run_fused<standardise<float>, standardise<double>, 1>, check_fused<1, 1>,
     workspace_fused<1>, false, plan_fused},
    {"standardise_pullback",
     run_fused<standardise_pullback<float>, standardise_pullback<double>, 3>,
     check_standardise_pullback, workspace_fused<3>, false, plan_fused},
    {"rms_normalise", run_fused<rms_normalise<float>, rms_normalise<double>, 1>, check_fused<1, 1>,
     workspace_fused<1>, false, plan_fused},
    {"rms_normalise_pullback",
     run_fused<rms_normalise_pullback<float>, rms_normalise_pullback<double>, 2>, check_fused<2, 1>,
     workspace_fused<2>, false, plan_fused},
};

}  // namespace

std::span<const Kernel> normalising_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
