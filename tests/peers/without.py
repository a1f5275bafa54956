"""What no library here has a counterpart of, each with the reason."""

from __future__ import annotations

CHANCE = "its random numbers are our own, keyed by place and step; tests/nn holds their statistics"
FORMULA = "PyTorch has only LambdaLR for it, which would give our own formula back"
LOGIC = "an entry of the graph, with no numbers of its own to compare"
INNER = "the derivative of another operation, whose gradients are compared"

WITHOUT: dict[str, dict[str, str]] = {
    "activations": {},
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
        "avg_unpool": INNER,
        "barrier": LOGIC,
        "constant": LOGIC,
        "custom_derivative": "a derivative of the user's own; tests/autodiff",
        "max_pool_index": "PyTorch counts places within a channel, here over the whole array",
        "placeholder": LOGIC,
        "random_normal": CHANCE,
        "random_uniform": CHANCE,
        "ravel_index": "PyTorch has none; tests/ops compares it with NumPy's",
        "rms_normalise_pullback": INNER,
        "scan": "a loop over the user's own function; the recurrent layers run in it",
        "slot": LOGIC,
        "softmax_pullback": INNER,
        "sparsemax": "compared as an activation",
        "squareplus": "compared as an activation",
        "standardise_pullback": INNER,
    },
    "optimizers": {},
    "schedules": {
        "inverse_sqrt": FORMULA,
        "inverse_time": FORMULA,
    },
}
"""By table, and by name in the library's own table of them."""
