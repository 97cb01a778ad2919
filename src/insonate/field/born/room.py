"""Whether a medium and its solve fit into memory, asked before the medium is made."""

from insonate.core import Grid, SettingsError
from insonate.field.born.box import memory_free, memory_needed, padding_for
from insonate.field.born.medium import FEWEST_POINTS_PER_WAVELENGTH
from insonate.field.born.options import Absorber

BYTES_PER_POINT = 20
"""U, √ρ and the pressure that is returned, complex64 and float32; the box comes on top."""


def require_room(grid: Grid, slowest: float, frequency_hz: float) -> None:
    """Raise when the medium of a grid, and a solve in it, need more memory than is free.

    Parameters
    ----------
    grid
        Where is to be computed.
    slowest
        Sound speed of the slowest material, m/s.
    frequency_hz
        Of the wave.

    Raises
    ------
    SettingsError
        When it does not fit; it names the spacing that would.
    """
    points = grid.shape[0] * grid.shape[1] * grid.shape[2]
    cells = Absorber().cells_for(slowest / (frequency_hz * float(grid.spacing_m[0])))
    needed = BYTES_PER_POINT * points + memory_needed(padding_for(grid.shape, cells))
    free = memory_free()
    if needed <= free:
        return
    coarser = (needed / free) ** (1 / 3) * 1.02
    spacing = float(grid.spacing_m[0]) * coarser
    points_per_wavelength = slowest / (frequency_hz * spacing)
    fits = (
        f"A spacing of {spacing * 1e3:.3g} mm ({points_per_wavelength:.1f} points per wavelength) "
        "would fit."
        if points_per_wavelength >= FEWEST_POINTS_PER_WAVELENGTH
        else "No spacing that is fine enough would fit; crop the grid to the beam."
    )
    raise SettingsError(
        f"A grid of {' × '.join(map(str, grid.shape))} points needs about {needed / 2**30:.1f} GiB "
        f"for its medium and a solve, and {free / 2**30:.1f} GiB are free. {fits}"
    )
