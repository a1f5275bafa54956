// What operations along some axes that keep their input's shape have in common.

#pragma once

#include "copying.hpp"
#include "passes.hpp"

namespace pullback::PULLBACK_ISA {

// A call's first `inputs` arrays, of one shape and made contiguous, and its passes along `axes`.
template <class T>
struct Fusing {
    static constexpr int numbers = 4;

    // Without a workspace, it only counts the bytes.
    Fusing(const Call& call, int inputs)
        : room{call.workspace}, passes(call.planned<Passable>(), call.pool, room) {
        for (int i = 0; i < inputs; ++i) arrays_[i] = settled(call.inputs[i], room);
        for (auto& each : numbers_) each = room.template take<T>(passes.plan().groups);
        if (call.workspace == nullptr) return;
        for (int i = 0; i < inputs; ++i) filled(call.inputs[i], arrays_[i], call.pool);
        y = call.outputs[0].as<T>();
    }

    const T* input(int i) const {
        return arrays_[i].template as<const T>();
    }
    // An array of one number for every group.
    T* number(int i) const {
        return numbers_[i];
    }

    Room room;
    Passes<T> passes;
    T* y = nullptr;

 private:
    Array arrays_[3];
    T* numbers_[numbers] = {};
};

inline std::shared_ptr<const void> plan_fused(const Call& call) {
    return std::make_shared<Passable>(planned(laid_out(call.inputs[0], nullptr), call.integers));
}

template <auto real, auto wide, int inputs>
Fault run_fused(const Call& call) {
    if (call.inputs[0].dtype == Dtype::float32) {
        Fusing<float> all(call, inputs);
        real(all, call);
    } else {
        Fusing<double> all(call, inputs);
        wide(all, call);
    }
    return {};
}

template <int inputs>
std::size_t workspace_fused(const Call& call) {
    return call.inputs[0].dtype == Dtype::float32 ? Fusing<float>(call, inputs).room.used
                                                  : Fusing<double>(call, inputs).room.used;
}

inline bool same_shape(const Array& a, const Array& b) {
    return a.axes == b.axes &&
           std::equal(a.shape.begin(), a.shape.begin() + a.axes, b.shape.begin());
}

// The first `inputs` arrays have one shape and one dtype; `more` others may follow.
template <int inputs, int reals, int more = 0>
std::string check_arrays(const Call& call) {
    if (call.inputs.size() != inputs + more || call.outputs.size() != 1) {
        return "it takes another number of arrays";
    }
    if (call.reals.size() != reals) return "it takes another number of reals";
    const Array &x = call.inputs[0], &y = call.outputs[0];
    if (x.dtype != Dtype::float32 && x.dtype != Dtype::float64) return "it takes floats";
    for (int i = 1; i < inputs; ++i) {
        if (!same_shape(call.inputs[i], x)) return "its arrays must have one shape";
    }
    for (const Array& other : call.inputs) {
        if (other.dtype != x.dtype) return "its arrays must have one dtype";
    }
    if (y.dtype != x.dtype || !y.contiguous()) {
        return "the output must be contiguous, of the input's dtype";
    }
    return refused_axes(x, call.integers);
}

template <int inputs, int reals>
std::string check_fused(const Call& call) {
    const std::string refused = check_arrays<inputs, reals>(call);
    if (!refused.empty()) return refused;
    if (!same_shape(call.inputs[0], call.outputs[0])) return "the output has another shape";
    return {};
}

}  // namespace pullback::PULLBACK_ISA
