"""Sphinx configuration of the insonate documentation."""

import re
from html import escape
from importlib import metadata
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

_LOG = logging.getLogger(__name__)

project = "insonate"
author = "The insonate developers"
copyright = "2026, the insonate developers (BSD-3-Clause)"
release = metadata.version("insonate")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "insonate"
exclude_patterns = ["_build", "_generated"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
html_theme_options = {
    "announcement": "Research and training software. Simulated treatment. Not a medical device. "
    "NICE HTG491: this procedure should not be used."
}


def _bars_are_moduli(
    _app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Escape the bars of |p|: in reStructuredText they would ask for a substitution."""
    for number, line in enumerate(lines):
        pieces = re.split(r"(``.*?``)", line)
        lines[number] = "".join(
            piece if piece.startswith("``") else piece.replace("|", r"\|") for piece in pieces
        )


def _mathml(translator: Any, node: Any) -> None:
    """Write an equation as MathML, which browsers show without any script from elsewhere."""
    block = isinstance(node, nodes.math_block)
    try:
        equation = tex2mathml(node.astext(), as_block=block)
    except (MathError, IndexError) as error:
        _LOG.warning(
            "The equation %r cannot be written: %s", node.astext(), error, location=node
        )
        equation = f"<code>{escape(node.astext())}</code>"
    if block:
        equation = f'<div class="equation" style="margin: 1em 0">{equation}</div>\n'
    translator.body.append(equation)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Connect how equations are written, and what is done to docstrings before napoleon."""
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))
    app.connect("autodoc-process-docstring", _bars_are_moduli, priority=400)
