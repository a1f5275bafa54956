#include "small_chain.hpp"

#include <algorithm>
#include <cstring>

namespace pullback {

SmallChain::SmallChain(const Kernels& kernels, const Shape& shape, const Loads& loads,
                       const std::vector<ElementwiseStep>& steps, const std::vector<Store>& stores)
    : kernels_(&kernels) {
    for (auto length : shape) count_ *= length;
    std::size_t registers = 0;
    const auto counted = [&](int reg) { registers = std::max<std::size_t>(registers, reg + 1); };
    loads.each([&](const Load& load) { counted(load.reg); });
    for (const auto& step : steps) counted(step.output);

    // a register has a vector more, which `repeat` may write
    const auto bytes_each = static_cast<std::size_t>(padded(count_)) * 8 + 64;
    memory_.resize(registers * bytes_each + 64);
    std::byte* first = memory_.data();
    while (!aligned(first)) ++first;
    std::vector<std::byte*> at;
    for (std::size_t reg = 0; reg < registers; ++reg) at.push_back(first + reg * bytes_each);

    for (const auto& [reg, from] : loads.single) {
        single_.push_back({&from, at[reg], item_size(from.dtype)});
    }
    for (const auto& [reg, from] : loads.straight) {
        if (in_place(from)) {
            at[reg] = from.data;
        } else {
            straight_.push_back({&from, at[reg], count_ * item_size(from.dtype)});
        }
    }
    for (const auto& [reg, from] : loads.strided) {
        strided_.push_back(filled(from, shape, at[reg]));
    }
    for (const auto& step : steps) {
        Step bound{step.run, at[step.output], {}, step.attributes.data()};
        for (int i = 0; i < step.arity; ++i) bound.inputs[i] = at[step.inputs[i]];
        steps_.push_back(bound);
    }
    for (const auto& store : stores) {
        stores_.push_back({&store.to, at[store.reg], count_ * item_size(store.to.dtype)});
    }
}

// Whether whole vectors of an array can be read where it lies.
bool SmallChain::in_place(const Array& array) const {
    const auto stands = [](auto move) { return move == 0; };
    return aligned(array.data) && std::all_of(array.moves.begin(), array.moves.end(), stands) &&
           padded(count_) * static_cast<std::int64_t>(item_size(array.dtype)) <= array.readable;
}

SmallChain::Filled SmallChain::filled(const Array& array, const Shape& shape,
                                      std::byte* reg) const {
    Filled made{&kernels_->filling(array.dtype), &array, reg, 0, {}};
    if (shape.size() == 2 && array.strides[0] == 0 && array.strides[1] == 1) {
        made.width = shape[1];
        return made;
    }
    made.places.push_back(0);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        std::vector<std::int64_t> finer;
        for (const auto place : made.places) {
            for (std::int64_t i = 0; i < shape[axis]; ++i) {
                finer.push_back(place + i * array.strides[axis]);
            }
        }
        made.places = std::move(finer);
    }
    return made;
}

void SmallChain::compute() {
    for (const auto& [array, reg, bytes] : single_) {
        // most are the same in every run: a rate, or a constant
        if (std::memcmp(reg, array->data, bytes) == 0) continue;
        kernels_->filling(array->dtype).repeat(reg, array->data, 1, padded(count_));
    }
    for (const auto& [array, reg, bytes] : straight_) std::memcpy(reg, array->data, bytes);
    for (const auto& [by, array, reg, width, places] : strided_) {
        if (width > 0) {
            by->repeat(reg, array->data, width, count_);
        } else {
            by->gather(reg, array->data, places.data(), count_);
        }
    }
    const auto count = static_cast<std::size_t>(padded(count_));
    for (const auto& step : steps_) {
        step.run(step.output, step.inputs.data(), step.attributes, count);
    }
}

bool SmallChain::finite() const {
    return std::all_of(stores_.begin(), stores_.end(), [&](const Copied& store) {
        Array made = *store.array;
        made.data = store.reg;
        return kernels_->finite(made, 0, count_);
    });
}

void SmallChain::store() const {
    for (const auto& [array, reg, bytes] : stores_) std::memcpy(array->data, reg, bytes);
}

}  // namespace pullback
