#include "tasks.hpp"

#include <algorithm>

namespace pullback {

Call KernelCall::call(std::byte* workspace, Pool* pool) const {
    Call made{inputs, outputs, integers, reals, workspace, pool, {}, plan.get()};
    if (epilogue != nullptr || measured != nullptr) {
        made.epilogue = {
            const_cast<KernelCall*>(this), [](void* context, std::int64_t row, std::int64_t column,
                                              std::int64_t rows, std::int64_t columns) {
                const auto& self = *static_cast<const KernelCall*>(context);
                const Array& output = self.outputs[0];
                const std::int64_t width = output.shape[output.axes - 1];
                const std::int64_t start = row * width + column;
                if (self.epilogue != nullptr) {
                    self.epilogue->run_on(columns == width ? Lines{start, rows * width}
                                                           : Lines{start, columns, rows, width});
                }
                if (self.measured != nullptr) {
                    self.measured->add(output, row, column, rows, columns);
                }
            }};
    }
    return made;
}

namespace {

// One task after the other, up to the first fault.
Fault run_all(std::vector<Task>& tasks, std::byte* workspace, Pool& pool) {
    for (auto& task : tasks) {
        const Fault fault = run_task(task, workspace, pool);
        if (fault.place >= 0) return fault;
    }
    return {};
}

}  // namespace

Fault run_task(Task& task, std::byte* workspace, Pool& pool) {
    if (auto* chain = std::get_if<Chain>(&task)) {
        chain->run(pool);
        return {};
    }
    if (const auto* called = std::get_if<KernelCall>(&task)) {
        if (called->measured != nullptr) called->measured->reset();
        return called->kernel->run(called->call(workspace, &pool));
    }
    if (const auto* loop = std::get_if<std::unique_ptr<Loop>>(&task)) {
        return (*loop)->run(workspace, pool);
    }
    if (const auto* strands = std::get_if<std::unique_ptr<Strands>>(&task)) {
        return (*strands)->run(workspace, pool);
    }
    std::get<HostFunction>(task)();
    return {};
}

void Loop::find_moving(Task& task, int depth) {
    const auto look_at = [&](Array& array) {
        const auto bytes = array.moves[static_cast<std::size_t>(depth)];
        if (bytes != 0) moving_.push_back({&array.data, bytes});
    };
    if (auto* chain = std::get_if<Chain>(&task)) {
        chain->each_array(look_at);
    } else if (auto* called = std::get_if<KernelCall>(&task)) {
        for (auto& array : called->inputs) look_at(array);
        for (auto& array : called->outputs) look_at(array);
        if (called->epilogue != nullptr) called->epilogue->each_array(look_at);
    } else if (auto* loop = std::get_if<std::unique_ptr<Loop>>(&task)) {
        for (auto& inner : (*loop)->tasks_) find_moving(inner, depth);
    }
}

void Loop::close() {
    tasks_.shrink_to_fit();  // from here on, arrays stay where they are
    for (auto& task : tasks_) find_moving(task, depth_);
}

Fault Loop::run(std::byte* workspace, Pool& pool) {
    struct Mover {  // takes back what it has moved, whatever a step throws
        const std::vector<Moving>& arrays;
        std::int64_t steps = 0;

        void move(std::int64_t count) {
            for (const auto& [address, bytes] : arrays) *address += count * bytes;
            steps += count;
        }
        ~Mover() {
            move(-steps);
        }
    } mover{moving_};
    for (std::int64_t t = 0; t < length_; ++t) {
        if (t > 0) mover.move(1);
        const Fault fault = run_all(tasks_, workspace, pool);
        if (fault.place >= 0) return fault;
    }
    return {};
}

void Strands::add(Task&& task, std::size_t workspace) {
    strands_.back().push_back(std::move(task));
    share_ = std::max(share_, (workspace + 63) / 64 * 64);
    faults_.resize(strands_.size());
}

Fault Strands::run(std::byte* workspace, Pool& pool) {
    pool.run(static_cast<std::int64_t>(strands_.size()), [&](std::int64_t number) {
        const auto i = static_cast<std::size_t>(number);
        faults_[i] = run_all(strands_[i], workspace + i * share_, pool);
    });
    const auto found = std::find_if(faults_.begin(), faults_.end(),
                                    [](const Fault& fault) { return fault.place >= 0; });
    return found == faults_.end() ? Fault{} : *found;
}

}  // namespace pullback
