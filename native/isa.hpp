// Kernels for one instruction set, and the choice among them.
//
// The files under native/kernels are compiled once for each instruction set, in the namespace
// PULLBACK_ISA; this table is all that the rest of the module sees of them.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intervals.hpp"
#include "kernel.hpp"
#include "probe.hpp"

namespace pullback {

// One elementwise operation on blocks: `count` is a multiple of `lanes`, and every array has room
// for it and is 64-byte aligned. The output may be one of the inputs if its dtype is no larger.
using Elementwise = void (*)(void* output, const void* const* inputs, const double* attributes,
                             std::size_t count);

constexpr std::size_t lanes = 16;
constexpr std::size_t block = 256;

struct ElementwiseRow {
    const char* name;  // the operation's, in ops.def
    Dtype input;       // of the inputs; of `where`, that of the second
    Dtype output;
    int arity;
    Elementwise run;
    // The same, and to the same bits, where the second input is one number throughout; often null.
    Elementwise by_number = nullptr;
};

constexpr int most_inputs = 4;  // of an elementwise operation, or of a composition of them

// Elementwise operations on floats of one dtype, each but the last an input of another.
struct Composition {
    std::string form;  // such as add(mul(_,_),_), where _ is what is read
    Dtype dtype;
    int arity;
    Elementwise run;
};

// Whether all of `count` floats are finite.
using Finite = bool (*)(const void* numbers, std::int64_t count);

// Between which numbers the floats of a block lie, whose rows are `width` apart; unbounded if one
// is not finite.
using Range = Interval (*)(const void* numbers, std::int64_t rows, std::int64_t columns,
                           std::int64_t width);

// Sums of what a probe sees, spread over lanes; only `Looking` knows how.
struct alignas(64) Lanes {
    std::byte bytes[832];
};

// What adds up numbers of one dtype for a probe.
struct Looking {
    void (*begin)(Lanes& lanes);
    // `count` numbers more, those at or beyond the bounds counted.
    void (*see)(Lanes& lanes, const void* numbers, std::int64_t count, double low, double high);
    // Adds all but the count of numbers.
    void (*put)(const Lanes& lanes, Statistics& all);
    void (*subtract)(void* difference, const void* a, const void* b, std::int64_t count);
    void (*exponents)(Bins& bins, const void* numbers, std::int64_t count);
};

// What fills registers with numbers of some size that do not lie in order.
struct Filling {
    // `count` numbers: the first `width` again and again. Up to 64 bytes behind them are written.
    void (*repeat)(void* to, const void* from, std::int64_t width, std::int64_t count);
    // `count` numbers, each from a place of its own.
    void (*gather)(void* to, const void* from, const std::int64_t* places, std::int64_t count);
};

struct Kernels {
    std::string_view isa;
    Finite finite32 = nullptr, finite64 = nullptr;
    Range range32 = nullptr, range64 = nullptr;
    const Filling& (*filling)(Dtype dtype) = nullptr;
    const Looking& (*looking)(Dtype dtype) = nullptr;
    std::span<const ElementwiseRow> elementwise;
    std::span<const Composition> compositions;
    std::vector<Kernel> kernels;

    const ElementwiseRow* find_elementwise(std::string_view name, Dtype input, Dtype output) const;
    const Composition* find_composition(std::string_view form, Dtype dtype) const;
    const Kernel* find(std::string_view name) const;
    // Whether `count` elements from `start` of a contiguous array are finite; what is no float is.
    bool finite(const Array& array, std::int64_t start, std::int64_t count) const;
    // Between which numbers they lie; of what is no float, nothing is known.
    Interval range(const Array& array, std::int64_t start, std::int64_t count) const;
};

// The instruction sets that this module was compiled for and this processor has, best first.
std::vector<std::string_view> instruction_sets();

// The kernels of that instruction set; nullptr if it is not among `instruction_sets`.
const Kernels* kernels(std::string_view isa);

}  // namespace pullback
