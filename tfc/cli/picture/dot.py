"""A picture in Graphviz's DOT language."""

from __future__ import annotations

from tfc.ir.lexer import quote

from .boxes import Box, Picture
from .style import FILLS, INK, NOTE


def to_dot(picture: Picture) -> str:
    """The picture as a `digraph`, laid out by whatever reads it."""
    lines = [f"digraph {quote(picture.name)} {{"]
    lines.append(f'  node [shape=box, style="rounded,filled", fontname=monospace, fontsize=10, color="{INK}"]')
    lines.append(f'  edge [color="{INK}", arrowsize=0.7]')
    for k, box in enumerate(picture.boxes):
        lines.append(f'  n{k} [label={_label(box)}, fillcolor="{FILLS[box.kind]}"]')
    lines += [f"  n{a.start} -> n{a.end}{' [style=dashed]' if a.weak else ''}" for a in picture.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def _label(box: Box) -> str:
    """An HTML-like label: the title in bold, the rest below."""
    rest = "".join(f'<br/><font color="{NOTE}">{escaped(line)}</font>' for line in box.lines)
    return f"<<b>{escaped(box.title)}</b>{rest}>"


def escaped(text: str) -> str:
    """Text as XML has it, without the control characters that it cannot have."""
    for mark, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(mark, name)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
