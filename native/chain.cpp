#include "chain.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace pullback {

namespace {

// How many elements a thread takes at a time, and below how much work it is not worth sharing.
constexpr std::int64_t piece_elements = 16 * static_cast<std::int64_t>(block);
constexpr std::int64_t serial_work = 1 << 16;

std::int64_t padded(std::int64_t count) {
    return (count + lanes - 1) / lanes * lanes;
}

bool aligned(const std::byte* address) {
    return reinterpret_cast<std::uintptr_t>(address) % 64 == 0;
}

// One axis can go with the one after it if a step along it is a whole run along the other.
void merge_axes(std::vector<std::int64_t>& shape, std::vector<Load>& loads) {
    for (std::size_t axis = shape.size(); axis-- > 1;) {
        const std::size_t outer = axis - 1;
        const bool fits =
            shape[outer] == 1 || shape[axis] == 1 ||
            std::all_of(loads.begin(), loads.end(), [&](const Load& load) {
                return load.from.strides[outer] == load.from.strides[axis] * shape[axis];
            });
        if (!fits) continue;
        for (auto& load : loads) {
            auto& strides = load.from.strides;
            if (shape[axis] != 1) strides[outer] = strides[axis];
            std::copy(strides.begin() + static_cast<std::ptrdiff_t>(axis) + 1, strides.end(),
                      strides.begin() + static_cast<std::ptrdiff_t>(axis));
        }
        shape[outer] *= shape[axis];
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    }
}

// Whether an array's elements lie one after the other.
bool in_order(const std::vector<std::int64_t>& shape, const Array& array) {
    std::int64_t step = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        if (shape[axis] != 1 && array.strides[axis] != step) return false;
        step *= shape[axis];
    }
    return true;
}

template <class T>
void fill_run(T* to, const T* from, std::int64_t stride, std::int64_t count) {
    if (stride == 1) {
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    } else if (stride == 0) {
        std::fill_n(to, count, *from);
    } else {
        for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
    }
}

// Elements start to start + count, counted along the last axis first.
template <class T>
void fill_strided(T* to, const Array& from, const std::vector<std::int64_t>& shape,
                  std::int64_t start, std::int64_t count) {
    const int last = static_cast<int>(shape.size()) - 1;
    std::array<std::int64_t, most_axes> index{};
    std::int64_t rest = start, offset = 0;
    for (int axis = last; axis >= 0; --axis) {
        index[axis] = rest % shape[axis];
        rest /= shape[axis];
        offset += index[axis] * from.strides[axis];
    }
    while (count > 0) {
        const std::int64_t run = std::min(count, shape[last] - index[last]);
        fill_run(to, from.as<const T>() + offset, from.strides[last], run);
        to += run;
        count -= run;
        offset += run * from.strides[last];
        index[last] += run;
        for (int axis = last; axis > 0 && index[axis] == shape[axis]; --axis) {
            offset += from.strides[axis - 1] - shape[axis] * from.strides[axis];
            index[axis] = 0;
            ++index[axis - 1];
        }
    }
}

// Whether two arrays may share a byte. The elements of one lie between its lowest and highest.
bool overlap(const Array& a, const Array& b, const std::vector<std::int64_t>& shape) {
    const auto reach = [&](const Array& array, std::int64_t sign) {
        std::int64_t sum = 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            const std::int64_t step = array.strides[axis] * (shape[axis] - 1);
            if (step * sign > 0) sum += step;
        }
        return array.data + sum * static_cast<std::int64_t>(item_size(array.dtype));
    };
    const auto end = [&](const Array& array) { return reach(array, 1) + item_size(array.dtype); };
    return reach(a, -1) < end(b) && reach(b, -1) < end(a);
}

template <class F>
void with_type(Dtype dtype, F f) {
    switch (item_size(dtype)) {
        case 1:
            return f(std::uint8_t{});
        case 4:
            return f(std::uint32_t{});
        default:
            return f(std::uint64_t{});
    }
}

}  // namespace

Chain::Chain(std::vector<std::int64_t> shape, std::vector<Load> loads,
             std::vector<ElementwiseStep> steps, std::vector<Store> stores)
    : shape_(std::move(shape)), steps_(std::move(steps)), stores_(std::move(stores)) {
    for (auto length : shape_) size_ *= length;
    if (shape_.empty()) shape_.push_back(1);
    merge_axes(shape_, loads);
    for (auto& load : loads) {
        const auto& strides = load.from.strides;
        const auto axes = static_cast<std::ptrdiff_t>(shape_.size());
        if (std::all_of(strides.begin(), strides.begin() + axes, [](auto s) { return s == 0; })) {
            single_.push_back(load);
        } else if (in_order(shape_, load.from)) {
            straight_.push_back(load);
        } else {
            strided_.push_back(load);
        }
    }
    for (auto& step : steps_) {
        const auto is_second = [&](const Load& load) { return load.reg == step.inputs[1]; };
        const bool by_number = step.arity == 2 && step.by_number != nullptr &&
                               std::any_of(single_.begin(), single_.end(), is_second);
        if (by_number) step.run = step.by_number;
    }
    for (auto& store : stores_) {
        for (const auto& load : straight_) {
            if (load.from.data == store.to.data && reads_after(store.reg, load.reg)) {
                store.direct = false;
            }
        }
    }
}

// Whether a step behind the one that makes `made` reads `read`.
bool Chain::reads_after(int made, int read) const {
    bool is_made = false;
    for (const auto& step : steps_) {
        const auto inputs = step.inputs.begin();
        if (is_made && std::find(inputs, inputs + step.arity, read) != inputs + step.arity) {
            return true;
        }
        is_made = is_made || step.output == made;
    }
    return false;
}

// Whether a store writes over elements that are loaded for others.
bool Chain::replaces_others(const Store& store) const {
    Array to = store.to;
    std::int64_t step = 1;
    for (std::size_t axis = shape_.size(); axis-- > 0;) {
        to.strides[axis] = step;
        step *= shape_[axis];
    }
    const auto meet = [&](const auto& load) { return overlap(load.from, to, shape_); };
    const auto own = [&](const auto& load) {
        bool same = load.from.data == to.data && item_size(load.from.dtype) == item_size(to.dtype);
        for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
            same = same && (shape_[axis] == 1 || load.from.strides[axis] == to.strides[axis]);
        }
        return same;
    };
    const auto other = [&](const auto& load) { return meet(load) && !own(load); };
    const auto any = [&](const auto& loads) {
        return std::any_of(loads.begin(), loads.end(), other);
    };
    return size_ > 0 && (any(straight_) || any(strided_) || any(single_));
}

std::string Chain::refused() const {
    const auto outside = [](int reg) { return reg < 0 || reg >= most_registers; };
    for (const auto* loads : {&single_, &straight_, &strided_}) {
        for (const auto& load : *loads) {
            if (outside(load.reg)) return "a chain has at most 32 registers";
        }
    }
    for (const auto& step : steps_) {
        if (outside(step.output)) return "a chain has at most 32 registers";
        for (int i = 0; i < step.arity; ++i) {
            if (outside(step.inputs[i])) return "a chain has at most 32 registers";
        }
    }
    for (const auto& store : stores_) {
        if (outside(store.reg)) return "a chain has at most 32 registers";
        if (!store.to.contiguous() || store.to.size() != size_) {
            return "a chain stores contiguous arrays of its own shape";
        }
        if (replaces_others(store)) {
            return "what a chain stores replaces what it loads element for element, or nothing";
        }
    }
    return "";
}

// f of each piece, by several threads if there is work for them.
template <class F>
void Chain::pieces(Pool& pool, F f) const {
    const std::int64_t count = (size_ + piece_elements - 1) / piece_elements;
    const auto piece = [&](std::int64_t i) {
        const std::int64_t start = i * piece_elements;
        f(Lines{start, std::min(size_ - start, piece_elements)});
    };
    const auto work = size_ * static_cast<std::int64_t>(steps_.size() + 1);
    work < serial_work ? Pool::serial(count, piece) : pool.run(count, piece);
}

void Chain::run(Pool& pool) const {
    pieces(pool, [&](const Lines& lines) { run_on(lines); });
}

bool Chain::finite(Pool& pool, const Kernels& kernels) const {
    std::atomic<bool> found = true;
    pieces(pool, [&](const Lines& lines) {
        if (found && !finite_on(lines, kernels)) found = false;
    });
    return found;
}

// Elements from `start` on, in the chain's order, and zeros up to a multiple of the lanes.
void Chain::fill(const Load& load, std::byte* reg, std::int64_t start, std::int64_t count,
                 bool straight) const {
    with_type(load.from.dtype, [&](auto sample) {
        using T = decltype(sample);
        T* to = reinterpret_cast<T*>(reg);
        if (straight) {
            fill_run(to, load.from.as<const T>() + start, 1, count);
        } else {
            fill_strided(to, load.from, shape_, start, count);
        }
        std::fill_n(to + count, padded(count) - count, T{});
    });
}

// Runs the steps on one block after the other; f(registers, start, count) sees each block's result,
// and says whether to go on. With `stores`, registers that are stored lie where they are wanted, if
// they may.
template <class F>
void Chain::blocks(const Lines& lines, bool stores, F f) const {
    alignas(64) std::byte memory[most_registers * register_bytes];
    std::array<std::byte*, most_registers> at;
    for (int i = 0; i < most_registers; ++i) at[i] = memory + i * register_bytes;
    for (const auto& load : single_) {
        with_type(load.from.dtype, [&](auto sample) {
            using T = decltype(sample);
            const auto count = std::min<std::int64_t>(lines.length, block);
            std::fill_n(reinterpret_cast<T*>(at[load.reg]), padded(count),
                        *load.from.as<const T>());
        });
    }
    const auto run_block = [&](std::int64_t start, std::int64_t count) {
        const bool whole = padded(count) == count;
        for (const auto& load : straight_) {
            std::byte* source = load.from.data + start * item_size(load.from.dtype);
            std::byte* own = memory + load.reg * register_bytes;
            at[load.reg] = whole && aligned(source) ? source : own;
            if (at[load.reg] == own) fill(load, own, start, count, true);
        }
        for (const auto& load : strided_) fill(load, at[load.reg], start, count, false);
        for (const auto& store : stores_) {
            std::byte* target = store.to.data + start * item_size(store.to.dtype);
            const bool direct = stores && store.direct && whole && aligned(target);
            at[store.reg] = direct ? target : memory + store.reg * register_bytes;
        }
        for (const auto& step : steps_) {
            const void* inputs[3] = {};
            for (int k = 0; k < step.arity; ++k) inputs[k] = at[step.inputs[k]];
            step.run(at[step.output], inputs, step.attributes.data(),
                     static_cast<std::size_t>(padded(count)));
        }
        return f(at, start, count);
    };
    for (std::int64_t line = 0; line < lines.lines; ++line) {
        const std::int64_t start = lines.start + line * lines.apart, end = start + lines.length;
        for (std::int64_t i = start; i < end; i += block) {
            if (!run_block(i, std::min<std::int64_t>(block, end - i))) return;
        }
    }
}

void Chain::run_on(const Lines& lines) const {
    blocks(lines, true, [&](const auto& at, std::int64_t start, std::int64_t count) {
        for (const auto& store : stores_) {
            const std::size_t item = item_size(store.to.dtype);
            std::byte* target = store.to.data + start * static_cast<std::int64_t>(item);
            if (at[store.reg] != target) {
                std::memcpy(target, at[store.reg], static_cast<std::size_t>(count) * item);
            }
        }
        return true;
    });
}

bool Chain::finite_on(const Lines& lines, const Kernels& kernels) const {
    bool found = true;
    blocks(lines, false, [&](const auto& at, std::int64_t, std::int64_t count) {
        for (const auto& store : stores_) {
            Array made = store.to;
            made.data = at[store.reg];
            found = found && kernels.finite(made, 0, count);
        }
        return found;
    });
    return found;
}

}  // namespace pullback
