"""What no library here has a counterpart of, each with the reason."""

from __future__ import annotations

CHANCE = "its random numbers are our own, keyed by place and step; tests/nn holds their statistics"
FORMULA = "PyTorch has only LambdaLR for it, which would give our own formula back"
LOGIC = "an entry of the graph, with no numbers of its own to compare"

WITHOUT: dict[str, dict[str, str]] = {
    "activations": {},
    "initialisers": {
        "orthogonal": "what is drawn is all of it; tests/nn holds that its rows are orthonormal",
        "sparse": "what is drawn is all of it; tests/nn counts its zeros",
        "truncated_normal": "PyTorch draws it by other steps; tests/nn holds its bounds",
    },
    "layers": {
        "Cutout": CHANCE,
        "Last": "a selection of one place of time; the recurrent layers' last states are compared",
        "RandomCrop": CHANCE,
        "RandomFlip": CHANCE,
        "RandomShift": CHANCE,
        "SinusoidalPositions": "PyTorch has none; tests/nn compares it with its formula",
    },
    "losses": {},
    "operations": {
        "barrier": LOGIC,
        "constant": LOGIC,
        "custom_derivative": "a derivative of the user's own; tests/autodiff",
        "placeholder": LOGIC,
        "random_normal": CHANCE,
        "random_uniform": CHANCE,
        "ravel_index": "PyTorch has none; tests/ops compares it with NumPy's",
        "slot": LOGIC,
        "sparsemax": "compared as an activation",
        "squareplus": "compared as an activation",
    },
    "optimizers": {},
    "schedules": {
        "inverse_sqrt": FORMULA,
        "inverse_time": FORMULA,
    },
}
"""By table, and by name in the library's own table of them."""
