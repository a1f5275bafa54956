// What a program does, one thing after another: kernels' calls, chains, loops and strands of such
// tasks, and functions that are called back.
//
// Strands are sequences of tasks that need nothing of each other: several threads run them, each
// strand on one, and nobody waits between two tasks.
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
#include "measured.hpp"
#include "pool.hpp"

namespace pullback {

struct KernelCall {
    const Kernel* kernel = nullptr;
    std::vector<Array> inputs, outputs;
    std::vector<std::int64_t> integers;
    std::vector<double> reals;
    std::unique_ptr<Chain> epilogue;       // of as many elements as the output
    std::shared_ptr<const void> plan;      // as the kernel has made it of the rest
    std::unique_ptr<Measured> measured{};  // what the output's range is added to, if it is wanted

    Call call(std::byte* workspace, Pool* pool) const;
};

class Loop;
class Strands;

using HostFunction = std::function<void()>;
using Task =
    std::variant<KernelCall, Chain, std::unique_ptr<Loop>, std::unique_ptr<Strands>, HostFunction>;

// Runs a task; all share the workspace, which begins at a multiple of 64. Strands share it out.
Fault run_task(Task& task, std::byte* workspace, Pool& pool);

class Loop {
 public:
    // depth: how many loops are around it.
    Loop(std::int64_t length, int depth) : length_(length), depth_(depth) {}

    std::int64_t length() const {
        return length_;
    }
    void add(Task&& task) {
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

    std::int64_t length_;
    int depth_;
    std::vector<Task> tasks_;
    std::vector<Moving> moving_;
};

class Strands {
 public:
    // What is added from here on belongs to a new strand.
    void begin() {
        strands_.emplace_back();
    }
    // A task of the last strand, and how many bytes of workspace it needs.
    void add(Task&& task, std::size_t workspace);

    // How many bytes all of them need at a time.
    std::size_t workspace() const {
        return strands_.size() * share_;
    }

    // f of every task, strand by strand.
    template <class F>
    void each(F f) {
        for (auto& strand : strands_) {
            for (auto& task : strand) f(task);
        }
    }

    // All of them; of those that met a fault, the fault of the first.
    Fault run(std::byte* workspace, Pool& pool);

 private:
    std::vector<std::vector<Task>> strands_;
    std::size_t share_ = 0;  // of the workspace: what a strand needs at most
    std::vector<Fault> faults_;
};

}  // namespace pullback
