"""The single lines of DOT that a drawing is made of, and their colours."""

from .naming import DATA, PARAMETER
from .reading import Operand

INK = {DATA: "#2b66a8", PARAMETER: "#c0501f"}
PALE = {DATA: "#e3edf8", PARAMETER: "#fce8dc"}
GREY = "#8a8a8a"
FONT = 'fontname="Helvetica,Arial,sans-serif"'
DEFAULTS = (
    f'node [{FONT}, fontsize=12, shape=box, style="filled,rounded", height=0.34, margin="0.14,0.05", penwidth=1.3]',
    f'edge [{FONT}, fontsize=9.5, fontcolor="#444444", arrowsize=0.7, penwidth=1.2]',
)
SHAPES = {
    "operation": "shape=box",
    "leaf": 'shape=ellipse, style=filled, margin="0.09,0.03"',
    "merge": "shape=invtrapezium, style=filled, margin=0, height=0.3",
    "split": "shape=trapezium, style=filled, margin=0, height=0.3",
}


def node(key: str, kind: str, html: str, path: str, solid: bool) -> str:
    """A box with a text in Graphviz's HTML; solid for the forward pass."""
    fill = PALE[path] if solid else "white"
    return f'{key} [label=<{html}>, {SHAPES[kind]}, color="{INK[path]}", fillcolor="{fill}"]'


def marker(key: str, text: str) -> str:
    """A grey word without a box."""
    return f'{key} [label="{text}", shape=plaintext, style="", fontcolor="{GREY}", fontsize=11]'


def branch(key: str, path: str) -> str:
    """The dot where a value goes several ways."""
    return f'{key} [shape=point, width=0.09, color="{INK[path]}", tooltip="branch"]'


def total(key: str, path: str) -> str:
    """The circle where adjoints are summed."""
    ink = INK[path]
    return (
        f'{key} [label="+", shape=circle, style=filled, fillcolor=white, color="{ink}", fontcolor="{ink}", '
        'fontsize=11, width=0.2, height=0.2, fixedsize=true, tooltip="sum of adjoints"]'
    )


def edge(upper: str, lower: str, path: str, label: str = "", more: str = "") -> str:
    """An arrow down.  Those of the data pull harder, so that they run straight and parameters come in from the side."""
    text = f', label=" {label}"' if label else ""
    return f'{upper} -> {lower} [color="{INK[path]}", weight={8 if path == DATA else 1}{text}{more}]'


def level(left: str, right: str, dotted: bool = False) -> str:
    """Two nodes side by side; with a dotted line, or without a line."""
    how = f'style=dotted, arrowhead=none, color="{GREY}", tooltip="kept values"' if dotted else "style=invis"
    return f"{{rank=same; {left} -> {right} [{how}]}}"


def constant(operand: Operand, key: str, user: str, is_first: bool) -> list[str]:
    """A constant without a box, and its arrow."""
    ink = INK[operand.path] if operand.shape else GREY
    text = operand.text.replace("\\", "\\\\").replace('"', '\\"')
    label = f', label=" {operand.shape}"' if operand.shape else ""
    mark = f'{key} [label="{text}", shape=plaintext, style="", fontcolor="{ink}", fontsize=10, height=0.2]'
    return [*([mark] if is_first else []), f'{key} -> {user} [color="{ink}", arrowsize=0.5{label}]']


def escape(text: str) -> str:
    """Text for Graphviz's HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
