"""`tf.errors`: what a run raises, under TF's names and derived from tfc's errors."""

from __future__ import annotations

from typing import Any

from tfc.ir.errors import OutOfMemoryError, RunError, TfcError, UninitializedError, UnsupportedError


class OpError(TfcError):
    """An error of a run; `op` is the operation where it is known, `error_code` the canonical code."""

    code = 2

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int | None = None) -> None:
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.message = message
        self.error_code = self.code if error_code is None else error_code


class CancelledError(OpError):
    """The operation was cancelled."""

    code = 1


class UnknownError(OpError):
    """An error of no other kind."""

    code = 2


class InvalidArgumentError(OpError, RunError):
    """An operation got an argument that it does not take."""

    code = 3


class DeadlineExceededError(OpError):
    """A deadline passed before the operation was done."""

    code = 4


class NotFoundError(OpError):
    """A file or an entity was not found."""

    code = 5


class AlreadyExistsError(OpError):
    """What was to be made exists."""

    code = 6


class PermissionDeniedError(OpError):
    """The caller may not run the operation."""

    code = 7


class ResourceExhaustedError(OpError, OutOfMemoryError):
    """Memory or another resource is used up."""

    code = 8


class FailedPreconditionError(OpError, UninitializedError):
    """The system is not in the state that the operation needs, such as a variable that has no value yet."""

    code = 9


class AbortedError(OpError):
    """The operation was aborted."""

    code = 10


class OutOfRangeError(OpError):
    """An iteration went past the end."""

    code = 11


class UnimplementedError(OpError, UnsupportedError):
    """The operation is not supported."""

    code = 12


class InternalError(OpError):
    """An invariant is broken."""

    code = 13


class UnavailableError(OpError):
    """The runtime is not available."""

    code = 14


class DataLossError(OpError):
    """Data is lost or corrupt."""

    code = 15


def unsupported(message: str) -> UnimplementedError:
    """The error for what TF has and tfc has not."""
    return UnimplementedError(None, None, message)


_OF_A_RUN: dict[type[TfcError], type[OpError]] = {
    UninitializedError: FailedPreconditionError,
    RunError: InvalidArgumentError,
    OutOfMemoryError: ResourceExhaustedError,
}
"""What TF raises for what the runtime raises; shape and dtype errors are ValueError and TypeError in both."""


def of_run(error: TfcError) -> TfcError:
    """The error that TF raises for an error of the runtime; itself where that is the same."""
    kind = _OF_A_RUN.get(type(error))
    return error if kind is None else kind(None, None, str(error))
