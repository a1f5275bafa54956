#include "opcodes.hpp"

#include <vector>

namespace pullback {

std::span<const Operation> operations() {
    static const std::vector<Operation> table = {
#define PULLBACK_OP(name, family, arity) {#name, #family, arity},
#include "ops.def"
#undef PULLBACK_OP
    };
    return table;
}

}  // namespace pullback
