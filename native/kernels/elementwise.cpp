// The elementwise operations of one instruction set, from the files that hold them.

#include "loops.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

std::span<const ElementwiseRow> elementwise_rows() {
    static const Rows rows = [] {
        Rows made;
        add_arithmetic(made);
        add_comparisons(made);
        add_exponentials(made);
        add_rectifiers(made);
        add_library(made);
        return made;
    }();
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
