// A chain of so few elements that they make one block.
//
// Where its registers lie, what fills them, and what each step reads and writes is found out once,
// when it is built: of a few numbers, the steps cost less than finding this out again. A run fills
// registers, takes the steps, and copies results to where they are wanted.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "operands.hpp"

namespace pullback {

class SmallChain {
 public:
    // The loads, the stores and the steps stay where they are; addresses of arrays that move in
    // loops may change.
    SmallChain(const Kernels& kernels, const Shape& shape, const Loads& loads,
               const std::vector<ElementwiseStep>& steps, const std::vector<Store>& stores);

    void run() {
        compute();
        store();
    }

    // Leaves in registers what `store` writes.
    void compute();
    // Whether all floats that were computed are finite.
    bool finite() const;
    void store() const;

 private:
    struct Copied {
        const Array* array;
        std::byte* reg;
        std::size_t bytes;
    };
    // The first `width` numbers again and again; without a width, those at `places`.
    struct Filled {
        const Filling* by;
        const Array* array;
        std::byte* reg;
        std::int64_t width;
        std::vector<std::int64_t> places;
    };
    struct Step {
        Elementwise run;
        void* output;
        std::array<const void*, most_inputs> inputs;
        const double* attributes;
    };

    bool in_place(const Array& array) const;
    Filled filled(const Array& array, const Shape& shape, std::byte* reg) const;

    const Kernels* kernels_;
    std::int64_t count_ = 1;
    std::vector<std::byte> memory_;
    std::vector<Copied> single_, straight_, stores_;
    std::vector<Filled> strided_;
    std::vector<Step> steps_;
};

}  // namespace pullback
