// A program: tasks in order over two blocks of memory, the arena and the state.
//
// Everything is checked when a task is added: every array lies within its block, every kernel
// accepts its shapes. A run then only computes. What a run computes goes into the arena; slots of
// the state are written at its end, if every watched value is finite and the guard is true: some
// by copying, others in place, by chains that read the old value and store the new one. Of those,
// all that they would store is first looked at, so that either every slot is written or none.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chain.hpp"
#include "isa.hpp"
#include "pool.hpp"
#include "probe.hpp"
#include "tasks.hpp"
#include "updates.hpp"

namespace pullback {

struct Outcome {
    bool written = false;  // whether the slots were written
    int task = -1;         // the task that met a fault; -1 if none did
    Fault fault;
};

// Rows that stay where they are; a run of many steps copies those of its batch into a feed.
struct ResidentRows {
    Array feed;  // contiguous; its first axis is the batch
    const std::byte* from = nullptr;
    std::int64_t row_bytes = 0;
};

struct Steps {
    std::int64_t done = 0;  // how many wrote their slots; a run ends at the first that does not
    int task = -1;          // the task that met a fault in the step after them
};

class Program {
 public:
    Program(const Kernels& kernels, std::span<std::byte> arena, std::span<std::byte> state);

    enum class Space { arena, state };
    // An array within a block: in a loop, where it lies in the first step, and by how many elements
    // it moves on at each step of the loops that are open, the outermost first; none further stand
    // still. Throws std::invalid_argument if any element ever lies outside.
    Array array(Space space, std::int64_t offset, Dtype dtype, std::span<const std::int64_t> shape,
                std::span<const std::int64_t> strides,
                std::span<const std::int64_t> moves = {}) const;

    void add_call(const std::string& kernel, std::vector<Array> inputs, std::vector<Array> outputs,
                  std::vector<std::int64_t> integers, std::vector<double> reals,
                  std::unique_ptr<Chain> epilogue = nullptr);
    void add_chain(Chain chain);
    void add_host(HostFunction f);
    // A chain that writes slots in place. With `checked`, only if all of them stay finite.
    void add_update(Chain chain, bool checked);

    // A probe for the chains that are added from here on; they are seen while `looking` is true.
    Probe* add_probe(double low, double high, bool histogram);
    const bool* looking() const {
        return &looking_;
    }
    std::size_t probes() const {
        return probes_.size();
    }
    // What the probes saw in the last run that was looked at, one after the other: statistics of
    // each, and the bins of each if there are any to fill. Nothing is known any more.
    void take_seen(double* found, std::int64_t* bins);

    // What is added until the loop's end is run that many times. Loops may hold loops.
    void begin_loop(std::int64_t length);
    void end_loop();

    // What is added until their end, or until the next of them begins, is one of several strands.
    void begin_strand();
    void end_strands();

    void watch(std::vector<Array> arrays) {
        watched_ = std::move(arrays);
        prepared_ = false;
    }
    void guard(Array flag) {
        guard_ = flag;
    }
    void write(Array from, Array to);

    // With `look`, its probes see it.
    Outcome run(bool look = false);

    // Somebody else may have written to the state since the last run.
    void forget() {
        updates_.forget();
    }

    // A run, and how many seconds each part of it took: every task, then the look at what the slots
    // would become, then their writing.
    std::vector<double> profile();

    // Steps one after the other, until all are done, one writes nothing, or time is up.
    //   indices: steps x batch, each the number of a row
    //   outputs: single numbers, logged for every step: log is steps x outputs
    //   looks: of each step whether probes see it; what they see of those is written to `seen` and
    //     to `bins`, unless that is null
    Steps run_steps(std::span<const ResidentRows> feeds, std::span<const std::int64_t> indices,
                    std::int64_t batch, std::span<const Array> outputs, double* log, double seconds,
                    std::span<const bool> looks, double* seen, std::int64_t* bins);

 private:
    void add(Task&& task, std::size_t workspace = 0);
    void need(std::size_t workspace);
    void measure_outputs();
    bool allowed();
    void update();
    template <class After>
    Outcome run(bool look, After after);
    void gather(const ResidentRows& rows, std::span<const std::int64_t> indices);

    const Kernels* kernels_;
    std::span<std::byte> arena_, state_;
    std::vector<Task> tasks_;
    std::vector<std::unique_ptr<Loop>> open_;  // the loops that have begun, the outermost first
    std::unique_ptr<Strands> strands_;         // those that have begun
    std::vector<Array> watched_;
    std::vector<const Measured*> watched_by_;  // what the maker of each measures, if it does
    bool prepared_ = false;                    // whether makers were told what to measure
    Array guard_;
    Updates updates_;
    std::vector<std::pair<Array, Array>> writes_;
    std::vector<std::unique_ptr<Probe>> probes_;
    bool looking_ = false;
    std::vector<std::byte> workspace_;
    Pool pool_;
};

}  // namespace pullback
