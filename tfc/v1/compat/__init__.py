"""`tf.compat`: `tf.compat.v1` is `tfc.v1` itself."""

from __future__ import annotations

import numbers

from tfc.v1.missing import missing

integral_types = (numbers.Integral,)
real_types = (numbers.Real,)
__getattr__ = missing("compat")


def as_bytes(bytes_or_text: bytes | str, encoding: str = "utf-8") -> bytes:
    """Text as bytes. Raises TypeError for anything else."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Bytes as text. Raises TypeError for anything else."""
    return as_bytes(bytes_or_text, encoding).decode(encoding)


as_str = as_text
__all__ = ["as_bytes", "as_str", "as_text", "integral_types", "real_types"]
