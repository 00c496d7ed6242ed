"""The textual form of what stands in attributes: numbers, strings, dims, dtypes, types, tuples and arrays.

3   -0.5   nan   true   none   "text"   2*d0 + 1   float32   float32[d0, 784]   [1, d0, 0.5]
tensor<float32[2, 2]>[1.0, 2.0, 3.0, 4.0]
tensor<float32[784, 10]>[0.0, ...]              all elements are one
tensor<int64[100]>"AAAAAAAAAAA..."              base64 of the bytes, little-endian
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from .arrays import repeated
from .dim_text import read_dim
from .errors import GraphError
from .index import Index
from .lexer import Lexer, quote
from .types import DTYPES, DType, TensorType, dtype

MAX_LISTED = 64
"""Arrays of more elements are written as bytes."""

MAX_BYTES = 2**30
"""The largest array that the short form for equal elements may ask for."""

_WORDS: dict[str, Any] = {"none": None, "true": True, "false": False, "inf": math.inf, "nan": math.nan}


def print_attr(value: Any) -> str:
    """An attribute's value as text. Raises GraphError for a kind that has no textual form."""
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None | bool():
            return str(value).lower()
        case int() | float() | Index() | DType() | TensorType():
            return str(value)
        case str():
            return quote(value)
        case tuple() | list():
            return f"[{', '.join(map(print_attr, value))}]"
        case np.ndarray():
            return _print_array(value)
    raise GraphError(f"an attribute of kind {type(value).__name__} has no textual form: {value!r}")


def read_attr(lexer: Lexer) -> Any:
    """The attribute's value that comes next; a list is read as a tuple. Raises ParseError."""
    token = lexer.token
    if token.kind == "string":
        return lexer.string()
    if lexer.at("["):
        with lexer.nested():
            return lexer.sequence(lambda: read_attr(lexer), "[", "]")
    if lexer.at("tensor") and lexer.after.text == "<":
        return _read_array(lexer)
    if token.text in _WORDS:
        return _WORDS[lexer.take().text]
    if token.text in DTYPES:
        return read_type(lexer) if lexer.after.text == "[" else DTYPES[lexer.take().text]
    if _is_float(lexer):
        return _read_number(lexer)
    return read_dim(lexer)


def read_type(lexer: Lexer) -> TensorType:
    """The tensor type that comes next, such as `float32[d0, 784]` or `float32[*]`. Raises ParseError."""
    of = DTYPES[lexer.one_of({**DTYPES}, "a dtype")]
    if lexer.after.text == "*":
        for mark in "[*]":
            lexer.expect(mark)
        return TensorType(of, None)
    return TensorType(of, lexer.sequence(lambda: read_dim(lexer), "[", "]"))


def _is_float(lexer: Lexer) -> bool:
    token = lexer.after if lexer.at("-") else lexer.token
    return token.text in ("inf", "nan") or (token.kind == "number" and not token.text.isdigit())


def _read_number(lexer: Lexer) -> Any:
    sign = -1 if lexer.accept("-") else 1
    if lexer.token.text in _WORDS:
        word = _WORDS[lexer.take().text]
        return word if sign > 0 else -word
    return sign * lexer.number()


def _print_array(value: np.ndarray[Any, Any]) -> str:
    of = dtype(value.dtype)
    head = f"tensor<{TensorType(of, value.shape)}>"
    one = repeated(value) if value.size > 1 else None
    if one is not None and value.nbytes <= MAX_BYTES and _exact(one.astype(of.np).reshape(1)):
        return f"{head}[{_element(one.astype(of.np)[()])}, ...]"
    flat = np.ascontiguousarray(value, of.np).reshape(-1)
    if flat.size <= MAX_LISTED and _exact(flat):
        return f"{head}[{', '.join(map(_element, flat))}]"
    return f'{head}"{base64.b64encode(flat.tobytes()).decode()}"'


def _exact(flat: np.ndarray[Any, Any]) -> bool:
    """Whether elements as text keep all bits: they do but for the payloads of NaNs."""
    if flat.dtype.kind in "iub":
        return True
    return _from_numbers([float(_element(x)) for x in flat], dtype(flat.dtype)).tobytes() == flat.tobytes()


def _element(x: Any) -> str:
    """The shortest text that gives the element again, rounded once to float64 and once to its dtype."""
    number = x.item()
    if not isinstance(number, float):
        return str(number).lower()
    short = repr(float(str(x)))
    return short if x.dtype.type(float(short)) == x else repr(number)


def _from_numbers(numbers: list[Any], of: DType) -> np.ndarray[Any, Any]:
    if of.is_float:
        with np.errstate(over="ignore"):
            return np.array(numbers, np.float64).astype(of.np)
    return np.array(numbers, of.np)


def _read_array(lexer: Lexer) -> np.ndarray[Any, Any]:
    start = lexer.take()
    lexer.expect("<")
    type = read_type(lexer)
    lexer.expect(">")
    size = type.size if type.is_static else None
    if not isinstance(size, int) or any(isinstance(d, int) and d < 0 for d in type.dims):
        raise lexer.error("a tensor of known dims", start)
    try:
        flat = _read_bytes(lexer, type.dtype) if lexer.token.kind == "string" else _read_elements(lexer, type, size)
        return flat.reshape(type.dims)
    except (ValueError, TypeError, OverflowError):
        raise lexer.error(f"{size} elements of {type.dtype}", start) from None


def _read_bytes(lexer: Lexer, of: DType) -> np.ndarray[Any, Any]:
    raw = base64.b64decode(lexer.string(), validate=True)
    return np.frombuffer(raw, of.np).copy()


def _read_elements(lexer: Lexer, type: TensorType, size: int) -> np.ndarray[Any, Any]:
    lexer.expect("[")
    numbers: list[Any] = []
    while not lexer.at("]", "."):
        numbers.append(_read_element(lexer, type.dtype))
        if not lexer.accept(","):
            break
    flat = _from_numbers(numbers, type.dtype)
    if lexer.accept("."):
        lexer.expect(".")
        lexer.expect(".")
        if flat.size != 1 or size * type.dtype.size > MAX_BYTES:
            raise ValueError
        flat = np.full(size, flat[0], flat.dtype)
    lexer.expect("]")
    return flat


def _read_element(lexer: Lexer, of: DType) -> Any:
    if of.is_bool:
        return lexer.one_of(("true", "false"), "a bool") == "true"
    value = _read_number(lexer)
    if isinstance(value, bool) or value is None or (of.is_int and not isinstance(value, int)):
        raise TypeError
    return float(value) if of.is_float else value
