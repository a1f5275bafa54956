// NumPy arrays as kernels see them, and a kernel called on its own: what tests are written with.

#pragma once

#include <nanobind/nanobind.h>

namespace pullback {

void bind_arrays(nanobind::module_& m);

}  // namespace pullback
