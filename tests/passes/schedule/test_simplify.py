"""simplify_kernel."""

from __future__ import annotations

import pytest

from tfc.ir.kernel_text import parse_kernel
from tfc.passes.schedule import simplify_kernel

STORE = "y[i, 0] = 0.0:float32"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("for i < 8 { y[floordiv(i, 8), mod(i, 8)] = 0.0:float32 }", "for i < 8 { y[0, i] = 0.0:float32 }"),
        ("for i < 1 { y[i, i + 2] = 1.0:float32 }", "y[0, 2] = 1.0:float32"),
        ("for i < 0 { y[i, 0] = 1.0:float32 }", ""),
        (f"for i < n {{ if lt(@(i), @(n)) {{ {STORE} }} }}", f"for i < n {{ {STORE} }}"),
        (f"for i < n {{ if lt(@(i), @(0)) {{ {STORE} }} }}", ""),
        (f"for i < n {{ if ge(@(i), @(n)) {{ }} else {{ {STORE} }} }}", f"for i < n {{ {STORE} }}"),
        (
            f"for io < floordiv(n, 4) {{ for i < 4 {{ if lt(@(4*io + i), @(n)) {{ {STORE} }} }} }}",
            f"for io < floordiv(n, 4) {{ for i < 4 {{ {STORE} }} }}",
        ),
        (
            f"for i < mod(n, 4) {{ if lt(@(4*floordiv(n, 4) + i), @(n)) {{ {STORE} }} }}",
            f"for i < mod(n, 4) {{ {STORE} }}",
        ),
        (
            f"for i < 4 {{ if lt(@(i), @(n)) {{ if le(@(i), @(n)) {{ {STORE} }} }} }}",
            f"for i < 4 {{ if lt(@(i), @(n)) {{ {STORE} }} }}",
        ),
        (
            f"for i < 4 {{ if and(lt(@(i), @(n)), lt(@(i), @(4))) {{ {STORE} }} }}",
            f"for i < 4 {{ if lt(@(i), @(n)) {{ {STORE} }} }}",
        ),
        (f"for i < 4 {{ if and(lt(@(i), @(n)), lt(@(4), @(i))) {{ {STORE} }} }}", ""),
    ],
)
def test_rules(before: str, after: str) -> None:
    head = "kernel f(y: float32[n + 9, 9] out) dims(n) {\n"
    assert simplify_kernel(parse_kernel(f"{head}{before}\n}}")) == parse_kernel(f"{head}{after}\n}}")
