"""What native/bindings.cpp exports."""

def version() -> str:
    """The version that this module was built from."""

def cpu_features() -> dict[str, bool]:
    """Vector extensions by name, and whether they are usable."""

def opcodes() -> dict[str, tuple[int, str, int]]:
    """Operation name to (opcode, family, arity)."""

def build() -> dict[str, str | int | bool]:
    """How this module was compiled."""
