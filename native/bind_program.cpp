#include "bind_program.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "program.hpp"

namespace nb = nanobind;

namespace pullback {

namespace {

using Memory = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Resident = nb::ndarray<nb::numpy, nb::ro, nb::c_contig, nb::device::cpu>;
using Indices =
    nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Log = nb::ndarray<nb::numpy, double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bins = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<nb::numpy, const bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Integers = std::vector<std::int64_t>;
// Block (0: the arena, 1: the state), offset in bytes, dtype, shape, strides in elements, and by
// how many elements it moves on at each step of the loops that it is in.
using Place = std::tuple<int, std::int64_t, int, Integers, Integers, Integers>;
// Registers with what they are loaded from, or stored to.
using Places = std::vector<std::tuple<int, Place>>;
// Operation, input dtype, output dtype, output register, input registers, attributes.
using Step = std::tuple<std::string, int, int, int, std::vector<int>, std::vector<double>>;

// Register, another that is taken off it or -1, the probe that sees it, and the number of its first
// element among all that one sees.
using Taps = std::vector<std::tuple<int, int, std::size_t, std::int64_t>>;
// A chain: the instruction set, its shape, what it loads, its steps, what it stores, what is seen.
using Epilogue = std::tuple<std::string, Integers, Places, std::vector<Step>, Places, Taps>;

Dtype dtype_of(int code) {
    if (code < 0 || code > 3) throw std::invalid_argument("there is no such dtype");
    return static_cast<Dtype>(code);
}

const Kernels& kernels_of(const std::string& isa) {
    const Kernels* found = kernels(isa);
    if (found == nullptr) throw std::invalid_argument("this processor has no " + isa);
    return *found;
}

nb::dlpack::dtype dlpack_dtype(Dtype dtype) {
    switch (dtype) {
        case Dtype::float32:
            return nb::dtype<float>();
        case Dtype::float64:
            return nb::dtype<double>();
        case Dtype::int64:
            return nb::dtype<std::int64_t>();
        default:
            return nb::dtype<bool>();
    }
}

// Holds a program for one thread, until the end of its block.
class Alone {
 public:
    explicit Alone(std::atomic<bool>& running) : running_(running) {
        if (running_.exchange(true)) {
            throw std::runtime_error("a program runs in one thread at a time");
        }
    }
    ~Alone() {
        running_ = false;
    }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

 private:
    std::atomic<bool>& running_;
};

std::span<std::byte> bytes(const Memory& memory) {
    return {reinterpret_cast<std::byte*>(memory.data()), memory.size()};
}

// Keeps the two blocks of memory alive, and lets one thread at a time run.
class Bound {
 public:
    Bound(const std::string& isa, Memory arena, Memory state)
        : arena_(arena), state_(state), program_(kernels_of(isa), bytes(arena_), bytes(state_)) {}

    Array array(const Place& place) const {
        const auto& [space, offset, dtype, shape, strides, moves] = place;
        if (space != 0 && space != 1) throw std::invalid_argument("there is no such block");
        return program_.array(space == 0 ? Program::Space::arena : Program::Space::state, offset,
                              dtype_of(dtype), shape, strides, moves);
    }

    std::vector<Array> arrays(const std::vector<Place>& places) const {
        std::vector<Array> made;
        for (const auto& place : places) made.push_back(array(place));
        return made;
    }

    void call(const std::string& kernel, const std::vector<Place>& inputs,
              const std::vector<Place>& outputs, std::vector<std::int64_t> integers,
              std::vector<double> reals, const std::optional<Epilogue>& epilogue) {
        std::unique_ptr<Chain> chain;
        if (epilogue) {
            const auto& [isa, shape, loads, steps, stores, taps] = *epilogue;
            chain = std::make_unique<Chain>(made_chain(isa, shape, loads, steps, stores, taps));
        }
        program_.add_call(kernel, arrays(inputs), arrays(outputs), std::move(integers),
                          std::move(reals), std::move(chain));
    }

    void chain(const std::string& isa, std::vector<std::int64_t> shape, const Places& loads,
               const std::vector<Step>& steps, const Places& stores, const Taps& taps) {
        program_.add_chain(made_chain(isa, std::move(shape), loads, steps, stores, taps));
    }

    void update(const std::string& isa, std::vector<std::int64_t> shape, const Places& loads,
                const std::vector<Step>& steps, const Places& stores, bool checked,
                const Taps& taps) {
        program_.add_update(made_chain(isa, std::move(shape), loads, steps, stores, taps), checked);
    }

    void probe(double low, double high, bool histogram) {
        probes_.push_back(program_.add_probe(low, high, histogram));
    }

    void host(nb::callable f) {
        program_.add_host([f = std::move(f)] {
            nb::gil_scoped_acquire gil;
            f();
        });
    }

    void begin_loop(std::int64_t length) {
        program_.begin_loop(length);
    }
    void end_loop() {
        program_.end_loop();
    }

    void begin_strand() {
        program_.begin_strand();
    }
    void end_strands() {
        program_.end_strands();
    }

    void watch(const std::vector<Place>& places) {
        auto made = arrays(places);
        for (const auto& one : made) {
            if (!one.contiguous()) throw std::invalid_argument("what is watched is contiguous");
        }
        program_.watch(std::move(made));
    }

    void guard(const Place& place) {
        const Array flag = array(place);
        if (flag.dtype != Dtype::boolean || flag.size() != 1) {
            throw std::invalid_argument("a guard is one boolean");
        }
        program_.guard(flag);
    }

    void forget() {
        program_.forget();
    }

    void write(const Place& from, const Place& to) {
        program_.write(array(from), array(to));
    }

    nb::tuple run(bool look) {
        const Alone alone(running_);
        Outcome outcome;
        {
            nb::gil_scoped_release free;
            outcome = program_.run(look);
        }
        return nb::make_tuple(outcome.written, outcome.task);
    }

    // What the probes saw in the last run that was looked at.
    void take_seen(const Log& seen, const Bins& bins) {
        const Alone alone(running_);
        must_hold(seen, bins, 1);
        program_.take_seen(seen.data(), bins.size() > 0 ? bins.data() : nullptr);
    }

    std::vector<double> profile() {
        const Alone alone(running_);
        nb::gil_scoped_release free;
        return program_.profile();
    }

    nb::tuple run_steps(const std::vector<std::tuple<Place, Resident>>& feeds,
                        const Indices& indices, const std::vector<Place>& outputs, const Log& log,
                        double seconds, const Flags& looks, const Log& seen, const Bins& bins) {
        const Alone alone(running_);
        const auto steps = static_cast<std::int64_t>(indices.shape(0));
        const auto batch = static_cast<std::int64_t>(indices.shape(1));
        const std::span<const std::int64_t> chosen(indices.data(), indices.size());
        std::vector<ResidentRows> rows;
        for (const auto& [place, array] : feeds) {
            rows.push_back(resident(place, array, batch));
            const auto limit = static_cast<std::int64_t>(array.shape(0));
            for (const auto index : chosen) {
                if (index < 0 || index >= limit) {
                    throw std::invalid_argument("there is no such row");
                }
            }
        }
        const std::vector<Array> read = arrays(outputs);
        for (const auto& output : read) {
            if (output.size() != 1) throw std::invalid_argument("an output is not one number");
        }
        if (batch == 0 || static_cast<std::int64_t>(log.shape(0)) < steps ||
            log.shape(1) != read.size()) {
            throw std::invalid_argument("the log has a row a step, and a column an output");
        }
        const std::span<const bool> looked(looks.data(), looks.size());
        if (!looked.empty() && static_cast<std::int64_t>(looked.size()) < steps) {
            throw std::invalid_argument("each step is looked at or not");
        }
        must_hold(seen, bins, std::count(looked.begin(), looked.end(), true));
        Steps outcome;
        {
            nb::gil_scoped_release free;
            outcome = program_.run_steps(rows, chosen, batch, read, log.data(), seconds, looked,
                                         seen.data(), bins.size() > 0 ? bins.data() : nullptr);
        }
        return nb::make_tuple(outcome.done, outcome.task);
    }

 private:
    Chain made_chain(const std::string& isa, std::vector<std::int64_t> shape, const Places& loads,
                     const std::vector<Step>& steps, const Places& stores, const Taps& taps) const {
        std::vector<Load> read;
        for (const auto& [reg, place] : loads) read.push_back({reg, of_shape(place, shape)});
        std::vector<Store> stored;
        for (const auto& [reg, place] : stores) stored.push_back({reg, of_shape(place, shape)});
        std::vector<ElementwiseStep> made;
        for (const auto& [name, input, output, to, from, attributes] : steps) {
            const auto* row =
                kernels_of(isa).find_elementwise(name, dtype_of(input), dtype_of(output));
            if (row == nullptr || row->arity != static_cast<int>(from.size())) {
                throw std::invalid_argument("there is no such elementwise operation: " + name);
            }
            ElementwiseStep step{row->name,  row->run,    row->by_number,    to, row->arity, {},
                                 attributes, row->output, on_intervals(name)};
            step.attributes.resize(4);  // no operation has more
            std::copy(from.begin(), from.end(), step.inputs.begin());
            made.push_back(std::move(step));
        }
        std::vector<Tap> seen;
        for (const auto& [reg, less, probe, start] : taps) {
            seen.push_back(tap(reg, less, probe, start, isa, loads, steps));
        }
        return {kernels_of(isa),   std::move(shape), std::move(read),   std::move(made),
                std::move(stored), std::move(seen),  program_.looking()};
    }

    Tap tap(int reg, int less, std::size_t probe, std::int64_t start, const std::string& isa,
            const Places& loads, const std::vector<Step>& steps) const {
        if (probe >= probes_.size()) throw std::invalid_argument("there is no such probe");
        const auto of = [&](int wanted) {  // its dtype, and whether it is loaded
            std::pair<int, bool> found{-1, false};
            for (const auto& [to, place] : loads) {
                if (to == wanted) found = {std::get<2>(place), true};
            }
            for (const auto& step : steps) {
                if (std::get<3>(step) == wanted) found = {std::get<2>(step), false};
            }
            return found;
        };
        const auto [dtype, loaded] = of(reg);
        const bool real = dtype == 0 || dtype == 1;
        if (!real || (less >= 0 && of(less).first != dtype)) {
            throw std::invalid_argument("a probe sees real numbers");
        }
        const Looking& looking = kernels_of(isa).looking(dtype_of(dtype));
        return {reg, less, probes_[probe], start, -1, &looking, loaded && less < 0};
    }

    // Throws unless there is room for what probes see in so many steps.
    void must_hold(const Log& seen, const Bins& bins, std::int64_t steps) const {
        const auto probes = static_cast<std::size_t>(steps) * probes_.size();
        const bool holds = seen.size() >= probes * statistics &&
                           (bins.size() == 0 || bins.size() >= probes * exponents);
        if (!holds) throw std::invalid_argument("there is no room for what probes see");
    }

    ResidentRows resident(const Place& place, const Resident& rows, std::int64_t batch) const {
        const Array feed = array(place);
        bool fits = feed.contiguous() && static_cast<int>(rows.ndim()) == feed.axes &&
                    feed.axes > 0 && feed.shape[0] == batch &&
                    rows.dtype() == dlpack_dtype(feed.dtype);
        for (int axis = 1; fits && axis < feed.axes; ++axis) {
            fits = static_cast<std::int64_t>(rows.shape(axis)) == feed.shape[axis];
        }
        if (!fits) throw std::invalid_argument("the rows are not those of the feed");
        const auto row_bytes = feed.size() / std::max<std::int64_t>(batch, 1) *
                               static_cast<std::int64_t>(item_size(feed.dtype));
        return {feed, static_cast<const std::byte*>(rows.data()), row_bytes};
    }

    Array of_shape(const Place& place, const std::vector<std::int64_t>& shape) const {
        if (std::get<3>(place) != shape) {
            throw std::invalid_argument("the arrays of a chain have its shape");
        }
        return array(place);
    }

    Memory arena_, state_;
    Program program_;
    std::vector<Probe*> probes_;
    std::atomic<bool> running_ = false;
};

}  // namespace

void bind_program(nb::module_& m) {
    nb::class_<Bound>(m, "Program", "Tasks in order over an arena and a state.")
        .def(nb::init<const std::string&, Memory, Memory>(), nb::arg("isa"), nb::arg("arena"),
             nb::arg("state"))
        .def("call", &Bound::call, nb::arg("kernel"), nb::arg("inputs"), nb::arg("outputs"),
             nb::arg("integers"), nb::arg("reals"), nb::arg("epilogue") = nb::none(),
             "Add a kernel's call; the epilogue is a chain that runs on parts of its output.")
        .def("chain", &Bound::chain, "Add a chain of elementwise operations.")
        .def("update", &Bound::update, "Add a chain that writes slots in place, at the end.")
        .def("host", &Bound::host, "Add a Python function.")
        .def("probe", &Bound::probe, "A probe, for the chains that are added from here on.")
        .def("take_seen", &Bound::take_seen, "What the probes saw in the last run looked at.")
        .def("begin_loop", &Bound::begin_loop, "What is added from here on is run many times.")
        .def("end_loop", &Bound::end_loop, "The end of the last loop that has begun.")
        .def("begin_strand", &Bound::begin_strand,
             "What is added from here on is one of several strands.")
        .def("end_strands", &Bound::end_strands, "The end of the last strand, and of them all.")
        .def("watch", &Bound::watch, "What must be finite for the slots to be written.")
        .def("guard", &Bound::guard, "The boolean without which the slots are not written.")
        .def("write", &Bound::write, "Write a slot at the end of each run.")
        .def("run_steps", &Bound::run_steps,
             "Steps on rows gathered by index; returns how many wrote, and a faulty task.")
        .def("profile", &Bound::profile,
             "Run all; returns the seconds that each task took, then looking and writing.")
        .def("forget", &Bound::forget, "Others may have written to the state since the last run.")
        .def("run", &Bound::run, nb::arg("look") = false,
             "Run all; returns whether slots were written, and a faulty task.");
}

}  // namespace pullback
