// The runs that a tile takes in, put together tap by tap.

#pragma once

#include <vector>

#include "run_tile.hpp"

namespace pullback::PULLBACK_ISA {

// Runs that continue each other are one. They are cut into chunks of about the same depth that one
// accumulator takes in; `ends` are the numbers of the runs at which one ends.
struct RunList {
    std::vector<Run> runs;
    std::vector<std::int64_t> ends;

    // For `depth` steps in all, of so many numbers in A and in B.
    void start(std::int64_t depth, std::int64_t a_step, std::int64_t b_step) {
        runs.clear();
        ends.clear();
        a_step_ = a_step;
        b_step_ = b_step;
        const std::int64_t chunks =
            std::max<std::int64_t>((depth + most_depth - 1) / most_depth, 1);
        most_ = (depth + chunks - 1) / chunks;
        taken_ = 0;
    }
    void add(std::int64_t depth, std::int64_t a, std::int64_t b) {
        for (std::int64_t done = 0; done < depth;) {
            if (taken_ == most_) {
                ends.push_back(std::ssize(runs));
                taken_ = 0;
            }
            const std::int64_t some = std::min(depth - done, most_ - taken_);
            append({some, a + done * a_step_, b + done * b_step_});
            taken_ += some;
            done += some;
        }
    }
    void finish() {
        ends.push_back(std::ssize(runs));
    }

 private:
    void append(const Run& run) {
        if (taken_ > 0 && runs.back().a + runs.back().depth * a_step_ == run.a &&
            runs.back().b + runs.back().depth * b_step_ == run.b) {
            runs.back().depth += run.depth;
        } else {
            runs.push_back(run);
        }
    }

    std::int64_t a_step_ = 0, b_step_ = 0, most_ = 0, taken_ = 0;
};

}  // namespace pullback::PULLBACK_ISA
