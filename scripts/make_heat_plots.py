"""Make the convergence plots of ``docs/how-heat-is-computed.md`` with the code itself.

python scripts/make_heat_plots.py
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from insonate.report import canvas
from insonate.verification import thermal_order

OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "heat-convergence.png"


def draw(ax: Axes, title: str, across: str, errors: dict[float, float]) -> None:
    """Draw errors over step or spacing, with a line of second order through the last."""
    x = np.array(sorted(errors, reverse=True))
    y = np.array([errors[float(v)] for v in x])
    ax.loglog(x, y, "o-", color=canvas.MEASURED, label="computed")
    ax.loglog(x, y[-1] * (x / x[-1]) ** 2, "--", color=canvas.FAINT, label="second order")
    order = np.log2(y[-2] / y[-1]) / np.log2(x[-2] / x[-1])
    canvas.title(ax, f"{title}: {order:.2f}")
    canvas.tidy(ax, across, "Error (K)")
    ax.legend(fontsize=8, frameon=False)


def main() -> None:
    """Compute the errors and write the picture."""
    figure = canvas.new_figure(3.4)
    space, time, both = figure.subplots(1, 3)
    draw(space, "Order in space", "Spacing (mm)", thermal_order.source_space_errors())
    draw(time, "Order in time", "Step (s)", thermal_order.source_time_errors())
    draw(both, "Both grids, together", "Coarse spacing (mm)", thermal_order.joint_errors())
    figure.savefig(OUT, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main()
