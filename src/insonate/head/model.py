"""The head that everything else is computed in."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, GeometryError, Grid, Tissue
from insonate.core.arrays import frozen
from insonate.core.frames import require_frame


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Commissures and midline, in the CT frame.

    Parameters
    ----------
    anterior_commissure, posterior_commissure
        Points, shape (3,), m.
    superior
        Unit vector, shape (3,): up within the midsagittal plane; its direction needs not be
        exactly perpendicular to AC-PC.
    error_m
        One standard deviation of a commissure's position, m.
    source
        How they were found: "atlas registration", "given by hand", "analytic phantom".
    """

    anterior_commissure: NDArray[np.float64]
    posterior_commissure: NDArray[np.float64]
    superior: NDArray[np.float64]
    error_m: float
    source: str

    def __post_init__(self) -> None:
        for name in ("anterior_commissure", "posterior_commissure", "superior"):
            value = frozen(getattr(self, name), np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise GeometryError(
                    f"The landmark {name} must be one finite point, not {value}."
                )
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class HeadModel:
    """Tissue and property maps on one grid, in the CT frame.

    Parameters
    ----------
    grid
        The voxels; frame ``ct``; axis-aligned.
    labels
        Shape ``grid.shape``, int8, values of ``Tissue``.
    hounsfield
        Shape ``grid.shape``, float32, HU; -1000 where the CT did not reach.
    density, sound_speed, attenuation
        float32: kg/m³, m/s, Np/m at ``frequency_hz``.
    absorbed_share
        float32, 0-1: the part of the attenuation that becomes heat.
    heat_capacity, conductivity, perfusion
        float32: J/(kg K), W/(m K), 1/s (m³ of blood per m³ of tissue per second).
    frequency_hz
        The frequency of ``attenuation``.
    mapping
        Name of the CT mapping that gave the skull its properties.
    landmarks
        Commissures and midline.
    notes
        Whole sentences about quality: coverage, gaps, left-right not known.
    provenance
        Where it comes from: file, digest, settings.

    Raises
    ------
    GeometryError
        When a map has another shape than the grid, or the grid is not in the CT frame.
    """

    grid: Grid
    labels: NDArray[np.int8]
    hounsfield: NDArray[np.float32]
    density: NDArray[np.float32]
    sound_speed: NDArray[np.float32]
    attenuation: NDArray[np.float32]
    absorbed_share: NDArray[np.float32]
    heat_capacity: NDArray[np.float32]
    conductivity: NDArray[np.float32]
    perfusion: NDArray[np.float32]
    frequency_hz: float
    mapping: str
    landmarks: Landmarks
    notes: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_frame(self.grid.frame, Frame.CT, "The grid of a head model")
        for name in (
            "labels", "hounsfield", "density", "sound_speed", "attenuation", "absorbed_share",
            "heat_capacity", "conductivity", "perfusion",
        ):  # fmt: skip
            dtype = np.int8 if name == "labels" else np.float32
            value = frozen(getattr(self, name), dtype)
            if value.shape != self.grid.shape:
                raise GeometryError(
                    f"The map '{name}' has shape {value.shape}, the grid {self.grid.shape}; "
                    "they must be the same."
                )
            object.__setattr__(self, name, value)

    def mask(self, *tissues: Tissue) -> NDArray[np.bool_]:
        """Return where the label is one of ``tissues``, shape ``grid.shape``."""
        return np.isin(self.labels, [int(t) for t in tissues])
