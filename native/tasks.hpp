// What a program does, one thing after another: kernels' calls, chains, loops of such tasks, and
// functions that are called back.
//
// In a loop, an array is often one row of a larger one, the next row at each step. Its address is
// moved on in place between the steps, so tasks know nothing of the loops they are in. A loop may
// hold loops, and an array move with the steps of both: each adds to the address and takes back
// all that it has added, so neither knows of the other.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chain.hpp"
#include "isa.hpp"
#include "pool.hpp"

namespace pullback {

struct KernelCall {
    const Kernel* kernel = nullptr;
    std::vector<Array> inputs, outputs;
    std::vector<std::int64_t> integers;
    std::vector<double> reals;
    std::unique_ptr<Chain> epilogue;   // of as many elements as the output
    std::shared_ptr<const void> plan;  // as the kernel has made it of the rest

    Call call(std::byte* workspace, Pool* pool) const;
};

class Loop;

using HostFunction = std::function<void()>;
using Task = std::variant<KernelCall, Chain, std::unique_ptr<Loop>, HostFunction>;

// Runs a task; all share the workspace, which begins at a multiple of 64.
Fault run_task(Task& task, std::byte* workspace, Pool& pool);

class Loop {
 public:
    // depth: how many loops are around it.
    Loop(std::int64_t length, int depth) : length_(length), depth_(depth) {}

    std::int64_t length() const {
        return length_;
    }
    void add(Task task) {
        tasks_.push_back(std::move(task));
    }
    // No task is added any more: finds out which arrays move.
    void close();

    // All steps, or those up to the first fault.
    Fault run(std::byte* workspace, Pool& pool);

 private:
    struct Moving {
        std::byte** address;
        std::int64_t bytes;
    };

    void find_moving(Task& task, int depth);
    Fault step(std::byte* workspace, Pool& pool);

    std::int64_t length_;
    int depth_;
    std::vector<Task> tasks_;
    std::vector<Moving> moving_;
};

}  // namespace pullback
