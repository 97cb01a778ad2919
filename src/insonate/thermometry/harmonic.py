"""A background that is as smooth as the cold tissue allows: near-harmonic, factorised once.

Outside its sources a field is harmonic, and its phase in a slice nearly so (Salomir et al., IEEE
Trans. Med. Imaging 31:287, 2012, solve Laplace's equation from the border of the heat). A border of
single voxels hands its noise on into the middle; here the whole cold tissue is the border. The
background z, on nodes a few voxels apart with B between them and the voxels, minimises

    Σ_cold w (φ − B z)² + λ ∫ |∂²z|² dA                                              (1)

so that it is biharmonic where no phase is known, continuous with its slope where it is, and follows
what is wider than the length ℓ, λ = ℓ⁴ w̄. The matrix BᵀWB + λD depends on the masks and the
references alone: it is factorised once for a series, and a frame costs two triangular solves.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity, kron, vstack
from scipy.sparse.linalg import splu

from insonate.core import SettingsError
from insonate.thermometry.background import (
    Residual,
    look,
    spread_of,
    turned_phase,
)
from insonate.thermometry.baseline import Baseline
from insonate.thermometry.regions import Regions, ring_of

NODE_VOXELS = 6
"""Distance of the nodes; fields that turn faster are not smooth."""
LENGTH_VOXELS = 6.0
"""ℓ: structure of the drift that is narrower is left to the heat."""
_MOST_NODES = 6000
_MAD_TO_SIGMA = 1.482602218505602


@dataclass(frozen=True, eq=False)
class SmoothBackground:
    """The factorised problem (1) of one series.

    Parameters
    ----------
    at
        Shape (m,): which of the tissue's voxels have a known background, as indices.
    weight
        Shape (m,): of their phases.
    rows
        B at the tissue's voxels, sparse (n, nodes).
    rows_there
        W B at the known ones, transposed, sparse (nodes, m).
    factors
        The factorisation, with ``solve``.
    unit_variance
        Shape (n,): variance of the background for phases of unit weight and unit noise.
    everywhere
        B over the whole image, sparse (nx ny, nodes).
    """

    at: NDArray[np.intp]
    weight: NDArray[np.float32]
    rows: Any
    rows_there: Any
    factors: Any
    unit_variance: NDArray[np.float32]
    everywhere: Any

    def nodes(self, phase: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return z, the background at the nodes, of phases (m,) at the known voxels, rad."""
        found: NDArray[np.float64] = self.factors.solve(self.rows_there @ phase)
        return found


@lru_cache(maxsize=8)
def smooth_background(
    where: Regions, base: Baseline, ring: float | None = None, length: float = LENGTH_VOXELS
) -> SmoothBackground:
    """Set problem (1) up and factorise it; kept, as masks and references stay for a series.

    Parameters
    ----------
    where
        The cold tissue, or the ring of it.
    base
        Its magnitude gives the weights.
    ring
        Only cold tissue within so many voxels of the heat; all of it when left out.
    length
        ℓ, voxels.

    Raises
    ------
    SettingsError
        When the image is too large for its nodes.
    """
    shape = (where.tissue.shape[0], where.tissue.shape[1])
    at = where.cold_voxels if ring is None else ring_of(where, ring)
    everywhere, grid = _interpolation(shape)
    if grid[0] * grid[1] > _MOST_NODES:
        raise SettingsError(
            f"An image of {shape} voxels needs {grid[0] * grid[1]} nodes for a near-harmonic "
            f"background, more than {_MOST_NODES}; crop it round the target."
        )
    rows = everywhere[where.voxels]
    known = base.magnitude.ravel()[where.voxels[at]].astype(np.float64)
    weight = (known / np.sqrt((known**2).mean())) ** 2
    there = rows[at]
    bending = _bending(grid, length)
    scaled = there.T @ diags(weight)
    matrix = scaled @ there + bending.T @ bending
    # A whisper on the diagonal keeps nodes whose bending touches nothing solvable.
    matrix = (matrix + 1e-9 * diags(np.ones(matrix.shape[0]))).tocsc()
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    variance = _unit_variance(factors, rows)
    return SmoothBackground(
        at, weight.astype(np.float32), rows, scaled.tocsr(), factors, variance, everywhere
    )


def _interpolation(shape: tuple[int, int]) -> tuple[Any, tuple[int, int]]:
    """Return B over the whole image, bilinear, sparse (nx ny, nodes), and the nodes' grid."""
    lines = [_line(n) for n in shape]
    grid = (lines[0].shape[1], lines[1].shape[1])
    return kron(*lines, format="csr"), grid


def _line(n: int) -> Any:
    count = max(4, -(-(n - 1) // NODE_VOXELS) + 1)
    x = np.arange(n) * (count - 1) / (n - 1)
    low = np.minimum(x.astype(int), count - 2)
    part = x - low
    rows = np.concatenate([np.arange(n), np.arange(n)])
    columns = np.concatenate([low, low + 1])
    return csr_matrix((np.concatenate([1 - part, part]), (rows, columns)), (n, count))


def _bending(grid: tuple[int, int], length: float) -> Any:
    """Return the second differences ∂xx, √2 ∂xy, ∂yy, scaled so that their square is λ∫|∂²z|²."""
    one, two = zip(*(_differences(n) for n in grid), strict=True)
    scale = length**2 / NODE_VOXELS
    parts = [
        kron(two[0], identity(grid[1])),
        np.sqrt(2.0) * kron(one[0], one[1]),
        kron(identity(grid[0]), two[1]),
    ]
    return scale * vstack(parts).tocsr()


def _differences(n: int) -> tuple[Any, Any]:
    first = diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n))
    second = diags(
        [np.ones(n - 2), -2 * np.ones(n - 2), np.ones(n - 2)], [0, 1, 2], shape=(n - 2, n)
    )
    return first, second


def _unit_variance(factors: Any, rows: Any) -> NDArray[np.float32]:
    """Return the diagonal of B A⁻¹ Bᵀ, taken at the nodes and interpolated."""
    count = rows.shape[1]
    inverse = factors.solve(np.eye(count))
    at_nodes = np.maximum(np.diag(inverse), 0.0)
    variance: NDArray[np.float32] = np.asarray(rows @ at_nodes, dtype=np.float32)
    return variance


def continued(base: Baseline, frame: NDArray[np.complex64], where: Regions) -> Residual:
    """Compare a frame with the mean of its references, the drift continued near-harmonic.

    Parameters
    ----------
    base, frame, where
        References, the frame (nx, ny) of the virtual coil, tissue and cold tissue.
    """
    views = look(frame, base.signal, where)
    phase, turn = turned_phase(views)
    spread = spread_of(views, 1.0 / base.count)
    solver = smooth_background(where, base)
    z = solver.nodes(phase[solver.at])
    values = (solver.rows @ z).astype(np.float32)
    left = phase - values
    noise = noise_of(left[solver.at], spread[solver.at])
    # Weight 1 stands for the mean spread; the background is as sure as that allows.
    typical = float(np.sqrt((spread[solver.at] ** 2).mean()))
    variance = solver.unit_variance * np.float32((noise * typical) ** 2)
    background = (solver.everywhere @ z).reshape(frame.shape).astype(np.float32) + turn
    mean = float(background.ravel()[where.voxels[where.cold_voxels]].mean())
    return Residual(left, background.astype(np.float32), variance, spread, noise, (mean,))


def noise_of(left: NDArray[Any], spread: NDArray[Any]) -> float:
    """Return the noise of one channel from what a background leaves in cold tissue."""
    return _MAD_TO_SIGMA * float(np.median(np.abs(left / spread)))
