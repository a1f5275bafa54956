// The operations by name, as the rows of ops.def list them.

#pragma once

#include <span>
#include <string_view>

namespace pullback {

struct Operation {
    std::string_view name;
    std::string_view family;
    int arity;  // -1: any number of operands
};

// Every operation in the order of ops.def; an opcode is an index into it.
std::span<const Operation> operations();

}  // namespace pullback
