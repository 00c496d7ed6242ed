"""Element types: what NumPy calls them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tfc.ir.errors import UnsupportedError
from tfc.ir.types import DTYPES, DType, dtype


@pytest.mark.parametrize("of", list(DTYPES.values()), ids=str)
def test_every_dtype_is_numpys_of_its_name_and_size(of: DType) -> None:
    assert (of.np.name, of.np.itemsize) == (of.name, of.size)
    assert dtype(of.np) is dtype(of.name) is of


@pytest.mark.parametrize("of", ["complex64", "str", "datetime64[s]", object])
def test_what_is_no_dtype(of: object) -> None:
    with pytest.raises(TypeError, match="is not supported; supported are float16, bfloat16"):
        dtype(of)  # type: ignore[arg-type]


def test_bfloat16_says_which_package_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'tfc\[bf16\]'"):
        DType("bfloat16", "f", 16).np  # noqa: B018
    assert DType("float16", "f", 16).np == np.float16
