// Programs as Python builds them.

#pragma once

#include <nanobind/nanobind.h>

namespace pullback {

void bind_program(nanobind::module_& m);

}  // namespace pullback
