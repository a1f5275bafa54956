#include "arrays.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "isa.hpp"
#include "pool.hpp"

namespace nb = nanobind;

namespace pullback {

namespace {

using AnyArray = nb::ndarray<nb::numpy, nb::device::cpu>;
using ReadOnlyArray = nb::ndarray<nb::numpy, nb::ro, nb::device::cpu>;

Dtype dtype_of(nb::dlpack::dtype given) {
    if (given == nb::dtype<float>()) return Dtype::float32;
    if (given == nb::dtype<double>()) return Dtype::float64;
    if (given == nb::dtype<std::int64_t>()) return Dtype::int64;
    if (given == nb::dtype<bool>()) return Dtype::boolean;
    throw std::invalid_argument("an array must be float32, float64, int64 or bool");
}

template <class Given>
Array array_of(const Given& given) {
    if (given.ndim() > most_axes) throw std::invalid_argument("an array has too many axes");
    Array array;
    array.data = static_cast<std::byte*>(const_cast<void*>(static_cast<const void*>(given.data())));
    array.dtype = dtype_of(given.dtype());
    array.axes = static_cast<int>(given.ndim());
    for (int axis = 0; axis < array.axes; ++axis) {
        array.shape[axis] = static_cast<std::int64_t>(given.shape(axis));
        array.strides[axis] = given.stride(axis);
    }
    return array;
}

const Kernels& kernels_of(const std::string& isa) {
    const Kernels* found = kernels(isa);
    if (found == nullptr) throw std::invalid_argument("this processor has no " + isa);
    return *found;
}

nb::tuple call_kernel(const std::string& isa, const std::string& name,
                      const std::vector<ReadOnlyArray>& inputs,
                      const std::vector<AnyArray>& outputs,
                      const std::vector<std::int64_t>& integers, const std::vector<double>& reals,
                      int threads) {
    const Kernel* kernel = kernels_of(isa).find(name);
    if (kernel == nullptr) throw std::invalid_argument("there is no kernel " + name);
    std::vector<Array> in, out;
    for (const auto& array : inputs) in.push_back(array_of(array));
    for (const auto& array : outputs) out.push_back(array_of(array));
    Pool pool(threads);
    Call call{in, out, integers, reals, nullptr, &pool};
    const std::string refused = kernel->check(call);
    if (!refused.empty()) throw std::invalid_argument(refused);
    const auto plan = kernel->plan == nullptr ? nullptr : kernel->plan(call);
    call.plan = plan.get();
    const std::size_t bytes = kernel->workspace(call);
    const auto memory = std::make_unique<std::byte[]>(bytes + 64);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.get());
    call.workspace = memory.get() + (64 - address % 64) % 64;
    Fault fault;
    {
        const nb::gil_scoped_release others_may_run;
        fault = kernel->run(call);
    }
    return nb::make_tuple(fault.place, fault.value, fault.limit);
}

// How often each piece was run, and with `nested` each piece of the job inside each piece.
std::vector<int> count_pieces(std::int64_t pieces, int threads, std::int64_t nested,
                              std::int64_t failing) {
    const Pool pool(threads);
    std::vector<int> runs(static_cast<std::size_t>(pieces * (nested + 1)));
    const nb::gil_scoped_release others_may_run;
    pool.run(pieces, [&](std::int64_t piece) {
        if (piece == failing) throw std::invalid_argument("this piece fails");
        int* of_piece = runs.data() + piece * (nested + 1);
        ++of_piece[0];
        pool.run(nested, [&](std::int64_t inner) { ++of_piece[inner + 1]; });
    });
    return runs;
}

void call_elementwise(const std::string& isa, const std::string& name,
                      const std::vector<ReadOnlyArray>& inputs, const AnyArray& output,
                      const std::vector<double>& attributes) {
    std::vector<const void*> data;
    Array out = array_of(output);
    Dtype dtype = out.dtype;
    for (const auto& input : inputs) {
        const Array array = array_of(input);
        if (!array.contiguous() || array.size() != out.size()) {
            throw std::invalid_argument("inputs must be contiguous and as large as the output");
        }
        data.push_back(array.data);
        if (name != "where" || data.size() == 2) dtype = array.dtype;
    }
    const ElementwiseRow* row = kernels_of(isa).find_elementwise(name, dtype, out.dtype);
    if (row == nullptr || row->arity != static_cast<int>(data.size())) {
        throw std::invalid_argument("there is no such elementwise operation: " + name);
    }
    if (!out.contiguous() || out.size() % static_cast<std::int64_t>(lanes) != 0) {
        throw std::invalid_argument("the output must be contiguous, a multiple of 16 elements");
    }
    row->run(out.data, data.data(), attributes.data(), static_cast<std::size_t>(out.size()));
}

}  // namespace

void bind_arrays(nb::module_& m) {
    m.def(
        "instruction_sets",
        [] {
            std::vector<std::string> names;
            for (auto name : instruction_sets()) names.emplace_back(name);
            return names;
        },
        "The instruction sets that kernels can be chosen from here, best first.");
    m.def(
        "elementwise",
        [](const std::string& isa) {
            nb::list found;
            for (const auto& row : kernels_of(isa).elementwise) {
                found.append(nb::make_tuple(row.name, static_cast<int>(row.input),
                                            static_cast<int>(row.output), row.arity));
            }
            return found;
        },
        nb::arg("isa"), "Elementwise operations: name, input dtype, output dtype, arity.");
    m.def(
        "compositions",
        [](const std::string& isa) {
            std::vector<std::tuple<std::string, std::string>> found;
            for (const auto& row : kernels_of(isa).compositions) {
                found.emplace_back(row.form, row.dtype == Dtype::float32 ? "float32" : "float64");
            }
            return found;
        },
        nb::arg("isa"), "The forms of elementwise operations taken together, with their dtypes.");
    m.def(
        "kernels",
        [](const std::string& isa) {
            std::vector<std::string> names;
            for (const auto& kernel : kernels_of(isa).kernels) names.emplace_back(kernel.name);
            return names;
        },
        nb::arg("isa"), "The names of the kernels.");
    m.def(
        "finishing",
        [](const std::string& isa) {
            std::vector<std::string> names;
            for (const auto& kernel : kernels_of(isa).kernels) {
                if (kernel.finishes) names.emplace_back(kernel.name);
            }
            return names;
        },
        nb::arg("isa"), "The names of the kernels that may be followed by a chain.");
    m.def("call_kernel", &call_kernel, nb::arg("isa"), nb::arg("name"), nb::arg("inputs"),
          nb::arg("outputs"), nb::arg("integers") = std::vector<std::int64_t>{},
          nb::arg("reals") = std::vector<double>{}, nb::arg("threads") = 1,
          "Run one kernel on arrays; returns (place, value, limit) of a fault, place -1 if none.");
    m.def("threads", &default_threads, "The number of threads of programs built from now on.");
    m.def("set_threads", &set_default_threads, nb::arg("threads"),
          "Choose that number; 0: one for each core that this process may use.");
    m.def("workers", &workers, "How many worker threads this process has started.");
    m.def("count_pieces", &count_pieces, nb::arg("pieces"), nb::arg("threads"),
          nb::arg("nested") = 0, nb::arg("failing") = -1,
          "Share out pieces and return how often each was run; each runs `nested` more.");
    m.def("call_elementwise", &call_elementwise, nb::arg("isa"), nb::arg("name"), nb::arg("inputs"),
          nb::arg("output"), nb::arg("attributes") = std::vector<double>{},
          "Run one elementwise operation on whole arrays of a multiple of 16 elements.");
}

}  // namespace pullback
