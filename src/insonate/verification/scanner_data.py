"""Real scanner phase: what thermometry makes of a folder of magnitude and phase NIfTI files.

The truth of a real scan is not known, so that what is checked are identities: a phase that is put
together from two others must be theirs; noise must be what it is taken for; heat that is injected into
an echo must come out, wherever the phase wraps. A folder holds one file with ``mag`` and one with
``phase`` in its name, of shape (nx, ny, slices, echoes), and may hold ``echoes.json`` with
``echo_times_s`` and ``field_strength_t``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError
from insonate.images.complex_series import read_complex_nifti
from insonate.thermometry import CLINICAL_3T, Protocol, reconstruct
from insonate.thermometry.baseline import average_baselines
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import Regions
from insonate.thermometry.spot import off_resonance_map
from insonate.verification.check import Check, at_least, at_most

AREA = "thermometry"
ECHOES_S = (4e-3, 8e-3, 12e-3)
FIELD_T = 7.0
"""Where a folder does not say: the three-echo 7 T test data of the ROMEO unwrapping package."""
_HEAT_K, _WIDTH = 8.0, 2.5  # K, voxels


@dataclass(frozen=True, eq=False)
class Echoes:
    """One multi-echo scan: images (echoes, slices, nx, ny), and their protocols."""

    images: NDArray[np.complex64]
    protocols: tuple[Protocol, ...]


def read_echoes(folder: Path) -> Echoes:
    """Read a folder.

    Raises
    ------
    ImageError
        When it does not hold one magnitude and one phase, or fewer than three echoes.
    """
    files = sorted(folder.glob("*.nii*")) if folder.is_dir() else []
    magnitude, phase = ([f for f in files if w in f.name.lower()] for w in ("mag", "phase"))
    if len(magnitude) != 1 or len(phase) != 1:
        raise ImageError(
            f"The folder {folder} holds {len(magnitude)} NIfTI files with 'mag' and {len(phase)} with "
            "'phase' in their names; it must hold one of each."
        )
    series = read_complex_nifti(magnitude[0], phase[0], "full-range")
    said = folder / "echoes.json"
    facts = json.loads(said.read_text()) if said.exists() else {}
    times = tuple(facts.get("echo_times_s", ECHOES_S))
    if len(series.images) != len(times) or len(times) < 3:
        raise ImageError(
            f"The folder {folder} holds {len(series.images)} echoes and names {len(times)} echo "
            "times; at least three are needed, one for each."
        )
    matrix = (series.images.shape[2], series.images.shape[3])
    field = float(facts.get("field_strength_t", FIELD_T))
    protocols = tuple(
        replace(CLINICAL_3T, name=f"echo {n + 1}", field_strength_t=field, echo_time_s=t,
                matrix=matrix, bandwidth_hz_per_pixel=500.0)
        for n, t in enumerate(times)
    )  # fmt: skip
    return Echoes(series.images, protocols)


def tissue_of(scan: Echoes, place: int) -> NDArray[np.bool_]:
    """Return what is bright in every echo of a slice, less its edge."""
    magnitude = np.abs(scan.images[:, place]).min(axis=0)
    bright: NDArray[np.bool_] = magnitude > 0.25 * np.percentile(magnitude, 98)
    return bright


def echo_misfit_hz(scan: Echoes, place: int) -> NDArray[np.float64]:
    """Return what a field fitted to the outer echoes leaves of the middle one, Hz, in tissue.

    Echoes at t₁, t₂, t₃ of one field: φ₂ = φ₁ + (φ₃ − φ₁)(t₂ − t₁)/(t₃ − t₁), up to turns. With
    equal steps this is the second difference, from which the phase offset of the coil falls out.
    """
    S = scan.images[:3, place].astype(np.complex128)
    t = [p.echo_time_s for p in scan.protocols[:3]]
    first = np.angle(S[1] * S[0].conj()) / (t[1] - t[0])
    second = np.angle(S[2] * S[1].conj()) / (t[2] - t[1])
    turn = 2 * np.pi / (t[2] - t[1])
    difference = second - first
    left = (difference - np.round(difference / turn) * turn) / (2 * np.pi)
    inside: NDArray[np.float64] = left[tissue_of(scan, place)]
    return inside


def field_map_wraps(scan: Echoes, place: int) -> float:
    """Return the share of the tissue where two field maps of neighbouring echoes agree to 5 Hz."""
    S, p = scan.images[:, place], scan.protocols
    maps = [off_resonance_map(S[n], S[n + 1], (p[n], p[n + 1])) for n in (0, 1)]
    tissue = tissue_of(scan, place)
    step = scan.protocols[1].echo_time_s - scan.protocols[0].echo_time_s
    apart = maps[1] - maps[0]
    apart -= np.round(apart * step) / step
    return float((np.abs(apart)[tissue] < 5.0).mean())


def injected_error(
    scan: Echoes, place: int, centre: tuple[int, int], seed: int
) -> tuple[float, float]:
    """Return the error of injected heat at its hottest voxel, K, and the score of cold voxels.

    References and frame are one echo with fresh noise of SNR 40 on each, so that real wraps, field
    and dark places stay; the score is the spread of ΔT / σ, 1 where σ is right.
    """
    protocol = scan.protocols[-1]
    image, tissue = scan.images[-1, place], tissue_of(scan, place)
    rng, level = np.random.default_rng(seed), float(np.median(np.abs(image)[tissue])) / 40.0
    i, j = np.indices(image.shape)
    r2 = (i - centre[0]) ** 2 + (j - centre[1]) ** 2
    kelvin = _HEAT_K * np.exp(-0.5 * r2 / _WIDTH**2)
    heat = np.exp(1j * kelvin / protocol.kelvin_per_radian)

    def noisy(picture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        noise = rng.standard_normal((2, *picture.shape)) * level
        seen: NDArray[np.complex64] = (picture + noise[0] + 1j * noise[1]).astype(np.complex64)
        return seen

    base = average_baselines([noisy(image) for _ in range(4)], protocol)
    frame = noisy((image * heat * np.exp(0.7j)).astype(np.complex64))
    where = Regions(tissue, tissue & (r2 > (3.5 * _WIDTH) ** 2))
    how = Reconstruction(drift_order=0)
    found = reconstruct(base, frame, protocol, regions=where, options=how)
    near = (r2 <= 2) & found.mask
    error = float(np.mean((found.delta_t_k - kelvin)[near])) if near.any() else float("nan")
    cold = where.cold & found.mask
    return error, float(np.sqrt(np.mean((found.delta_t_k / found.sigma_k)[cold] ** 2)))


def data_checks(folder: Path) -> Iterator[Check]:
    """Yield the checks of a folder of real phase, computed now."""
    scan, real = read_echoes(folder), "real scanner phase, identity"
    middle = scan.images.shape[1] // 2
    left = np.concatenate([echo_misfit_hz(scan, p) for p in range(middle - 2, middle + 3)])
    yield at_most(AREA, "field of three echoes: middle echo against the outer two, median",
                  float(np.median(np.abs(left))), 5.0, "Hz", real)  # fmt: skip
    agreement = min(field_map_wraps(scan, p) for p in range(middle - 2, middle + 3))
    yield at_least(AREA, "unwrapped field maps of two echo pairs agree to 5 Hz: share of tissue",
                   agreement, 0.5, "1", real)  # fmt: skip
    places = _quiet_places(scan, middle)
    errors, scores = zip(
        *(injected_error(scan, middle, c, n) for n, c in enumerate(places)), strict=True
    )
    yield at_most(AREA, "injected heat of 8 K on real phase, 9 voxels, mean bias of 12 places",
                  abs(float(np.mean(errors))), 0.3, "K", "heat that was injected")  # fmt: skip
    yield at_most(AREA, "stated against observed standard deviation on real phase",
                  abs(float(np.mean(scores)) - 1.0), 0.10, "1", "noise that was injected")  # fmt: skip


def _quiet_places(scan: Echoes, place: int) -> list[tuple[int, int]]:
    """Return twelve voxels well inside the tissue, spread over it."""
    tissue = tissue_of(scan, place)
    inner = tissue.copy()
    for axis in (0, 1):
        for shift in range(-4, 5):
            inner &= np.roll(tissue, shift, axis)
    at = np.argwhere(inner if inner.sum() >= 12 else tissue)
    chosen = at[np.linspace(0, len(at) - 1, 12).astype(int)]
    return [(int(i), int(j)) for i, j in chosen]
