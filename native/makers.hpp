// Which kernel makes an array that others want to know the range of: so that it is measured there,
// while it is in cache (measured.hpp).

#pragma once

#include <map>
#include <vector>

#include "measured.hpp"
#include "operands.hpp"
#include "tasks.hpp"

namespace pullback {

class Makers {
 public:
    // `told` is to be what the array's maker measures, or stays null. Arrays that are wanted are
    // all needed at one time: none shares a byte with another, unless it is the same.
    void want(const Array& array, const Measured*& told);

    // What every task writes, in the order of the tasks: what comes later replaces what was there.
    void see(Task& task);

    void tell(const Kernels& kernels);

 private:
    struct Wanted {
        Array array;
        std::vector<const Measured**> told;
        KernelCall* maker = nullptr;
    };

    template <class F>
    void each_touched(const Array& written, F f);
    void forget_all();

    std::map<const std::byte*, Wanted> wanted_;  // by where they begin
};

}  // namespace pullback
