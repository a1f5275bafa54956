"""What a layer is: a class with parameters, buffers, children and a `forward`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar

from numpy.typing import DTypeLike

from pullback.errors import ConfigError, ShapeError, unknown
from pullback.graph.node import Node, as_node
from pullback.graph.origin import Origin, Source, current_scope, entered, user_line
from pullback.nn.buffer import Buffer
from pullback.nn.building import must_be_built, must_be_dry
from pullback.nn.head import Head, Heads
from pullback.nn.parameter import Parameter, Value, bound_nodes, real_dtype
from pullback.nn.sizes import Sized, positive, signature_of, takes

# The module whose forward is running, with its path; and who wants to hear of every call.
_RUNNING: ContextVar[tuple[Module, str] | None] = ContextVar("pullback_running", default=None)
Observer = Callable[[str, "Module", Any], None]
_OBSERVER: ContextVar[Observer | None] = ContextVar("pullback_observer", default=None)


# What a module keeps of itself, beside the attributes that its __init__ sets.
OWN = frozenset(("_children", "_parameters", "_buffers", "_arguments", "_named", "_open", "_found"))


_LAYERS: dict[str, type[Module]] = {}
M = TypeVar("M", bound="type[Module]")


@contextlib.contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Whoever calls a module in the block, `observer` hears of it: its path, itself, its output."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def register_layer(cls: M) -> M:
    """Class decorator: enter one of the library's layers in the table, by its class name."""
    if cls.__name__ in _LAYERS:
        raise ValueError(f"two layers are named {cls.__name__!r}")
    _LAYERS[cls.__name__] = cls
    return cls


def layers() -> dict[str, type[Module]]:
    """The library's own layers by class name, sorted; activations are layers too."""
    return dict(sorted(_LAYERS.items()))


@contextlib.contextmanager
def inside(module: Module) -> Iterator[None]:
    """Modules called in the block are called as parts of `module`, and have paths below it."""
    token = _RUNNING.set((module, ""))
    try:
        yield
    finally:
        _RUNNING.reset(token)


class Module(metaclass=Sized):
    """The base of every layer and network; a layer of one's own derives from it.

    Set parameters, buffers and child modules, or lists of them, as attributes in `__init__`, and
    say in `forward` how the output follows from the input, in operations of the library. A list
    of modules is kept as a tuple, its members at `layers.0`, `layers.1`, ... The arguments of
    `__init__` are kept, so that the network can be described, saved and rebuilt.

    Inputs are passed by place or by name. Arrays and numbers become tensors, those in a tuple or
    a dict too; None, True, False and text reach `forward` as they are. It returns a tensor, or a
    tuple or dict of them.

    A layer whose first size the input tells lists its sizes in `size_names`, ends `__init__` with
    `self.set_size(in_features)`, and makes in `make(in_features)` what depends on it. Left out,
    the size is found at the first call.

    Class attributes:
        batch_statistics: Whether an output in training depends on the other rows of the batch.
        size_names: The sizes that `__init__` takes first, of which the first may be left out.

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

    takes_indices: ClassVar[bool] = False
    """Whether inputs are whole numbers that point into a table, to be left as they are."""

    batch_statistics: ClassVar[bool] = False
    size_names: ClassVar[tuple[str, ...]] = ()
    _children: dict[str, Module]
    _parameters: dict[str, Parameter]
    _buffers: dict[str, Buffer]
    _arguments: dict[str, Any]
    _named: dict[int, str] | None = None
    _source: Source | None
    _head: Head | Heads | None = None  # what the outputs mean, once `fit` knows
    _open: bool = False  # whether its first size is to be found
    _found: int | None = None  # the first size, where a call found it

    def __new__(cls, *args: Any, **kwargs: Any) -> Module:
        made = object.__new__(cls)
        object.__setattr__(made, "_children", {})
        object.__setattr__(made, "_parameters", {})
        object.__setattr__(made, "_buffers", {})
        object.__setattr__(made, "_source", user_line())
        given = signature_of(cls.__init__).bind(made, *args, **kwargs).arguments
        given.pop(next(iter(given)))  # self, whatever it is called
        object.__setattr__(made, "_arguments", dict(given))
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Value) and type(self).__module__.startswith("pullback."):
            self._check_tied(name, value)
        self._forget(name)
        object.__setattr__(self, name, self._registered(name, value))

    def _check_tied(self, name: str, value: Value) -> None:
        """Refuse a value in the place of one of another shape, which `forward` would stumble on."""
        old = self._values().get(name)
        if old is not None and old.shape != value.shape:
            raise ShapeError(
                f"the {name} of {self!r} has shape {old.shape}, also where it is tied to another",
                f"a {value.kind} of shape {value.shape}",
                "Make both layers of one size; pb.nn.Tied(layer) uses the transposed weight.",
            )

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Take out what was registered under an attribute's name."""
        for table in (self._children, self._parameters, self._buffers):
            for key in [k for k in table if k == name or k.startswith(f"{name}.")]:
                del table[key]
        object.__setattr__(self, "_named", None)

    def _registered(self, name: str, value: Any) -> Any:
        """The value as it is kept, its modules and parameters entered under their paths."""
        if isinstance(value, Module):
            self._children[name] = value
        elif isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Buffer):
            self._buffers[name] = value
        elif type(value) in (list, tuple) and _holds_parts(value):
            return tuple(self._registered(f"{name}.{i}", part) for i, part in enumerate(value))
        return value

    def _check_registered(self, path: str) -> None:
        """Refuse modules where they are not found: in a dict, or in a list that grew later."""
        for name, value in vars(self).items():
            hidden = isinstance(value, (list, dict)) and name not in OWN and _holds_parts(value)
            if hidden:
                place = f"{path}.{name}" if path else name
                raise ConfigError(
                    "modules and values are set as attributes, or as whole lists of them",
                    f"a {type(value).__name__} at {place!r} of {type(self).__name__}, which "
                    "holds some that were not registered",
                    f"Build the whole list first, then set self.{name} = layers.",
                )

    def __copy__(self) -> Module:
        return self._copied(lambda value: dict(value) if type(value) is dict else value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Module:
        return self._copied(lambda value: copy.deepcopy(value, memo), memo)

    def _copied(self, each: Callable[[Any], Any], memo: dict[int, Any] | None = None) -> Module:
        """A module of the same class with each attribute copied; `__init__` does not run."""
        made = object.__new__(type(self))
        if memo is not None:
            memo[id(self)] = made  # before the attributes, of which one may lead back here
        for name, value in vars(self).items():
            object.__setattr__(made, name, None if name == "_named" else each(value))
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ConfigError(
            "a network is not pickled: a pickle runs code when it is opened",
            f"{type(self).__name__} to be pickled",
            "Use network.save(path) and pb.load(path), or copy.deepcopy(network).",
        )

    def set_size(self, size: int | None) -> None:
        """Take the first size: what depends on it is made now, or at the first call if None.

        Raises:
            ConfigError: It is no positive whole number.
        """
        object.__setattr__(self, "_open", size is None)
        if size is not None:
            self.make(positive(type(self).__name__, self.size_names[0], size))

    def make(self, size: int) -> None:
        """Make what depends on the first size."""
        raise TypeError(f"{type(self).__name__} lists size_names and defines no make")

    def size_from(self, *inputs: Any, **named: Any) -> int:
        """The first size, from the inputs of the first call: the last axis of the first one."""
        x: Node = next(iter((*inputs, *named.values())))
        if not x.shape:
            raise ShapeError(
                f"{self!r} finds its {self.size_names[0]} on the last axis of its input",
                "a single number",
                "Give it rows, (batch, features).",
            )
        return x.shape[-1]

    def _set_found(self, size: int) -> None:
        """Take a first size that was left open; the arguments are explicit from now on."""
        before = self._values()
        self.set_size(size)
        lost = [name for name, value in before.items() if self._values().get(name) is not value]
        if lost:
            raise ConfigError(
                "values are tied or replaced where a layer's sizes are known",
                f"{self!r}, whose {lost[0]} was set before its first call",
                "Give the layer both sizes, Linear(in_features, out_features).",
            )
        object.__setattr__(self, "_found", size)
        if takes(type(self), self.size_names):
            self._arguments[self.size_names[0]] = size

    @property
    def _completed(self) -> bool:
        """Whether the arguments of `__init__` tell the size that was found."""
        return takes(type(self), self.size_names)

    def build(self, *inputs: Any, **named: Any) -> Module:
        """Find the sizes that were left open, as in `Linear(128)`; the network is returned.

        Nothing is computed. `fit` and the first call of a network do the same.

        Args:
            inputs: For each input of `forward` the shape of one row, `(28, 28, 1)`, or an example
                with its rows, (rows, ...).
            named: Those that are passed by name.

        Raises:
            ConfigError: A layer that leaves a size open is not called.

        Example:
            >>> import pullback as pb
            >>> pb.nn.Sequential(pb.nn.Linear(8), "relu", pb.nn.Linear(2)).build((4,))[0]
            Linear(4, 8)
        """
        from pullback.nn.building import build

        build(self, inputs, named)
        return self

    @property
    def is_built(self) -> bool:
        """Whether all sizes are known."""
        return not any(module._open for _, module in self.modules())

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The output, from the inputs, in operations of the library."""
        raise ConfigError(
            "a layer says how its output follows from its input",
            f"{type(self).__name__} without a forward method",
            "Define forward(self, x).",
        )

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        path = self._path_here()
        ours = type(self).__module__.startswith("pullback.")
        source = self._source if ours else None
        given = tuple(map(_as_input, inputs))
        by_name = {name: _as_input(x) for name, x in named.items()}
        if _RUNNING.get() is None and bound_nodes() is None and not self.is_built:
            self.build(*given, **by_name)
        running = _RUNNING.set((self, path))
        try:
            with entered(Origin(path, source, current_scope().role)):
                if self._open:
                    must_be_dry(self)
                    self._set_found(self.size_from(*given, **by_name))
                y = self.forward(*given, **by_name)
        except RecursionError as error:
            raise ConfigError(
                "the calls of layers must come to an end",
                f"{type(self).__name__}, made in {self._source}, within which calls go round "
                "in a circle, or nest too deeply for Python",
                "Look for a layer that calls itself, or that holds itself.",
            ) from error
        finally:
            _RUNNING.reset(running)
        if y is None:
            raise ConfigError(
                "the forward method of a layer hands back its output",
                f"None from {self!r}",
                "End it with `return`.",
            )
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
            module._check_registered(where)
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
        return {path: v for path, v in self.state().items() if isinstance(v, Parameter)}

    def buffers(self) -> dict[str, Buffer]:
        """All buffers by path, such as `1.running_mean`; likewise."""
        return {path: v for path, v in self.state().items() if isinstance(v, Buffer)}

    def state(self) -> dict[str, Value]:
        """All values by path, parameters and buffers: what a file of the network holds."""
        found: dict[str, Value] = {}
        seen: set[int] = set()
        for path, module in self.modules():
            for name, value in module._values().items():
                if id(value) not in seen:
                    seen.add(id(value))
                    found[f"{path}.{name}" if path else name] = value
        return found

    def _values(self) -> dict[str, Value]:
        """This module's own parameters, then its own buffers."""
        return {**self._parameters, **self._buffers}

    def __getitem__(self, path: str | int) -> Any:
        """What stands at `path`: `network["2.attention"]`, `network["0.weight"]`."""
        here: Any = self
        name = ""
        for part in str(path).split("."):
            table = {**here._children, **here._values()} if isinstance(here, Module) else {}
            name = f"{name}.{part}" if name else part
            if name in table:
                here, name = table[name], ""
        if name:
            raise unknown("place in the network", str(path), self._places())
        return here

    def _places(self) -> list[str]:
        return [*(p for p, _ in self.modules() if p), *self.state()]

    def initialise(self, seed: int = 0, *, overwrite: bool = False) -> Module:
        """Give every parameter and buffer without a value its first one; returns the network.

        Args:
            seed: The same seed gives the same values, whatever else the network contains.
            overwrite: Also replace values that are there.

        Raises:
            ConfigError: A size is not known yet, as in `Linear(128)`.
        """
        must_be_built(self, "initialise")
        for path, value in self.state().items():
            if overwrite or not value.is_initialised:
                value.initialise(seed, path)
        return self

    @property
    def is_initialised(self) -> bool:
        """Whether every size is known and every parameter and buffer has a value."""
        return self.is_built and all(v.is_initialised for v in self.state().values())

    def astype(self, dtype: DTypeLike) -> Module:
        """Convert all parameters and buffers to float32 or float64, in place; returns the network.

        Raises:
            ConfigError: A size is not known yet, as in `Linear(128)`.
        """
        wanted = real_dtype(dtype)
        must_be_built(self, "astype")
        for value in self.state().values():
            old = value.numpy() if value.is_initialised else None
            value.dtype = wanted
            if old is not None:
                value.adopt(old.astype(wanted))
        return self

    def freeze(self) -> Module:
        """Keep all parameters and buffers as they are in training; returns the network.

        A frozen normalisation layer uses its running statistics in training too.

        Raises:
            ConfigError: A size is not known yet, as in `Linear(128)`.
        """
        return self._frozen(True)

    def unfreeze(self) -> Module:
        """Let training change all parameters and buffers again; returns the network."""
        return self._frozen(False)

    def _frozen(self, frozen: bool) -> Module:
        must_be_built(self, "freeze" if frozen else "unfreeze")
        for value in self.state().values():
            value.frozen = frozen
        return self

    def predict(self, x: Any, *, batch_size: int = 1024, probabilities: bool = False) -> Any:
        """What the network says of the rows of `x`: classes or values.

        Args:
            x: Rows of features, as the network was trained on.
            batch_size: How many rows are computed at a time.
            probabilities: For a classifier, the probability of every class instead.

        Returns:
            An array with one class (or value) a row, (rows,); (rows, outputs) for several
            values. A network that was never fitted hands back its raw outputs.

        Raises:
            DataError: `x` is not made of rows of finite numbers.
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
                value = _as_tuples(self._arguments[name])
                plain = rule.default is rule.empty or name in self.size_names
                if value is not None or name not in self.size_names:
                    shown.append(repr(value) if plain else f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def uses_batch_statistics(network: Module) -> bool:
    """Whether an output of the network in training depends on other rows of the batch."""
    return any(module.batch_statistics for _, module in network.modules())


def _as_input(x: Any) -> Any:
    """An input as `forward` gets it: tensors, flags and text, also in tuples and dicts."""
    if x is None or isinstance(x, (Node, bool, str)):
        return x
    if isinstance(x, tuple):
        return tuple(map(_as_input, x))
    if isinstance(x, dict):
        return {name: _as_input(part) for name, part in x.items()}
    return as_node(x)


def _holds_parts(value: Any) -> bool:
    """Whether modules, parameters or buffers are in a list, tuple or dict, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_parts(part) for part in value)
    return isinstance(value, (Module, Value))


def _as_tuples(value: Any) -> Any:
    """Lists as tuples, at any depth: a file does not tell which of the two an argument was."""
    return tuple(map(_as_tuples, value)) if type(value) in (list, tuple) else value
