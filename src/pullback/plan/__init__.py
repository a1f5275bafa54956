"""From a graph to a program: rewriting, ordering, memory."""

from pullback.plan.planner import plan
from pullback.plan.program import Instruction, Program, Site, Step

__all__ = ["Instruction", "Program", "Site", "Step", "plan"]
