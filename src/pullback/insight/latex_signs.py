"""The signs of LaTeX that formulas are written with, as characters."""

from __future__ import annotations

import unicodedata

OPERATORS = {
    "odot": "⊙", "cdot": "⋅", "times": "×", "ast": "∗", "star": "⋆", "otimes": "⊗", "oplus": "⊕",
    "pm": "±", "le": "≤", "ge": "≥", "leq": "≤", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "in": "∈", "to": "→", "mapsto": "↦", "land": "∧", "lor": "∨", "lnot": "¬", "sum": "∑",
    "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "ldots": "…", "cdots": "⋯", "-": "−",
    "*": "∗",
}  # fmt: skip
NAMED = frozenset({
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "det", "dim", "exp",
    "ker", "lim", "ln", "log", "max", "min", "sec", "sin", "sinh", "sup", "tan", "tanh",
})  # fmt: skip
PREFIX = frozenset("¬∑∏∫∂∇")
OPENING = {"(": ")", "[": "]", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", r"\{": r"\}"}
FENCES = {
    r"\lVert": "‖", r"\rVert": "‖", r"\|": "‖", r"\lvert": "|", r"\rvert": "|", r"\{": "{",
    r"\}": "}", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉",
    r"\langle": "⟨", r"\rangle": "⟩", ".": "",
}  # fmt: skip
BARS = ("bar", "overline")
ACCENTS = {"hat": "^", "tilde": "~", "dot": "˙", "vec": "→"}
SPACES = {" ": "0.33em", ",": "0.17em", ":": "0.22em", ";": "0.28em", "quad": "1em"}
TEXTS = {"text": "", "mathrm": "", "mathbf": "", "mathtt": "name"}
LETTERS = {"top": "⊤", "infty": "∞", "ell": "ℓ", "lambda": "λ"}
GREEK_FUNCTIONS = ("sigma", "Phi")
"""Letters that are functions of the library."""


def letter(name: str) -> str | None:
    """The character of a command that names one; None where there is none.

    Example:
        >>> letter("sigma"), letter("Phi"), letter("infty"), letter("foo")
        ('σ', 'Φ', '∞', None)
    """
    size = "SMALL" if name[0].islower() else "CAPITAL"
    try:
        return LETTERS.get(name) or unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return None
