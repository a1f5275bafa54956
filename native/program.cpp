#include "program.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "makers.hpp"

namespace pullback {

namespace {

constexpr std::int64_t copied_bytes = 1 << 16;  // a thread's share of a copy

double number(const Array& single) {
    switch (single.dtype) {
        case Dtype::float32:
            return *single.as<const float>();
        case Dtype::float64:
            return *single.as<const double>();
        case Dtype::int64:
            return static_cast<double>(*single.as<const std::int64_t>());
        default:
            return *single.as<const bool>();
    }
}

}  // namespace

Program::Program(const Kernels& kernels, std::span<std::byte> arena, std::span<std::byte> state)
    : kernels_(&kernels), arena_(arena), state_(state), updates_(kernels) {}

Array Program::array(Space space, std::int64_t offset, Dtype dtype,
                     std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                     std::span<const std::int64_t> moves) const {
    const auto memory = space == Space::arena ? arena_ : state_;
    const auto size = static_cast<__int128>(memory.size());
    if (shape.size() != strides.size() || shape.size() > most_axes) {
        throw std::invalid_argument("an array has as many strides as axes, at most 12");
    }
    if (moves.size() > open_.size()) {
        throw std::invalid_argument("an array moves with the loops that it is in");
    }
    const auto item = static_cast<__int128>(item_size(dtype));
    __int128 low = offset, high = static_cast<__int128>(offset) + item;
    bool empty = false;
    const auto reaches = [&](std::int64_t length, std::int64_t stride) {
        if (length < 0) throw std::invalid_argument("a length is negative");
        empty = empty || length == 0;
        const auto reach = static_cast<__int128>(length - 1) * stride * item;
        (reach < 0 ? low : high) += reach;
    };
    for (std::size_t axis = 0; axis < shape.size(); ++axis) reaches(shape[axis], strides[axis]);
    // The steps of a loop are one axis more.
    for (std::size_t i = 0; i < moves.size(); ++i) reaches(open_[i]->length(), moves[i]);
    if (offset < 0 || offset % static_cast<std::int64_t>(item) != 0) {
        throw std::invalid_argument("an array begins at a multiple of its item's size");
    }
    if (empty ? offset > size : (low < 0 || high > size)) {
        throw std::invalid_argument("an array reaches beyond its block of memory");
    }
    Array made;
    made.data = memory.data() + offset;
    made.dtype = dtype;
    made.axes = static_cast<int>(shape.size());
    // What lies behind an array may be another strand's, which writes there meanwhile.
    const auto end = strands_ == nullptr || empty ? size : high;
    made.readable = static_cast<std::int64_t>(end - offset);
    std::copy(shape.begin(), shape.end(), made.shape.begin());
    std::copy(strides.begin(), strides.end(), made.strides.begin());
    std::transform(moves.begin(), moves.end(), made.moves.begin(),
                   [&](auto move) { return move * static_cast<std::int64_t>(item); });
    return made;
}

void Program::add_call(const std::string& kernel, std::vector<Array> inputs,
                       std::vector<Array> outputs, std::vector<std::int64_t> integers,
                       std::vector<double> reals, std::unique_ptr<Chain> epilogue) {
    const Kernel* found = kernels_->find(kernel);
    if (found == nullptr) throw std::invalid_argument("there is no kernel " + kernel);
    KernelCall made{found,
                    std::move(inputs),
                    std::move(outputs),
                    std::move(integers),
                    std::move(reals),
                    std::move(epilogue),
                    nullptr};
    Call call = made.call(nullptr, &pool_);
    const std::string refused = found->check(call);
    if (!refused.empty()) throw std::invalid_argument(kernel + ": " + refused);
    if (made.epilogue != nullptr) {
        std::string why = made.epilogue->refused();
        if (!open_.empty() && made.epilogue->has_taps()) why = "a loop has no probes in it";
        if (!why.empty()) throw std::invalid_argument(why);
        const bool fits = found->finishes && made.outputs[0].axes > 0 &&
                          made.outputs[0].contiguous() &&
                          made.outputs[0].size() == made.epilogue->size();
        if (!fits) throw std::invalid_argument(kernel + " can't be followed by such a chain");
    }
    if (found->plan != nullptr) made.plan = found->plan(call);
    call.plan = made.plan.get();
    add(std::move(made), found->workspace(call));
}

void Program::add_chain(Chain chain) {
    const std::string refused = chain.refused();
    if (!refused.empty()) throw std::invalid_argument(refused);
    if (!open_.empty() && chain.has_taps()) {
        throw std::invalid_argument("a loop has no probes in it");
    }
    chain.reserve_places();
    add(std::move(chain));
}

void Program::add_update(Chain chain, bool checked) {
    const std::string refused = chain.refused();
    if (!refused.empty()) throw std::invalid_argument(refused);
    chain.reserve_places();
    updates_.add(std::move(chain), checked);
    prepared_ = false;
}

Probe* Program::add_probe(double low, double high, bool histogram) {
    return probes_.emplace_back(std::make_unique<Probe>(low, high, histogram)).get();
}

void Program::take_seen(double* found, std::int64_t* bins) {
    for (const auto& probe : probes_) {
        const auto of_probe = bins != nullptr ? std::span(bins, exponents) : std::span(bins, 0);
        const Statistics all = probe->take(of_probe);
        for (const double number :
             {all.count, all.sum, all.squares, all.low, all.high, all.zeros, all.outside}) {
            *found++ = number;
        }
        if (bins != nullptr) bins += exponents;
    }
}

void Program::add_host(HostFunction f) {
    if (!open_.empty() || strands_ != nullptr) {
        throw std::invalid_argument("loops and strands call nobody back");
    }
    add(std::move(f));
}

void Program::begin_loop(std::int64_t length) {
    if (length < 0) throw std::invalid_argument("a length is negative");
    if (open_.size() == most_loops) throw std::invalid_argument("too many loops hold each other");
    open_.push_back(std::make_unique<Loop>(length, static_cast<int>(open_.size())));
}

void Program::end_loop() {
    if (open_.empty()) throw std::invalid_argument("no loop has begun");
    auto loop = std::move(open_.back());
    open_.pop_back();
    loop->close();
    add(std::move(loop));
}

void Program::begin_strand() {
    if (!open_.empty()) throw std::invalid_argument("a loop has no strands");
    if (strands_ == nullptr) strands_ = std::make_unique<Strands>();
    strands_->begin();
}

void Program::end_strands() {
    if (strands_ == nullptr || !open_.empty()) {
        throw std::invalid_argument("no strand has begun, or one of its loops has no end");
    }
    need(strands_->workspace());
    tasks_.emplace_back(std::move(strands_));
    prepared_ = false;
}

void Program::add(Task&& task, std::size_t workspace) {
    need(workspace);
    prepared_ = false;
    if (!open_.empty()) {
        open_.back()->add(std::move(task));
    } else if (strands_ != nullptr) {
        strands_->add(std::move(task), workspace);
    } else {
        tasks_.push_back(std::move(task));
    }
}

void Program::need(std::size_t workspace) {
    workspace_.resize(std::max(workspace_.size(), workspace + 64));
}

void Program::write(Array from, Array to) {
    if (from.size() != to.size() || from.dtype != to.dtype || !from.contiguous() ||
        !to.contiguous()) {
        throw std::invalid_argument("a slot is written from a contiguous array of its own kind");
    }
    writes_.emplace_back(from, to);
}

// Lets kernels measure what is watched and what updates read, where they make it.
void Program::measure_outputs() {
    Makers makers;
    watched_by_.assign(watched_.size(), nullptr);
    for (std::size_t i = 0; i < watched_.size(); ++i) makers.want(watched_[i], watched_by_[i]);
    updates_.each_read([&](const Array& array, const Measured*& by) { makers.want(array, by); });
    for (auto& task : tasks_) makers.see(task);
    makers.tell(*kernels_);
    prepared_ = true;
}

bool Program::allowed() {
    if (guard_.data != nullptr && *guard_.as<const bool>() == false) return false;
    std::atomic<bool> finite = true;
    for (std::size_t n = 0; n < watched_.size(); ++n) {
        if (watched_by_[n] != nullptr) {
            if (!watched_by_[n]->finite()) return false;
            continue;
        }
        const Array& array = watched_[n];
        const std::int64_t piece = copied_bytes / 4;
        pool_.run((array.size() + piece - 1) / piece, [&](std::int64_t i) {
            const std::int64_t count = std::min(piece, array.size() - i * piece);
            if (!kernels_->finite(array, i * piece, count)) finite = false;
        });
        if (!finite) return false;
    }
    return updates_.finite(pool_);
}

void Program::update() {
    updates_.run(pool_);
    for (const auto& [from, to] : writes_) {
        const auto bytes = from.size() * static_cast<std::int64_t>(item_size(from.dtype));
        pool_.run((bytes + copied_bytes - 1) / copied_bytes, [&](std::int64_t i) {
            const std::int64_t start = i * copied_bytes;
            std::memcpy(to.data + start, from.data + start,
                        static_cast<std::size_t>(std::min(copied_bytes, bytes - start)));
        });
    }
}

// after(i) is called behind task i, and behind the two parts that follow the tasks.
template <class After>
Outcome Program::run(bool look, After after) {
    if (!open_.empty() || strands_ != nullptr) {
        throw std::logic_error("a loop or a strand has no end");
    }
    if (!prepared_) measure_outputs();
    const bool stale = look || looking_;
    looking_ = look;
    if (stale) {
        for (const auto& probe : probes_) probe->forget();
    }
    std::byte* workspace = workspace_.data();
    workspace += (64 - reinterpret_cast<std::uintptr_t>(workspace) % 64) % 64;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
        const Fault fault = run_task(tasks_[i], workspace, pool_);
        if (fault.place >= 0) return {false, static_cast<int>(i), fault};
        after(i);
    }
    const bool written = allowed();
    after(tasks_.size());
    if (!written) return {};
    update();
    after(tasks_.size() + 1);
    return {true, -1, {}};
}

Outcome Program::run(bool look) {
    return run(look, [](std::size_t) {});
}

std::vector<double> Program::profile() {
    std::vector<double> seconds(tasks_.size() + 2);
    auto before = std::chrono::steady_clock::now();
    run(false, [&](std::size_t part) {
        const auto now = std::chrono::steady_clock::now();
        seconds[part] = std::chrono::duration<double>(now - before).count();
        before = now;
    });
    return seconds;
}

void Program::gather(const ResidentRows& rows, std::span<const std::int64_t> indices) {
    const auto bytes = static_cast<std::size_t>(rows.row_bytes);
    const auto copy = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            std::memcpy(rows.feed.data + static_cast<std::size_t>(i) * bytes,
                        rows.from + static_cast<std::size_t>(indices[i]) * bytes, bytes);
        }
    };
    const auto count = static_cast<std::int64_t>(indices.size());
    const std::int64_t piece = std::max<std::int64_t>(1, copied_bytes / (rows.row_bytes + 1));
    if (count <= 2 * piece) return copy(0, count);
    pool_.run((count + piece - 1) / piece,
              [&](std::int64_t i) { copy(i * piece, std::min(count, (i + 1) * piece)); });
}

Steps Program::run_steps(std::span<const ResidentRows> feeds, std::span<const std::int64_t> indices,
                         std::int64_t batch, std::span<const Array> outputs, double* log,
                         double seconds, std::span<const bool> looks, double* seen,
                         std::int64_t* bins) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
    Steps steps;
    for (std::size_t at = 0; at < indices.size(); at += static_cast<std::size_t>(batch)) {
        for (const auto& rows : feeds) {
            gather(rows, indices.subspan(at, static_cast<std::size_t>(batch)));
        }
        const bool look = !looks.empty() && looks[static_cast<std::size_t>(steps.done)];
        const Outcome outcome = run(look);
        steps.task = outcome.task;
        if (!outcome.written) break;
        for (const auto& output : outputs) *log++ = number(output);
        if (look) {
            take_seen(seen, bins);
            seen += probes_.size() * statistics;
            if (bins != nullptr) bins += probes_.size() * exponents;
        }
        ++steps.done;
        if (Clock::now() >= end) break;
    }
    return steps;
}

}  // namespace pullback
