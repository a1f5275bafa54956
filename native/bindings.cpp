// The Python module pullback._native.

#include <nanobind/nanobind.h>

#include "arrays.hpp"
#include "bind_program.hpp"
#include "cpu.hpp"
#include "opcodes.hpp"

namespace nb = nanobind;

namespace {

nb::str text(std::string_view view) {
    return nb::str(view.data(), view.size());
}

nb::dict cpu_features() {
    nb::dict found;
    for (const auto& feature : pullback::cpu_features()) {
        found[text(feature.name)] = feature.present;
    }
    return found;
}

nb::dict opcodes() {
    nb::dict table;
    int opcode = 0;
    for (const auto& operation : pullback::operations()) {
        table[text(operation.name)] =
            nb::make_tuple(opcode++, text(operation.family), operation.arity);
    }
    return table;
}

nb::dict build() {
    nb::dict facts;
    facts["compiler"] = __VERSION__;
    facts["cxx_standard"] = __cplusplus;
    facts["sources"] = PULLBACK_SOURCES;
#ifdef __SANITIZE_ADDRESS__
    facts["sanitized"] = true;
#else
    facts["sanitized"] = false;
#endif
    return facts;
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The native part of Pullback.";
    m.def(
        "version", [] { return PULLBACK_VERSION; }, "The version that this module was built from.");
    m.def("cpu_features", &cpu_features, "Vector extensions by name, and whether they are usable.");
    m.def("opcodes", &opcodes, "Operation name to (opcode, family, arity).");
    m.def("build", &build, "How this module was compiled.");
    pullback::bind_arrays(m);
    pullback::bind_program(m);
}
