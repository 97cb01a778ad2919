"""The operator's console: a page on this machine where a treatment is planned, watched, stopped."""

from insonate.console.serve import ServeOptions, serve

__all__ = ["ServeOptions", "serve"]
