"""Trees of arrays: nested tuples, lists, dicts, named tuples and None, with anything else for leaves.

flatten((x, {"w": w, "b": b}))    ->    [x, w, b]  and a hashable structure
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

Structure: TypeAlias = Any
"""`LEAF`, or the container's type, its children's structures in a tuple, and its keys if it is a dict; hashable."""

LEAF = "leaf"


def flatten(tree: Any, leaves: list[Any]) -> Structure:
    """The structure of a tree; appends its leaves in order. None is a tree without leaves."""
    kind = type(tree)
    if kind is np.ndarray:
        leaves.append(tree)
        return LEAF
    if kind is tuple or kind is list:
        return (kind, tuple([flatten(child, leaves) for child in tree]))
    if kind is dict:
        return (dict, tuple([flatten(child, leaves) for child in tree.values()]), tuple(tree))
    if tree is None:
        return (None, ())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return (kind, tuple([flatten(child, leaves) for child in tree]))
    leaves.append(tree)
    return LEAF


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The tree of a structure, with leaves taken in order."""
    if structure is LEAF:
        return next(leaves)
    kind, children = structure[:2]
    if kind is None:
        return None
    parts = [unflatten(child, leaves) for child in children]
    if kind is dict:
        return dict(zip(structure[2], parts, strict=True))
    return kind(parts) if kind is tuple or kind is list else kind(*parts)


def rebuilder(structure: Structure) -> Callable[[Sequence[Any]], Any]:
    """What makes the tree of a structure from its leaves, quick for a single leaf and for a tuple of leaves."""
    if structure is LEAF:
        return lambda leaves: leaves[0]
    if structure[0] is tuple and all(child is LEAF for child in structure[1]):
        return tuple
    return lambda leaves: unflatten(structure, iter(leaves))


def paths(tree: Any, prefix: str = "") -> list[str]:
    """A name for each leaf of a tree, in order: `prefix`, with the keys and positions that lead to it."""
    kind = type(tree)
    if tree is None:
        return []
    if kind is dict:
        steps = list(tree.items())
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        steps = list(zip(tree._fields, tree, strict=True))
    elif kind is tuple or kind is list:
        steps = list(enumerate(tree))
    else:
        return [prefix]
    return [path for key, child in steps for path in paths(child, f"{prefix}_{key}" if prefix else str(key))]


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with a function applied to each leaf."""
    leaves: list[Any] = []
    structure = flatten(tree, leaves)
    return unflatten(structure, iter([function(leaf) for leaf in leaves]))
