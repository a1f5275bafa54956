"""The version, in one place: the package, the wheel and the native module take it from here."""

__version__ = "0.1.0"
