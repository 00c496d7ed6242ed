"""Colours and measures that the forms of a picture share."""

from __future__ import annotations

from types import MappingProxyType

INK = "#37474f"
NOTE = "#607d8b"
FILLS = MappingProxyType(
    {
        "feed": "#c8e6c9",
        "variable": "#fff3c4",
        "constant": "#eceff1",
        "contract": "#bbdefb",
        "reduce": "#e1d5f5",
        "op": "#ffffff",
        "end": "#ffccbc",
    }
)
"""By kind of box."""
