"""What a layer is: a class with parameters, children and a `forward`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from numpy.typing import DTypeLike

from pullback.errors import ConfigError, unknown
from pullback.graph.node import Node, Operand, as_node
from pullback.graph.origin import Origin, Source, current_scope, entered, user_line
from pullback.nn.head import Head
from pullback.nn.parameter import Parameter, real_dtype

# The module whose forward is running, with its path; and who wants to hear of every call.
_RUNNING: ContextVar[tuple[Module, str] | None] = ContextVar("pullback_running", default=None)
Observer = Callable[[str, "Module", Node], None]
_OBSERVER: ContextVar[Observer | None] = ContextVar("pullback_observer", default=None)


@functools.lru_cache(maxsize=1000)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, which takes long to find."""
    return inspect.signature(function)


class Module:
    """The base of every layer and network; a layer of one's own derives from it.

    Set parameters and child modules as attributes in `__init__`, and say in `forward` how the
    output follows from the input, in operations of the library. The arguments of `__init__` are
    kept, so that the network can be described, saved and rebuilt.

    Example:
        >>> import pullback as pb
        >>> class Scaled(pb.nn.Module):
        ...     def __init__(self, features):
        ...         self.gain = pb.nn.Parameter(features, pb.nn.initialisers.Ones())
        ...
        ...     def forward(self, x):
        ...         return x * self.gain
        >>> layer = Scaled(3).initialise()
        >>> layer(pb.tensor([1.0, 2.0, 3.0]))
        tensor([1., 2., 3.])
    """

    _children: dict[str, Module]
    _parameters: dict[str, Parameter]
    _arguments: dict[str, Any]
    _named: dict[int, str] | None = None
    _source: Source | None
    _head: Head | None = None  # what the outputs mean, once `fit` knows

    def __new__(cls, *args: Any, **kwargs: Any) -> Module:
        made = object.__new__(cls)
        object.__setattr__(made, "_children", {})
        object.__setattr__(made, "_parameters", {})
        object.__setattr__(made, "_source", user_line())
        given = signature_of(cls.__init__).bind(made, *args, **kwargs)
        given.arguments.pop("self", None)
        object.__setattr__(made, "_arguments", dict(given.arguments))
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        self._children.pop(name, None)
        self._parameters.pop(name, None)
        object.__setattr__(self, "_named", None)
        if isinstance(value, Module):
            self._children[name] = value
        elif isinstance(value, Parameter):
            self._parameters[name] = value
        object.__setattr__(self, name, value)

    def forward(self, *inputs: Any, **named: Any) -> Node:
        """The output, from the inputs, in operations of the library."""
        raise ConfigError(
            "a layer says how its output follows from its input",
            f"{type(self).__name__} without a forward method",
            "Define forward(self, x).",
        )

    def __call__(self, *inputs: Operand) -> Node:
        path = self._path_here()
        ours = type(self).__module__.startswith("pullback.")
        source = self._source if ours else None
        running = _RUNNING.set((self, path))
        try:
            with entered(Origin(path, source, current_scope().role)):
                y = self.forward(*(as_node(x) for x in inputs))
        finally:
            _RUNNING.reset(running)
        observer = _OBSERVER.get()
        if observer is not None:
            observer(path, self, y)
        return y

    def _path_here(self) -> str:
        """The path of this call: below the module that is running, if it is part of it."""
        running = _RUNNING.get()
        if running is None:
            return ""
        parent, path = running
        name = parent._names().get(id(self))
        if name is None:  # a part of a part, or a module that the running one does not hold
            name = next((below for below, module in parent.modules() if module is self), "")
        return f"{path}.{name}" if path and name else path or name

    def _names(self) -> dict[int, str]:
        """The name of each child, by its identity; the first one of a shared child."""
        if self._named is None:
            found = {id(child): name for name, child in reversed(self._children.items())}
            object.__setattr__(self, "_named", found)
            return found
        return self._named

    def modules(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their paths; a shared one comes once."""
        seen: set[int] = set()
        stack = [(path, self)]
        while stack:
            where, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield where, module
            below = [(f"{where}.{n}" if where else n, m) for n, m in module._children.items()]
            stack.extend(reversed(below))

    def parameters(self) -> dict[str, Parameter]:
        """All parameters by path (`0.weight`), each once, by the first path that leads to it.

        Example:
            >>> import pullback as pb
            >>> sorted(pb.nn.Sequential(pb.nn.Linear(2, 3)).parameters())
            ['0.bias', '0.weight']
        """
        found: dict[str, Parameter] = {}
        seen: set[int] = set()
        for path, module in self.modules():
            for name, parameter in module._parameters.items():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    found[f"{path}.{name}" if path else name] = parameter
        return found

    def __getitem__(self, path: str | int) -> Any:
        """The module or parameter at `path`: `network["2.attention"]`, `network["0.weight"]`."""
        here: Any = self
        for name in str(path).split("."):
            table = {**here._children, **here._parameters} if isinstance(here, Module) else {}
            if name not in table:
                raise unknown("place in the network", str(path), self._places())
            here = table[name]
        return here

    def _places(self) -> list[str]:
        return [*(p for p, _ in self.modules() if p), *self.parameters()]

    def initialise(self, seed: int = 0, *, overwrite: bool = False) -> Module:
        """Give every parameter without a value its first one; the network itself is returned.

        Args:
            seed: The same seed gives the same values, whatever else the network contains.
            overwrite: Also replace values that are there.
        """
        for path, parameter in self.parameters().items():
            if overwrite or not parameter.is_initialised:
                parameter.assign(
                    parameter.initialiser(
                        parameter.shape,
                        parameter.dtype,
                        seed=seed,
                        path=path,
                        fans=parameter.fans,
                    )
                )
        return self

    @property
    def is_initialised(self) -> bool:
        """Whether every parameter has a value."""
        return all(p.is_initialised for p in self.parameters().values())

    def astype(self, dtype: DTypeLike) -> Module:
        """Convert all parameters to float32 or float64, in place; returns the network."""
        wanted = real_dtype(dtype)
        for parameter in self.parameters().values():
            old = parameter.numpy() if parameter.is_initialised else None
            parameter.dtype = wanted
            if old is not None:
                parameter.adopt(old.astype(wanted))
        return self

    def freeze(self) -> Module:
        """Keep all parameters from being trained; returns the network."""
        for parameter in self.parameters().values():
            parameter.trainable = False
        return self

    def predict(self, x: Any, *, batch_size: int = 1024, probabilities: bool = False) -> Any:
        """What the network says of the rows of `x`: classes or values.

        Args:
            x: Rows of features, as the network was trained on.
            batch_size: How many rows are computed at a time.
            probabilities: For a classifier, the probability of every class instead.

        Returns:
            An array with one class (or value) a row; a network that was never fitted hands back
            its raw outputs.
        """
        from pullback.nn.inference import predict

        return predict(self, x, batch_size, probabilities)

    def save(self, path: Any) -> None:
        """Write the network with its description to one file; `pb.load` reads it."""
        from pullback.nn.storage import save

        save(self, path)

    def __str__(self) -> str:
        from pullback.nn.summary import summary

        return summary(self)

    def __repr__(self) -> str:
        shown = []
        for name, rule in signature_of(type(self).__init__).parameters.items():
            if name in self._arguments and rule.kind is not rule.VAR_POSITIONAL:
                value = repr(self._arguments[name])
                shown.append(value if rule.default is rule.empty else f"{name}={value}")
        return f"{type(self).__name__}({', '.join(shown)})"
