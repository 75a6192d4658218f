"""How items look in DOT: shape, colours and label of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.draw.elements import Item
from graphlang.draw.quoting import html, name_html, quoted
from graphlang.draw.sizes import gate_size
from graphlang.draw.theme import Theme


def _name_style(item: Item, theme: Theme) -> dict[str, Any]:
    return {
        "shape": "none",
        "width": 0,
        "height": 0,
        "margin": "0.05,0.02",
        "fontsize": 17,
        "label": f"<{name_html(item.label)}>",
    }


def _param_style(item: Item, theme: Theme) -> dict[str, Any]:
    label = name_html(item.label)
    if item.detail:
        label += f'<FONT POINT-SIZE="10" COLOR="{theme.faint}"> {html(item.detail)}</FONT>'
    style = "rounded,filled,dashed" if item.kind == "state" else "rounded,filled"
    return {
        "shape": "box",
        "style": style,
        "fillcolor": theme.param,
        "color": theme.param_outline,
        "penwidth": 1,
        "height": 0.3,
        "width": 0.3,
        "margin": "0.08,0.04",
        "fontsize": 13,
        "label": f"<{label}>",
    }


def _gate_style(item: Item, theme: Theme) -> dict[str, Any]:
    size = gate_size(item.label)
    if size is None:
        return {
            "shape": "box",
            "style": "rounded,filled",
            "fillcolor": theme.gate,
            "margin": "0.12,0.08",
            "height": 0.44,
            "fontsize": 14,
            "label": quoted(item.label),
        }
    width, font = size
    return {
        "shape": "circle",
        "fixedsize": "true",
        "width": width,
        "style": "filled",
        "fillcolor": theme.gate,
        "fontsize": font,
        "label": quoted(item.label),
    }


def _box_style(item: Item, theme: Theme) -> dict[str, Any]:
    label = f"<B>{html(item.label)}</B>"
    if item.detail:
        label += f'<BR/><FONT POINT-SIZE="10" COLOR="{theme.faint}">{html(item.detail)}</FONT>'
    fill = theme.loss if item.kind == "loss" else theme.gate
    is_double = item.kind == "network" and (item.is_nested or not item.box)
    return {
        "shape": "box",
        "style": "rounded,filled",
        "fillcolor": fill,
        "penwidth": 1.2,
        "peripheries": 2 if is_double else 1,
        "margin": "0.16,0.09",
        "fontsize": 13,
        "label": f"<{label}>",
    }


ITEM_STYLES: dict[str, Callable[[Item, Theme], dict[str, Any]]] = {
    "input": _name_style,
    "const": _name_style,
    "derivative": _name_style,
    "output": _name_style,
    "param": _param_style,
    "state": _param_style,
    "gate": _gate_style,
    "loss": _box_style,
    "network": _box_style,
}
