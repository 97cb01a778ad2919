"""Tissue that absorbs more once it was hot: an option of the thermal model."""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Absorption(StrEnum):
    """How the absorption of tissue depends on the highest temperature that it has had."""

    CONSTANT = "constant"
    """It does not; what planning assumes."""
    COAGULATING = "coagulating"
    """As at body temperature up to 50 °C, twice that from 65 °C on, straight in between, and for good:
    dog muscle in vitro at 4 MHz (Damianou, Sanghvi, Fry & Maass-Moreno, J. Acoust. Soc. Am.
    102:628, 1997: absorption rises above 50 °C to its maximum at 65 °C and doubles; they put it down to
    changes of the tissue). No brain was measured; it is taken for brain here."""

    @property
    def begins_degc(self) -> float:
        """The temperature from which it rises, °C."""
        return np.inf if self is Absorption.CONSTANT else 50.0

    def more_at(self, highest_degc: ArrayLike) -> NDArray[np.float64]:
        """Return by which part absorption has risen, for the highest temperature so far (°C)."""
        highest = np.asarray(highest_degc, dtype=np.float64)
        if self is Absorption.CONSTANT:
            return np.zeros(highest.shape)
        rise: NDArray[np.float64] = np.interp(highest, (50.0, 65.0), (0.0, 1.0))
        return rise
