"""Pages without anything from elsewhere: tables and pictures in one HTML file, with the disclaimer on top."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from insonate.core.provenance import DISCLAIMER

_STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;color:#1F2933;line-height:1.4}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.25em .6em;text-align:left}"
    ".warning{border:2px solid #C44E00;padding:.6em}img{max-width:100%}"
)


def page(title: str, heading: str, parts: Iterable[str]) -> str:
    """Return a whole page of parts that are HTML already."""
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><p class='warning'><strong>{escape(DISCLAIMER)}</strong></p>"
        f"<h1>{escape(heading)}</h1>{''.join(parts)}</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; every cell is escaped."""
    top = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def picture(content: bytes, words: str) -> str:
    """Return a PNG inside the page, with what it shows in words."""
    data = base64.b64encode(content).decode()
    return f"<p><img alt='{escape(words, quote=True)}' src='data:image/png;base64,{data}'></p>"
