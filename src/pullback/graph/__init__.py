"""A computation as data: nodes, their operations, their order, their text."""

from pullback.graph.node import Node, Operand, as_node, constant, placeholder, slot
from pullback.graph.op import Op, apply, register, registry
from pullback.graph.order import depends_on, topological
from pullback.graph.origin import Origin, current_scope, scope

__all__ = [
    "Node",
    "Op",
    "Operand",
    "Origin",
    "apply",
    "as_node",
    "constant",
    "current_scope",
    "depends_on",
    "placeholder",
    "register",
    "registry",
    "scope",
    "slot",
    "topological",
]
