"""Pictures of graphs: DOT for Graphviz's tools, SVG drawn here."""

from __future__ import annotations

from .boxes import Picture, picture_of
from .dot import to_dot
from .svg import to_svg

__all__ = ["Picture", "picture_of", "to_dot", "to_svg"]
