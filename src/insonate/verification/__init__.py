"""Closed forms and the checks behind ``insonate verify``."""

from insonate.verification.check import Check, at_least, at_most

__all__ = ["Check", "at_least", "at_most"]
