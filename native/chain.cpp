#include "chain.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "composing.hpp"
#include "flushing.hpp"

namespace pullback {

namespace {

// How many elements a thread takes at a time, and below how much work it is not worth sharing.
constexpr std::int64_t piece_elements = 16 * static_cast<std::int64_t>(block);
constexpr std::int64_t serial_work = 1 << 16;

// Fills a register with `some` lines from `line` on, one behind the other.
void fill_lines(const Load& load, const Shape& shape, std::byte* reg, const Lines& lines,
                std::int64_t line, std::int64_t some) {
    const auto bytes = lines.length * static_cast<std::int64_t>(item_size(load.from.dtype));
    const bool same = lines.apart == shape.back() && repeats_row(load.from, shape);
    for (std::int64_t i = 0; i < some; ++i) {
        if (same && i > 0) {
            std::memcpy(reg + i * bytes, reg, static_cast<std::size_t>(bytes));
        } else {
            const std::int64_t start = lines.start + (line + i) * lines.apart;
            fill_strided(load, shape, reg + i * bytes, start, lines.length);
        }
    }
}

}  // namespace

Chain::Chain(const Kernels& kernels, Shape shape, std::vector<Load> loads,
             std::vector<ElementwiseStep> steps, std::vector<Store> stores, std::vector<Tap> taps,
             const bool* looking)
    : kernels_(&kernels),
      shape_(shape.empty() ? Shape{1} : std::move(shape)),
      loads_(shape_, std::move(loads)),
      steps_(std::move(steps)),
      stores_(std::move(stores)),
      taps_(std::move(taps)),
      looking_(looking) {
    for (auto length : shape_) size_ *= length;
    if (refused().empty()) run_ = composed(kernels, steps_, stores_, loads_.single);
    if (refused().empty() && !taps_.empty()) {
        auto wanted = stores_;
        for (const auto& tap : taps_) wanted.push_back({tap.reg, {}});
        seen_ = composed(kernels, steps_, wanted, loads_.single);
    }
    for (auto& store : stores_) {
        for (const auto& load : loads_.straight) {
            if (load.from.data != store.to.data) continue;
            const bool taken_off = std::any_of(
                taps_.begin(), taps_.end(), [&](const Tap& tap) { return tap.less == load.reg; });
            if (reads_after(run_, store.reg, load.reg)) store.direct = false;
            if (taken_off || reads_after(seen_, store.reg, load.reg)) store.direct_if_seen = false;
        }
    }
    if (refused().empty() && size_ <= static_cast<std::int64_t>(block)) {
        small_ = std::make_unique<SmallChain>(kernels, shape_, loads_, run_, stores_);
    }
}

// Whether a step behind the one that makes `made` reads `read`.
bool Chain::reads_after(const std::vector<ElementwiseStep>& steps, int made, int read) {
    bool is_made = false;
    for (const auto& step : steps) {
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
    const auto own = [&](const Array& from) {
        bool same = from.data == to.data && item_size(from.dtype) == item_size(to.dtype);
        for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
            same = same && (shape_[axis] == 1 || from.strides[axis] == to.strides[axis]);
        }
        return same;
    };
    bool others = false;
    loads_.each([&](const Load& load) {
        others = others || (overlap(load.from, to, shape_) && !own(load.from));
    });
    return size_ > 0 && others;
}

std::string Chain::refused() const {
    const auto outside = [](int reg) { return reg < 0 || reg >= most_registers; };
    bool fits = true;
    loads_.each([&](const Load& load) { fits = fits && !outside(load.reg); });
    if (!fits) return "a chain has at most 32 registers";
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
    if (taps_.size() > most_taps) return "a chain has at most 32 taps";
    for (const auto& tap : taps_) {
        if (outside(tap.reg) || tap.less >= most_registers)
            return "a chain has at most 32 registers";
    }
    return "";
}

namespace {

// Subnormal numbers become 0.
template <class T>
void settle(T* numbers, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (std::abs(numbers[i]) < std::numeric_limits<T>::min()) {
            numbers[i] = std::copysign(T(0), numbers[i]);
        }
    }
}

void settle(std::byte* numbers, Dtype dtype, std::int64_t count) {
    if (dtype == Dtype::float32) settle(reinterpret_cast<float*>(numbers), count);
    if (dtype == Dtype::float64) settle(reinterpret_cast<double*>(numbers), count);
}

}  // namespace

// f of each piece, by several threads if there is work for them.
template <class F>
void Chain::each_piece(const Pool& pool, F f) const {
    const auto one = [&](std::int64_t number) { f(piece(number)); };
    work() < serial_work ? Pool::serial(pieces(), one) : pool.run(pieces(), one);
}

std::int64_t Chain::pieces() const {
    return (size_ + piece_elements - 1) / piece_elements;
}

Lines Chain::piece(std::int64_t number) const {
    const std::int64_t start = number * piece_elements;
    return {start, std::min(size_ - start, piece_elements)};
}

void Chain::run_piece(std::int64_t number) const {
    run_lines(piece(number), number);
}

void Chain::run(const Pool& pool) {
    if (stores_.empty() && !is_seen()) return;
    if (small_ != nullptr && !is_seen()) return small_->run();
    const auto one = [&](std::int64_t number) { run_piece(number); };
    work() < serial_work ? Pool::serial(pieces(), one) : pool.run(pieces(), one);
}

void Chain::run_on(const Lines& lines) {
    const bool seen = is_seen();
    if (stores_.empty() && !seen) return;
    if (small_ != nullptr && !seen && lines.length * lines.lines == size_) return small_->run();
    run_lines(lines, 0);
}

void Chain::reserve_places() {
    for (auto& tap : taps_) tap.place = tap.probe->reserve(pieces());
}

void Chain::run_lines(const Lines& lines, std::int64_t piece) const {
    const auto taken = [&](Look* look) {
        const bool few = lines.length <= static_cast<std::int64_t>(block - lanes) / 2;
        lines.lines > 1 && few ? run_short_lines(lines, look) : run_blocks(lines, look);
    };
    if (!is_seen()) return taken(nullptr);
    Look look(taps_, lines.start, piece);
    taken(&look);
}

bool Chain::finite(const Pool& pool) {
    if (small_ != nullptr) {
        small_->compute();
        return small_->finite();
    }
    std::atomic<bool> found = true;
    each_piece(pool, [&](const Lines& lines) {
        if (found && !finite_on(lines)) found = false;
    });
    return found;
}

void Chain::run_looked_at(const Pool& pool) {
    small_ != nullptr && !is_seen() ? small_->store() : run(pool);
}

// Runs the steps on one block after the other; f(registers, start, count) sees each block's result,
// and says whether to go on. With `stores`, registers that are stored lie where they are wanted, if
// they may; `look` sees them, if there is one.
template <class F>
void Chain::blocks(const Lines& lines, bool stores, Look* look, F f) const {
    alignas(64) std::byte memory[most_registers * register_bytes];
    std::array<std::byte*, most_registers> at;
    for (int i = 0; i < most_registers; ++i) at[i] = memory + i * register_bytes;
    for (const auto& load : loads_.single) {
        fill_single(load, at[load.reg], std::min<std::int64_t>(lines.length, block));
    }
    const auto& steps = look != nullptr ? seen_ : run_;
    const auto place = [&](int reg) { return at[reg]; };
    const auto run_block = [&](std::int64_t start, std::int64_t count) {
        const bool whole = padded(count) == count;
        for (const auto& load : loads_.straight) {
            std::byte* source = load.from.data + start * item_size(load.from.dtype);
            std::byte* own = memory + load.reg * register_bytes;
            at[load.reg] = whole && aligned(source) ? source : own;
            if (at[load.reg] == own) fill_straight(load, own, start, count);
        }
        for (const auto& load : loads_.strided) {
            std::byte* row = whole ? in_row(load, shape_, start, count) : nullptr;
            std::byte* own = memory + load.reg * register_bytes;
            at[load.reg] = row != nullptr && aligned(row) ? row : own;
            if (at[load.reg] == own) fill_strided(load, shape_, own, start, count);
        }
        for (const auto& store : stores_) {
            std::byte* target = store.to.data + start * item_size(store.to.dtype);
            const bool may = look != nullptr ? store.direct_if_seen : store.direct;
            const bool direct = stores && may && whole && aligned(target);
            at[store.reg] = direct ? target : memory + store.reg * register_bytes;
        }
        if (look != nullptr) {
            const Unnoted unnoted;
            look->see(true, place, count);
        }
        for (const auto& step : steps) {
            const void* inputs[most_inputs] = {};
            for (int k = 0; k < step.arity; ++k) inputs[k] = at[step.inputs[k]];
            step.run(at[step.output], inputs, step.attributes.data(),
                     static_cast<std::size_t>(padded(count)));
        }
        if (look != nullptr) {
            const Unnoted unnoted;
            look->see(false, place, count);
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

void Chain::run_blocks(const Lines& lines, Look* look) const {
    if (settles_) forget_subnormals();
    blocks(lines, true, look, [&](const auto& at, std::int64_t start, std::int64_t count) {
        // Behind the last number of a part of a block lies anything.
        const bool settles =
            settles_ && (count < static_cast<std::int64_t>(block) || has_met_subnormals());
        for (const auto& store : stores_) {
            if (settles) settle(at[store.reg], store.to.dtype, count);
            const std::size_t item = item_size(store.to.dtype);
            std::byte* target = store.to.data + start * static_cast<std::int64_t>(item);
            if (at[store.reg] != target) {
                std::memcpy(target, at[store.reg], static_cast<std::size_t>(count) * item);
            }
        }
        if (settles) forget_subnormals();
        return true;
    });
}

// The same for lines that are shorter than a block: as many as fit into one are taken together.
void Chain::run_short_lines(const Lines& lines, Look* look) const {
    alignas(64) std::byte memory[most_registers * register_bytes];
    const auto at = [&](int reg) {
        return memory + reg * static_cast<std::int64_t>(register_bytes);
    };
    // whole vectors may be written behind the last of them
    const std::int64_t length = lines.length, together = (block - lanes) / length;
    for (const auto& load : loads_.single) fill_single(load, at(load.reg), block);
    for (std::int64_t line = 0; line < lines.lines; line += together) {
        const std::int64_t some = std::min(together, lines.lines - line);
        const std::int64_t start = lines.start + line * lines.apart;
        const auto each = [&](const Array& array, int reg, auto f) {
            const auto item = static_cast<std::int64_t>(item_size(array.dtype));
            for (std::int64_t i = 0; i < some; ++i) {
                f(at(reg) + i * length * item, array.data + (start + i * lines.apart) * item,
                  static_cast<std::size_t>(length * item));
            }
        };
        for (const auto& load : loads_.straight) {
            each(load.from, load.reg,
                 [](auto* reg, auto* place, auto bytes) { std::memcpy(reg, place, bytes); });
        }
        for (const auto& load : loads_.strided) {
            fill_lines(load, shape_, at(load.reg), lines, line, some);
        }
        if (look != nullptr) look->see(true, at, some * length);
        for (const auto& step : look != nullptr ? seen_ : run_) {
            const void* inputs[most_inputs] = {};
            for (int k = 0; k < step.arity; ++k) inputs[k] = at(step.inputs[k]);
            step.run(at(step.output), inputs, step.attributes.data(),
                     static_cast<std::size_t>(padded(some * length)));
        }
        if (look != nullptr) look->see(false, at, some * length);
        for (const auto& store : stores_) {
            each(store.to, store.reg,
                 [](auto* reg, auto* place, auto bytes) { std::memcpy(place, reg, bytes); });
        }
    }
}

bool Chain::finite_on(const Lines& lines) const {
    bool found = true;
    blocks(lines, false, nullptr, [&](const auto& at, std::int64_t, std::int64_t count) {
        for (const auto& store : stores_) {
            Array made = store.to;
            made.data = at[store.reg];
            found = found && kernels_->finite(made, 0, count);
        }
        return found;
    });
    return found;
}

}  // namespace pullback
