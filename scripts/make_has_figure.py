"""Make the figure of docs/the-one-way-engine.md: ``python scripts/make_has_figure.py``."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from insonate.field.has.beams import pressure_from_target
from insonate.verification import has, itrusst

mpl.use("Agg")
from matplotlib import pyplot as plt

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "one-way.png"
PLATE = (has.HZ, (40e-3, 46.5e-3), 46.0)


def plate(axes):
    shells = has.plate_shells(*PLATE)
    angles = np.radians(np.arange(1.0, 30.0))
    away = np.stack([0.6 * np.sin(angles), 0.8 * np.sin(angles), np.cos(angles)], axis=1)
    at = 1.1 * shells.frustum.edges[-1] * away
    exact = has.behind_plate(*PLATE, at)
    for echoes, colour in ((0, "#c2c2c2"), (1, "#e08a2e"), (2, "#1f5fa8")):
        found = pressure_from_target(shells, at, echoes=echoes)
        error = 100 * np.abs(found / exact - 1)
        axes.plot(np.degrees(angles), error, color=colour, label=f"{echoes} rounds of echoes")
    axes.axvline(25, color="k", lw=0.8, ls=":")
    axes.set(
        xlabel="incidence (°)", ylabel="complex error (%)", ylim=(0, 40), xlim=(0, 29),
        title="Point behind 6.5 mm of bone, 500 kHz, against exact layers",
    )  # fmt: skip
    axes.legend(frameon=False)


def bowl(axes):
    x = 0.5 * np.arange(241)
    first = round(itrusst.BEHIND_BONE_M / 0.5e-3)
    exact = np.abs(itrusst.exact(3, 1))[:, 70] / 1e3
    found = np.abs(has.itrusst_plane(3))[:, 70] / 1e3
    axes.plot(x, exact, color="k", lw=1, label="exact")
    axes.plot(x[first:], found[first:], color="#1f5fa8", lw=1.5, label="one way")
    axes.axvspan(30, 36.5, color="#d9c7a8", lw=0)
    axes.set(
        xlabel="x (mm)", ylabel="|p| on the axis (kPa)", xlim=(0, 120),
        title="ITRUSST 3, bowl: rays meet the bone at up to 30°",
    )  # fmt: skip
    axes.legend(frameon=False)


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    plate(left)
    bowl(right)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
