"""Make the picture and the table of the page *Shear waves* from the exact solid plate.

    python scripts/make_shear_picture.py

It writes docs/pictures/shear.png and prints the table in Markdown.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from insonate.core.provenance import DISCLAIMER
from insonate.field.shear import fluid_limit_rad
from insonate.verification.solid_slab import Missed, missed

FREQUENCIES_HZ = (220e3, 500e3, 650e3)
OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "shear.png"


def draw() -> None:
    """Draw what a solid and a fluid plate pass, and the phase between them."""
    angles = np.arange(0.0, 40.5, 0.5)
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True, sharey="row")
    for column, frequency in zip(axes.T, FREQUENCIES_HZ, strict=True):
        found = [missed(float(np.radians(a)), frequency) for a in angles]
        column[0].plot(angles, [m.solid for m in found], label="solid")
        column[0].plot(angles, [m.fluid for m in found], "--", label="fluid")
        column[0].set_title(f"{frequency / 1e3:g} kHz")
        column[1].plot(angles, [np.degrees(m.phase_rad) for m in found], color="tab:red")
        column[1].set_xlabel("incidence in water (degrees)")
        for panel in column:
            panel.axvline(np.degrees(fluid_limit_rad(frequency)), color="grey", lw=0.8)
            panel.grid(alpha=0.3)
    axes[0, 0].set_ylabel("transmitted pressure, rms")
    axes[1, 0].set_ylabel("phase between them, rms (degrees)")
    axes[0, 0].legend(frameon=False)
    figure.text(0.5, 0.005, DISCLAIMER, ha="center", fontsize=7)
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(OUT, dpi=100)


def row(angle_deg: float) -> str:
    """Return one row of the table."""

    def cell(found: Missed) -> str:
        phase = np.degrees(found.phase_rad)
        return f"{found.solid:.2f} / {found.fluid:.2f}, {100 * found.amplitude:+.0f} %, {phase:.0f}°"

    cells = [cell(missed(float(np.radians(angle_deg)), f)) for f in FREQUENCIES_HZ]
    return f"| {angle_deg:g}° | " + " | ".join(cells) + " |"


def main() -> None:
    """Draw the picture and print the table."""
    draw()
    print("| incidence | 220 kHz | 500 kHz | 650 kHz |\n|---|---|---|---|")
    for angle in range(0, 41, 5):
        print(row(float(angle)))


if __name__ == "__main__":
    main()
