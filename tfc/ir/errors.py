"""What tfc raises: `TfcError` and its kinds for what the user gave, `InternalError` for what tfc did wrong."""

from __future__ import annotations


class TfcError(Exception):
    """Something the user gave cannot be compiled or run."""


class ShapeError(TfcError, ValueError):
    """Operands whose shapes do not go together."""


class DTypeError(TfcError, TypeError):
    """An operand of an element type that the op does not take."""


class GraphError(TfcError):
    """A graph put together wrongly: a value of another graph, an unknown name, a cycle."""


class UnsupportedError(TfcError):
    """Something that tfc does not do: an op with no gradient on the path of one, a form it does not read."""


class ParseError(TfcError):
    """Malformed text; says the line, the column and what was expected there."""


class VerifyError(TfcError):
    """A graph, kernel or program that breaks a rule of its IR."""


class KernelError(TfcError):
    """A kernel that did what no kernel may: an access out of bounds, a race, a read of memory never written."""


class UninitializedError(TfcError):
    """A variable that is read before it has a value."""


class RunError(TfcError):
    """What only a run can find: a value that is needed and not fed, an index out of range."""


class OutOfMemoryError(TfcError, MemoryError):
    """What a run needs is more than there is memory for."""


class InternalError(Exception):
    """A bug in tfc."""
