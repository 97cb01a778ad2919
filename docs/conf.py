"""Sphinx configuration of the insonate documentation."""

from importlib import metadata

project = "insonate"
author = "The insonate developers"
copyright = "2026, the insonate developers (BSD-3-Clause)"  # noqa: A001 - Sphinx's name
release = metadata.version("insonate")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "insonate"
exclude_patterns = ["_build", "_generated"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
html_theme_options = {
    "announcement": "Research and training software. Simulated treatment. Not a medical device. "
    "NICE HTG491: this procedure should not be used."
}
