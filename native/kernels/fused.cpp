// Softmax and its kin. Inputs may have any strides; results are contiguous.
//
//   name                       integers  reals  inputs                 of
//   softmax, log_softmax       axes      -      x                      float32, float64
//   softmax_pullback           axes      -      y_bar, y               float32, float64
//   cross_entropy_with_logits  -         -      logits, targets        float32, float64; int64
//
// A row of -inf has a softmax of zeros; in a row with +inf, the infinite places share the one.
// A target of -1 is ignored; one beyond the classes is a fault, and then nothing is written.

#include "fused.hpp"

#include "maths.hpp"
#include "short_rows.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// x less the largest number p of its group; 0 in the infinite places of one with +inf.
struct LessLargest : Mapped<1, 1> {
    template <class T>
    T near(T x, T, T p, T, T) const {
        return x == p ? T(0) : x - p;
    }
};

struct Weight : LessLargest {
    template <class T>
    T far(T v) const {
        return exp(v);
    }
};

struct Quotient : Mapped<1, 1> {
    template <class T>
    T near(T x, T, T p, T, T) const {
        return x / p;
    }
};

struct LessBoth : Mapped<1, 2> {
    template <class T>
    T near(T x, T, T p, T q, T) const {
        return (x == p ? T(0) : x - p) - q;
    }
};

struct SafeProduct : Mapped<2, 0> {
    template <class T>
    T near(T y_bar, T y, T, T, T) const {
        return y_bar == 0 ? T(0) : y_bar * y;
    }
};

struct SoftmaxBack : Mapped<2, 1> {
    template <class T>
    T near(T y_bar, T y, T p, T, T) const {
        const T outer = y_bar - p;
        return outer == 0 ? T(0) : outer * y;
    }
};

// The largest number of every group; 0 in place of -inf and NaN.
template <class T>
void find_largest(const Passes<T>& passes, const Operands<T>& x, T* top) {
    passes.template fold<Plain, Larger>(x, top);
    for (Index k = passes.begin(); k < passes.end(); ++k) {
        if (!(top[k] > -std::numeric_limits<T>::infinity())) top[k] = 0;
    }
}

// f(rows, first, how many) of short rows side by side.
template <class T, class F>
void each_short_row(const Passes<T>& passes, const T* x, F f) {
    const Index width = passes.plan().count;
    passes.each([&](const Passes<T>& some) {
        ShortRows<T> rows(width);
        for (Index k = some.begin(); k < some.end(); k += ShortRows<T>::beside) {
            const Index count = std::min(ShortRows<T>::beside, some.end() - k);
            rows.load(x + k * width, count);
            f(rows, k, count);
        }
    });
}

// The exponentials of numbers less the largest of their row, and their sum; 0 is the largest in
// place of -inf and NaN.
template <class T>
struct ShortWeights {
    alignas(64) typename ShortRows<T>::Numbers top, sum;

    explicit ShortWeights(ShortRows<T>& rows) {
        constexpr T none = -std::numeric_limits<T>::infinity();
        rows.largest(top, none);
        for (T& number : top) number = number > none ? number : T(0);
        rows.map(top, [](T x, T p) { return exp(x == p ? T(0) : x - p); });
        rows.sum(sum);
    }
};

template <class T>
void softmax_of_short_rows(Fusing<T>& all) {
    each_short_row(all.passes, all.input(0), [&](ShortRows<T>& rows, Index k, Index count) {
        ShortWeights<T> weights(rows);
        for (T& number : weights.sum) number = number == 0 ? T(1) : number;
        rows.map(weights.sum, [](T x, T p) { return x / p; });
        rows.store(all.y + k * all.passes.plan().count, count);
    });
}

template <class T>
void softmax(Fusing<T>& all, const Call&) {
    if (ShortRows<T>::fit(all.passes.plan())) return softmax_of_short_rows(all);
    T *top = all.number(0), *sum = all.number(1);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0), nullptr, top};
        find_largest(some, x, top);
        some.template apply<Weight>(x, all.y);
        some.template fold<Plain, Add>({all.y}, sum);
        for (Index k = some.begin(); k < some.end(); ++k) sum[k] = sum[k] == 0 ? T(1) : sum[k];
        some.template apply<Quotient>({all.y, nullptr, sum}, all.y);
    });
}

template <class T>
void log_softmax(Fusing<T>& all, const Call&) {
    T *top = all.number(0), *sum = all.number(1);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0), nullptr, top, sum};
        find_largest(some, x, top);
        some.template fold<Weight, Add>(x, sum);
        for (Index k = some.begin(); k < some.end(); ++k) sum[k] = sum[k] == 0 ? 0 : log(sum[k]);
        some.template apply<LessBoth>(x, all.y);
    });
}

template <class T>
void softmax_pullback(Fusing<T>& all, const Call&) {
    T* inner = all.number(0);
    all.passes.each([&](const Passes<T>& some) {
        Operands<T> x{all.input(0), all.input(1), inner};
        some.template fold<SafeProduct, Add>(x, inner);
        some.template apply<SoftmaxBack>(x, all.y);
    });
}

struct LessShift : Mapped<1, 1> {
    template <class T>
    T near(T x, T, T p, T, T) const {
        return x - p;
    }
    template <class T>
    T far(T v) const {
        return exp(v);
    }
};

// log(sum of e^x) - x of the target.
template <class T>
void cross_entropy_of_short_rows(Fusing<T>& all, const T* x, const Index* target) {
    const Index width = all.passes.plan().count;
    each_short_row(all.passes, x, [&](ShortRows<T>& rows, Index k, Index count) {
        alignas(64) typename ShortRows<T>::Numbers top, sum;
        rows.largest(top, -std::numeric_limits<T>::infinity());
        for (T& number : top) number = std::isfinite(number) ? number : T(0);
        rows.map(top, [](T number, T p) { return exp(number - p); });
        rows.sum(sum);
        for (T& number : sum) number = log(number);
        for (Index r = 0; r < count; ++r) {
            const Index t = target[k + r];
            all.y[k + r] = t < 0 ? T(0) : sum[r] - (x[(k + r) * width + t] - top[r]);
        }
    });
}

template <class T>
Fault cross_entropy(const Call& call) {
    Fusing<T> all(call, 1);
    const Index classes = all.passes.plan().count, rows = all.passes.plan().groups;
    const T* x = all.input(0);
    Room& room = all.room;
    const Array settled_targets = settled(call.inputs[1], room);
    const auto* target = filled(call.inputs[1], settled_targets, call.pool).as<const Index>();
    for (Index k = 0; k < rows; ++k) {
        const Index label = target[k] == -1 ? 0 : target[k];
        if (label < 0 || label >= classes) return {label, k, classes};
    }
    if (ShortRows<T>::fit(all.passes.plan())) {
        cross_entropy_of_short_rows(all, x, target);
        return {};
    }
    T *top = all.number(0), *sum = all.number(1);
    all.passes.each([&](const Passes<T>& some) {
        some.template fold<Plain, Larger>({x}, top);
        for (Index k = some.begin(); k < some.end(); ++k) {
            if (!std::isfinite(top[k])) top[k] = 0;
        }
        some.template fold<LessShift, Add>({x, nullptr, top}, sum);
        for (Index k = some.begin(); k < some.end(); ++k) sum[k] = log(sum[k]);
        for (Index k = some.begin(); k < some.end(); ++k) {
            const Index t = target[k];
            all.y[k] = t < 0 ? T(0) : sum[k] - (x[k * classes + t] - top[k]);
        }
    });
    return {};
}

Fault run_cross_entropy(const Call& call) {
    return call.inputs[0].dtype == Dtype::float32 ? cross_entropy<float>(call)
                                                  : cross_entropy<double>(call);
}

std::shared_ptr<const void> plan_cross_entropy(const Call& call) {
    const Index last[] = {call.inputs[0].axes - 1};
    return std::make_shared<Passable>(planned(laid_out(call.inputs[0], nullptr), last));
}

std::size_t workspace_cross_entropy(const Call& call) {
    Room room{nullptr, workspace_fused<1>(call)};
    settled(call.inputs[1], room);
    return room.used;
}

std::string check_cross_entropy(const Call& call) {
    if (call.inputs.size() != 2 || call.outputs.size() != 1) return "it takes two arrays";
    const Array &x = call.inputs[0], &targets = call.inputs[1], &y = call.outputs[0];
    if (x.dtype != Dtype::float32 && x.dtype != Dtype::float64) return "logits are floats";
    if (targets.dtype != Dtype::int64) return "targets are int64";
    if (y.dtype != x.dtype || !y.contiguous())
        return "the output must be contiguous, as the logits";
    const auto shape = x.shape.begin();
    if (x.axes < 1 || targets.axes != x.axes - 1 || y.size() != targets.size() ||
        !std::equal(shape, shape + targets.axes, targets.shape.begin())) {
        return "logits (..., classes) need targets (...)";
    }
    return {};
}

const Kernel rows[] = {
    {"softmax", run_fused<softmax<float>, softmax<double>, 1>, check_fused<1, 0>,
     workspace_fused<1>, false, plan_fused},
    {"log_softmax", run_fused<log_softmax<float>, log_softmax<double>, 1>, check_fused<1, 0>,
     workspace_fused<1>, false, plan_fused},
    {"softmax_pullback", run_fused<softmax_pullback<float>, softmax_pullback<double>, 2>,
     check_fused<2, 0>, workspace_fused<2>, false, plan_fused},
    {"cross_entropy_with_logits", run_cross_entropy, check_cross_entropy, workspace_cross_entropy,
     false, plan_cross_entropy},
};

}  // namespace

std::span<const Kernel> fused_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
