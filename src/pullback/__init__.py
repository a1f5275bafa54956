"""Neural networks whose training step is a graph."""

from pullback._version import __version__

__all__ = ["__version__"]
