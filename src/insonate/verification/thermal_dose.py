"""Doses that can be written down, and doses as frames see them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.heat.dose import cem43
from insonate.verification import bioheat

Dose = Callable[[ArrayLike, ArrayLike, str], NDArray[np.float64]]


def dose_errors(dose: Dose = cem43) -> dict[str, float]:
    """Relative error of dose values that can be written down exactly."""
    found = {
        "57 °C for 1 s = 2^14/60": (dose([0, 1], [57, 57], "sapareto"), 2.0**14 / 60),
        "54 °C for 3 s = 3·2^11/60": (dose([0, 3], [54, 54], "sapareto"), 3 * 2.0**11 / 60),
        "51 °C for 10 s = 10·2^8/60": (dose([0, 10], [51, 51], "sapareto"), 10 * 2.0**8 / 60),
        "240 CEM43 in 14400/2^11 s at 54 °C": (dose([0, 7.03125], [54, 54], "floor37"), 240.0),
        "240 CEM43 in 14400/2^14 s at 57 °C": (dose([0, 0.87890625], [57, 57], "floor37"), 240.0),
        "ramp 41 to 46 °C in 5 s": (
            dose([0, 5], [41, 46], "sapareto"),
            ((1 - 4.0**-2) / np.log(4.0) + (2.0**3 - 1) / np.log(2.0)) / 60,
        ),
        "ramp 35 to 43 °C in 8 s from 37 °C on": (
            dose([0, 8], [35, 43], "floor37"),
            (1 - 4.0**-6) / np.log(4.0) / 60,
        ),
        "ramp 45 to 37 °C in 8 s, down to 39 °C, R = 1/2 once 43 °C was passed": (
            dose([0, 8], [45, 37], "iso39"),
            (2.0**2 - 2.0**-4) / np.log(2.0) / 60,
        ),
        "nearly level piece at 50 °C": (
            dose([0, 6], [50, 50 + 1e-9], "sapareto"),
            6 * 2.0**7 / 60,
        ),
    }  # fmt: skip
    return {name: float(abs(value - exact) / exact) for name, (value, exact) in found.items()}


def frame_doses(dose: Dose = cem43) -> dict[str, tuple[float, float]]:
    """Dose of one sonication as frames see it: (computed, printed), CEM43."""
    end = 60.0
    fine = np.linspace(0.0, end, 60_001)
    rows = {"true": (float(dose(fine, bioheat.sonication_curve(fine), "sapareto")), 668.0)}
    for frame, printed in bioheat.FRAME_TABLE_CEM43.items():
        times = np.arange(0.0, end + frame, frame)
        seen = bioheat.sonication_curve(times)
        ways = (
            ("sample and hold", bioheat.steps(seen[:-1], times)),
            ("piecewise linear", (times, seen)),
            ("mean of neighbours", bioheat.steps((seen[1:] + seen[:-1]) / 2, times)),
        )
        for (name, curve), value in zip(ways, printed, strict=True):
            rows[f"{name}, every {frame:g} s"] = (float(dose(*curve, "sapareto")), value)
    return rows
