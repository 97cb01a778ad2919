"""Off-resonance of a head: what its air and bone do to the field of the magnet.

A body of susceptibility χ(r) in a field B₀ along z changes the field that protons feel by

    ΔB/B₀ = F⁻¹[(1/3 − k_z²/k²) F[χ]]                                              (1)

(Salomir et al., Concepts Magn. Reson. 19B:26, 2003; Marques & Bowtell, Concepts Magn. Reson.
25B:65, 2005, eq. 13), the sphere of Lorentz included. The grid is padded to twice its size, so
that the head's periodic images lie far away. Water outside the head counts as tissue. A first-order
shim over the brain is subtracted, as a scanner does before a series.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn

from insonate.core import Frame, Grid, ImageError, Quantity, Tissue, Volume
from insonate.core.arrays import BoolArray, frozen
from insonate.core.frames import affine_from
from insonate.head import HeadModel

_SCHENCK = "Schenck, Med. Phys. 23:815 (1996), table of volume susceptibilities (SI)"

SUSCEPTIBILITY_PPM: dict[Tissue, Quantity] = {
    Tissue.WATER: Quantity(-9.05, "ppm", _SCHENCK + ": water at 37 °C"),
    Tissue.BRAIN: Quantity(
        -9.05, "ppm", _SCHENCK + ": tissues lie near water", low=-11.0, high=-7.0
    ),
    Tissue.SCALP: Quantity(
        -9.05, "ppm", _SCHENCK + ": tissues lie near water", low=-11.0, high=-7.0
    ),
    Tissue.SKULL: Quantity(
        -8.86,
        "ppm",
        _SCHENCK
        + ": cortical bone; -11.3 in Hopkins & Wehrli, Magn. Reson. Med. 37:494 (1997)",
        low=-11.3,
        high=-8.86,
    ),
    Tissue.AIR: Quantity(0.36, "ppm", _SCHENCK + ": air"),
}
COARSE_M = 4e-3
"""Spacing of the grid that the field is computed on, m; the field is smooth away from air."""


def dipole_field(
    susceptibility_ppm: NDArray[np.float64], spacing_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ΔB/B₀ (ppm) of a susceptibility difference (ppm) in a field along z: equation (1).

    Parameters
    ----------
    susceptibility_ppm
        Shape (nx, ny, nz): χ minus that of the surroundings.
    spacing_m
        Shape (3,), m.

    Returns
    -------
    NDArray
        Shape (nx, ny, nz), ppm.
    """
    n = susceptibility_ppm.shape
    padded = [next_fast_len(2 * size, real=True) for size in n]
    kx, ky, kz = np.meshgrid(
        np.fft.fftfreq(padded[0], spacing_m[0]),
        np.fft.fftfreq(padded[1], spacing_m[1]),
        np.fft.rfftfreq(padded[2], spacing_m[2]),
        indexing="ij",
        sparse=True,
    )
    k2 = kx**2 + ky**2 + kz**2
    k2[0, 0, 0] = 1.0
    kernel = 1.0 / 3.0 - kz**2 / k2
    kernel[0, 0, 0] = 0.0
    field: NDArray[np.float64] = irfftn(rfftn(susceptibility_ppm, padded) * kernel, padded)
    return field[: n[0], : n[1], : n[2]]


def shimmed(field_ppm: NDArray[np.float64], brain: BoolArray) -> NDArray[np.float64]:
    """Subtract the constant and the three gradients that fit best over the brain.

    Raises
    ------
    ImageError
        When there is no brain to shim on.
    """
    if np.count_nonzero(brain) < 10:
        raise ImageError(
            "The head has no brain voxels to shim on; thermometry needs a head model with brain."
        )
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in brain.shape), indexing="ij")
    basis = np.stack([np.ones(brain.shape), *axes], axis=-1)
    fit, *_ = np.linalg.lstsq(basis[brain], field_ppm[brain], rcond=None)
    result: NDArray[np.float64] = field_ppm - basis @ fit
    return result


def _block_mean(values: NDArray[np.float32], factors: tuple[int, ...]) -> NDArray[np.float64]:
    """Average over blocks; the far edges are repeated to fill the last blocks."""
    padding = [(0, -n % f) for n, f in zip(values.shape, factors, strict=True)]
    full = np.pad(values, padding, mode="edge")
    shape = [part for n, f in zip(full.shape, factors, strict=True) for part in (n // f, f)]
    mean: NDArray[np.float64] = full.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float64)
    return mean


def field_map(head: HeadModel, *, coarse_m: float = COARSE_M) -> Volume:
    """Return the shimmed off-resonance of a head lying in a field along z, parts per million.

    Parameters
    ----------
    head
        Its labels are used; its z axis is taken for the bore's.
    coarse_m
        Wanted voxel of the result, m; at least the head's own.

    Returns
    -------
    Volume
        Frame ``ct``, unit ppm of B₀.
    """
    spacing = head.grid.spacing_m
    factors = tuple(max(1, round(coarse_m / s)) for s in spacing)
    chi = np.zeros(max(Tissue) + 1, np.float32)
    for tissue, quantity in SUSCEPTIBILITY_PPM.items():
        chi[tissue] = quantity.value - SUSCEPTIBILITY_PPM[Tissue.WATER].value
    coarse = _block_mean(chi[head.labels], factors)
    brain = _block_mean((head.labels == Tissue.BRAIN).astype(np.float32), factors) > 0.5
    scale = np.array(factors, float)
    affine = head.grid.affine @ affine_from(np.diag(scale), (scale - 1) / 2)
    field = shimmed(dipole_field(coarse, spacing * scale), brain)
    nx, ny, nz = coarse.shape
    return Volume(frozen(field, np.float32), Grid((nx, ny, nz), affine, Frame.CT), "ppm")
