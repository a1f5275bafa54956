"""A network in one file: its description, its head and its values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pullback.container import read_tensors, write_tensors
from pullback.errors import ConfigError, FileFormatError
from pullback.graph.dtypes import FLOAT32, FLOAT64, Array
from pullback.nn.description import rebuild, rebuildable
from pullback.nn.head import head_from_config
from pullback.nn.module import Module

KIND = "network"


def contents(network: Module) -> tuple[dict[str, Array], dict[str, Any]]:
    """The values and the metadata from which a network is rebuilt."""
    if not network.is_initialised:
        raise ConfigError(
            "a network is saved with its values",
            "parameters that were never initialised",
            "Call network.initialise(seed=0) first.",
        )
    head = None if network._head is None else network._head.to_config()
    tensors = {path: value.numpy() for path, value in network.state().items()}
    metadata = {"network": rebuildable(network), "head": head, "frozen": frozen(network)}
    return tensors, metadata


def frozen(network: Module) -> list[str]:
    """The paths of the parameters and buffers that training leaves as they are."""
    return [path for path, value in network.state().items() if value.frozen]


def save(network: Module, path: str | os.PathLike[str], extra: Mapping[str, Any] = {}) -> None:
    """Write a network to one file, whole or not at all.

    Args:
        network: With its values.
        path: The file.
        extra: More metadata, as plain JSON data.

    Raises:
        ConfigError: The network has no values yet, or a layer's argument cannot be kept.
        StorageError: The file cannot be written.
    """
    tensors, metadata = contents(network)
    write_tensors(path, tensors, {**metadata, **extra}, kind=KIND)


def load(path: str | os.PathLike[str], custom: Iterable[type[Module]] = ()) -> Module:
    """Read a network that `save` wrote.

    Args:
        path: The file.
        custom: Classes of one's own that the network is made of.

    Raises:
        FileFormatError: The file is missing, damaged, or made by a newer version.
        UnknownNameError: A class of one's own was not passed.
    """
    found = read_tensors(path, kind=KIND)
    return restored(found.tensors, found.metadata, custom)


def restored(
    tensors: Mapping[str, Array], metadata: Mapping[str, Any], custom: Iterable[type[Module]] = ()
) -> Module:
    """The network of some values and metadata, as `contents` gave them."""
    network = rebuild(metadata.get("network"), custom)
    untrained = metadata.get("frozen", [])
    if not isinstance(untrained, list):
        raise FileFormatError(
            "what is frozen of a network is a list of paths",
            repr(untrained)[:80],
            "The file is damaged: save the network again.",
        )
    state = network.state()
    if set(state) != set(tensors):
        odd = sorted(set(state) ^ set(tensors))
        raise FileFormatError(
            "a file of a network holds one array for each of its parameters and buffers",
            f"no match for {', '.join(odd[:5])}",
            "The file is damaged, or a custom class has changed since.",
        )
    for path, value in state.items():
        sound = tensors[path].shape == value.shape and tensors[path].dtype in (FLOAT32, FLOAT64)
        if not sound:
            raise FileFormatError(
                f"{path} must be real numbers of shape {value.shape}",
                f"{tensors[path].dtype} of shape {tensors[path].shape}",
                "The file is damaged, or a custom class has changed since.",
            )
        value.dtype = tensors[path].dtype
        value.assign(tensors[path])
        value.frozen = path in untrained
    if metadata.get("head") is not None:
        network._head = head_from_config(metadata["head"])
    return network
