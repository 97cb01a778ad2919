"""Acoustics: engines behind one interface, from a drive to a pressure field."""

from insonate.field.model import Convergence, PressureField

__all__ = ["Convergence", "PressureField"]
