// Many numbers into one. Inputs may have any strides; results are contiguous.
//
//   name                                    integers  reals       inputs  of
//   sum, mean, max, min, prod               axes      -           x       float32, float64, int64*
//   norm, logsumexp                         axes      -           x       float32, float64
//   variance, std                           axes      correction  x       float32, float64
//   any, all                                axes      -           x       bool
//   argmax                                  axis      -           x       float32, float64, int64
//
// (*) but for `mean`. Whether reduced axes stay with length 1 shows in the output's shape alone.
// The largest number is NaN where there is one; of nothing, there is none: refused.

#include "maths.hpp"
#include "passes.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

struct Size : Mapped<1, 0> {
    template <class T>
    T near(T a, T, T, T, T) const {
        return a < 0 ? -a : a;
    }
};

struct SquareOfRatio : Mapped<1, 1> {
    template <class T>
    T near(T a, T, T p, T, T) const {
        return (a / p) * (a / p);
    }
};

struct Exponential : Mapped<1, 1> {
    template <class T>
    T near(T a, T, T p, T, T) const {
        return a - p;
    }
    template <class T>
    T far(T v) const {
        return exp(v);
    }
};

struct Shifted : Mapped<1, 1> {
    template <class T>
    T near(T a, T, T p, T, T) const {
        return a - p;
    }
};

struct SquareOfCentred : Mapped<1, 2> {
    template <class T>
    T near(T a, T, T p, T q, T) const {
        const T rest = (a - p) - q;
        return rest * rest;
    }
};

// Calls f with a number of the C++ type of a dtype.
template <class F>
auto with_type(Dtype dtype, F f) {
    switch (dtype) {
        case Dtype::float32:
            return f(float{});
        case Dtype::float64:
            return f(double{});
        case Dtype::int64:
            return f(std::int64_t{});
        default:
            return f(Flag{});
    }
}

// The passes of a call, its two arrays, and one more number for each group.
template <class T>
struct Reducing {
    explicit Reducing(const Call& call)
        : room{call.workspace},
          passes(call.planned<Passable>(), call.pool, room),
          x{call.inputs[0].as<const T>()},
          y(call.outputs[0].as<T>()),
          more(room.take<T>(passes.plan().groups)),
          groups(passes.plan().groups),
          count(static_cast<T>(passes.plan().count)) {}

    Room room;
    Passes<T> passes;
    Operands<T> x;
    T *y, *more;
    Index groups;
    T count;
};

template <class T, class Map, class Combine>
void folded(const Call& call) {
    Reducing<T> all(call);
    all.passes.template fold<Map, Combine>(all.x, all.y);
}

template <class T>
void mean(const Call& call) {
    Reducing<T> all(call);
    all.passes.template fold<Plain, Add>(all.x, all.y);
    for (Index k = 0; k < all.groups; ++k) all.y[k] /= all.count;
}

// Scaled by the largest size, so that no square is too large or too small.
template <class T>
void norm(const Call& call) {
    Reducing<T> all(call);
    all.passes.template fold<Size, Larger>(all.x, all.more);
    for (Index k = 0; k < all.groups; ++k) {
        const T top = all.more[k];
        if (!(top > 0) || top > std::numeric_limits<T>::max()) all.more[k] = 1;
    }
    all.x.p = all.more;
    all.passes.template fold<SquareOfRatio, Add>(all.x, all.y);
    for (Index k = 0; k < all.groups; ++k) all.y[k] = std::sqrt(all.y[k]) * all.more[k];
}

template <class T>
void logsumexp(const Call& call) {
    Reducing<T> all(call);
    all.passes.template fold<Plain, Larger>(all.x, all.more);
    for (Index k = 0; k < all.groups; ++k) {
        if (!std::isfinite(all.more[k])) all.more[k] = 0;
    }
    all.x.p = all.more;
    all.passes.template fold<Exponential, Add>(all.x, all.y);
    for (Index k = 0; k < all.groups; ++k) all.y[k] = log(all.y[k]) + all.more[k];
}

// Counted from the first number, so that it is exactly 0 for equal numbers.
template <class T, bool root>
void spread(const Call& call) {
    Reducing<T> all(call);
    T* mean = all.room.template take<T>(all.groups);
    all.passes.first(all.x.a, all.more);
    all.x.p = all.more;
    all.passes.template fold<Shifted, Add>(all.x, mean);
    for (Index k = 0; k < all.groups; ++k) mean[k] /= all.count;
    all.x.q = mean;
    all.passes.template fold<SquareOfCentred, Add>(all.x, all.y);
    const T rest = std::max<T>(all.count - static_cast<T>(call.reals[0]), 0);
    for (Index k = 0; k < all.groups; ++k) {
        const T variance = all.y[k] / rest;
        all.y[k] = root ? std::sqrt(variance) : variance;
    }
}

// The first place of the largest number, or of a NaN, along a line.
template <class T>
void argmax(const Call& call) {
    Room room{call.workspace};
    const Passes<T> passes(call.planned<Passable>(), call.pool, room);
    const Plan& plan = passes.plan();
    T* top = room.take<T>(plan.groups);
    const T* x = call.inputs[0].as<const T>();
    auto* y = call.outputs[0].as<std::int64_t>();
    passes.template fold<Plain, Larger>({x}, top);
    const Index stride = plan.reduced.stride();
    in_shares(call.pool, plan.groups, plan.count, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
            const T* line = x + plan.kept.offset(k);
            Index i = 0;
            // NaN is the largest where there is one, and equals nothing
            while (i + 1 < plan.count && line[i * stride] != top[k] &&
                   line[i * stride] == line[i * stride]) {
                ++i;
            }
            y[k] = i;
        }
    });
}

template <void (*real)(const Call&), void (*wide)(const Call&)>
Fault run_float(const Call& call) {
    (call.inputs[0].dtype == Dtype::float32 ? real : wide)(call);
    return {};
}

// Whole numbers wrap around in sums and products, which C++ promises of unsigned ones alone.
using Wrapping = std::uint64_t;

template <class Map, class Combine, class Whole>
Fault run_number(const Call& call) {
    switch (call.inputs[0].dtype) {
        case Dtype::float32:
            folded<float, Map, Combine>(call);
            break;
        case Dtype::float64:
            folded<double, Map, Combine>(call);
            break;
        default:
            folded<Whole, Map, Combine>(call);
    }
    return {};
}

template <class Combine>
Fault run_question(const Call& call) {
    folded<Flag, Plain, Combine>(call);
    return {};
}

Fault run_argmax(const Call& call) {
    switch (call.inputs[0].dtype) {
        case Dtype::float32:
            argmax<float>(call);
            break;
        case Dtype::float64:
            argmax<double>(call);
            break;
        default:
            argmax<std::int64_t>(call);
    }
    return {};
}

std::shared_ptr<const void> plan(const Call& call) {
    return std::make_shared<Passable>(planned(call.inputs[0], call.integers));
}

std::size_t workspace(const Call& call) {
    return with_type(call.inputs[0].dtype, [&](auto number) {
        using T = decltype(number);
        Room room;
        const Passes<T> passes(call.planned<Passable>(), nullptr, room);
        room.take<T>(passes.plan().groups);
        room.take<T>(passes.plan().groups);
        return room.used;
    });
}

enum class Takes { floats, numbers, flags };

template <Takes takes, bool some, int reals, bool place>
std::string check(const Call& call) {
    if (call.inputs.size() != 1 || call.outputs.size() != 1) return "it takes one array";
    if (call.reals.size() != reals) return "it takes another number of reals";
    const Array &x = call.inputs[0], &y = call.outputs[0];
    const bool fits = takes == Takes::flags ? x.dtype == Dtype::boolean
                      : x.dtype == Dtype::int64
                          ? takes == Takes::numbers
                          : x.dtype == Dtype::float32 || x.dtype == Dtype::float64;
    if (!fits) return "it takes no array of that dtype";
    if (y.dtype != (place ? Dtype::int64 : x.dtype)) return "the output has another dtype";
    if (place && call.integers.size() != 1) return "it takes one axis";
    const std::string refused = refused_axes(x, call.integers);
    if (!refused.empty()) return refused;
    const Plan plan = planned(x, call.integers);
    if (!y.contiguous() || y.size() != plan.groups) {
        return "the output must be contiguous, with one element for each group";
    }
    if (some && plan.count == 0 && plan.groups > 0) return "of nothing there is no extreme";
    return {};
}

constexpr auto check_numbers = check<Takes::numbers, false, 0, false>;
constexpr auto check_floats = check<Takes::floats, false, 0, false>;
constexpr auto check_extreme = check<Takes::numbers, true, 0, false>;
constexpr auto check_spread = check<Takes::floats, false, 1, false>;
constexpr auto check_flags = check<Takes::flags, false, 0, false>;

const Kernel rows[] = {
    {"sum", run_number<Plain, Add, Wrapping>, check_numbers, workspace, false, plan},
    {"mean", run_float<mean<float>, mean<double>>, check_floats, workspace, false, plan},
    {"max", run_number<Plain, Larger, std::int64_t>, check_extreme, workspace, false, plan},
    {"min", run_number<Plain, Smaller, std::int64_t>, check_extreme, workspace, false, plan},
    {"prod", run_number<Plain, Multiply, Wrapping>, check_numbers, workspace, false, plan},
    {"norm", run_float<norm<float>, norm<double>>, check_floats, workspace, false, plan},
    {"logsumexp", run_float<logsumexp<float>, logsumexp<double>>, check_floats, workspace, false,
     plan},
    {"variance", run_float<spread<float, false>, spread<double, false>>, check_spread, workspace,
     false, plan},
    {"std", run_float<spread<float, true>, spread<double, true>>, check_spread, workspace, false,
     plan},
    {"any", run_question<Either>, check_flags, workspace, false, plan},
    {"all", run_question<Both>, check_flags, workspace, false, plan},
    {"argmax", run_argmax, check<Takes::numbers, true, 0, true>, workspace, false, plan},
};

}  // namespace

std::span<const Kernel> reduction_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
