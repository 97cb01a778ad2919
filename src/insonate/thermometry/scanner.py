"""The virtual scanner: one gradient-echo image of a heated slice, wrong in the real ways.

Each cell of the object (a part of a voxel) has the frequency offset

    Δf = γ B₀ (off-resonance + drift) + γ α B₀ ΔT                                     (1)

and gives the signal M exp(i s 2π Δf TE) (2), averaged through the slice. Along the readout it is
seen where a resting spin with this frequency would lie, displaced by Δf / (bandwidth per pixel)
(3): cells move, and pile up or thin out where the offset changes along the line. A voxel is the
sum of what falls into it (a box for the point spread function), so that partial volume, intensity
changes and dephasing inside a voxel come out by themselves. Then come head motion (a turn and a
shift), the water bath, whose flow gives it another phase in each frame, the receiving coils, which
stay where they are, and complex normal noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sin, tan, tau

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError, SettingsError, Tissue
from insonate.core.arrays import ComplexArray, frozen
from insonate.thermometry.anatomy import SliceAnatomy
from insonate.thermometry.cells import NO_DETAIL, Detail, scan_cells
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.relaxation import gradient_echo_signal


@dataclass(frozen=True)
class HeadMotion:
    """A rigid motion of the head in the plane.

    Parameters
    ----------
    shift_m
        Along axes 0 and 1, m.
    rotation_rad
        From axis 0 towards axis 1 about the middle of the image, before the shift, rad.

    Raises
    ------
    SettingsError
        When it is not finite, or turns by more than 0.5 rad.
    """

    shift_m: tuple[float, float] = (0.0, 0.0)
    rotation_rad: float = 0.0

    def __post_init__(self) -> None:
        if np.shape(self.shift_m) != (2,) or not np.isfinite(self.shift_m).all():
            raise SettingsError(
                "A motion is two finite distances along the axes of the image (m), not "
                f"{self.shift_m}."
            )
        if not abs(self.rotation_rad) <= 0.5:
            raise SettingsError(
                f"A head in the plane turns by at most 0.5 rad either way, not "
                f"{self.rotation_rad} rad."
            )


def acquire(  # noqa: PLR0913 - an object, how it is imaged, and what goes wrong
    anatomy: SliceAnatomy,
    protocol: Protocol,
    temperature_change_k: ArrayLike,
    *,
    detail: Detail = NO_DETAIL,
    drift_ppm: ArrayLike = 0.0,
    motion: HeadMotion = HeadMotion(),
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Take one image of a slice.

    Parameters
    ----------
    anatomy
        The object.
    protocol
        How it is imaged; unheated reference brain has magnitude 1, the noise of each channel
        1 / ``protocol.snr``.
    temperature_change_k
        True temperature minus that of the unheated object, averaged over the frame time, K.
        Shape (nx, ny), or (m nx, m ny) at ``anatomy.geometry.points(subsamples=m)`` with m a
        divisor of ``anatomy.subsamples``, or with a third axis: points through the thickness.
    detail
        The temperatures within some cells, which take the place of theirs.
    drift_ppm
        Change of the field, by the magnet or by the breathing chest, ppm: one number, or three
        (at the middle, per metre along axis 0, per metre along axis 1), or six (then per square
        metre along both 0, 0 and 1, both 1).
    motion
        Of the head in the plane; it takes its field with it.
    rng
        Source of the noise.

    Returns
    -------
    NDArray
        Shape (nx, ny), with several coils (coils, nx, ny), complex64.

    Raises
    ------
    SettingsError, ImageError, GeometryError
        When protocol, anatomy and temperature do not fit together, or something is NaN.
    """
    anatomy.geometry.require(protocol)
    kelvin = _cells_of(anatomy, temperature_change_k)
    hz = _frequency(anatomy, protocol, drift_ppm)
    kelvin, detail = _with_detail(kelvin, detail)
    image = _moved(_displaced(anatomy, protocol, hz, (kelvin, detail)), protocol, motion)
    bath = _bath(anatomy, protocol, motion, rng)
    if protocol.coils == 1:
        image = image * np.exp(1j * anatomy.receive_phase) + bath
    else:
        image = coil_sensitivities(protocol) * (image + bath)
    noise = rng.standard_normal((2, *image.shape)) / protocol.snr
    result: NDArray[np.complex64] = (image + noise[0] + 1j * noise[1]).astype(np.complex64)
    return result


def acquire_kspace(
    anatomy: SliceAnatomy,
    protocol: Protocol,
    temperature_change_k: ArrayLike,
    *,
    drift_ppm: ArrayLike = 0.0,
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Take the raw data of one image: what ``coils.image_of`` makes it of.

    Parameters are those of ``acquire``; the result has its shape, the centre of k-space at
    (nx // 2, ny // 2).
    """
    image = acquire(anatomy, protocol, temperature_change_k, drift_ppm=drift_ppm, rng=rng)
    axes = (-2, -1)
    spectrum = np.fft.fft2(np.fft.ifftshift(image, axes=axes), norm="ortho")
    return np.fft.fftshift(spectrum, axes=axes).astype(np.complex64)


@lru_cache(maxsize=8)
def coil_sensitivities(protocol: Protocol) -> NDArray[np.complex64]:
    """Return the sensitivities of loops round the head, (coils, nx, ny), complex64.

    The field of a small loop on a circle of 0.8 views about the middle falls off as
    (1 + (r/a)²)^(−3/2) with a of 0.45 views (a loop's axis, Haacke et al., Magnetic Resonance
    Imaging, 2nd ed., eq. 27.9), its phase turns with the direction to the loop and begins where
    the receiver's happens to. Together they
    have sensitivity 1 on average, so that the SNR of the combined coils is the protocol's.
    """
    u, v = np.meshgrid(*(np.linspace(-0.5, 0.5, n) for n in protocol.matrix), indexing="ij")
    loops = []
    for number, angle in enumerate(tau * np.arange(protocol.coils) / protocol.coils):
        x, y = u - 0.8 * np.cos(angle), v - 0.8 * np.sin(angle)
        strength = (1 + (x * x + y * y) / 0.45**2) ** -1.5
        # Measured from the way inwards, the direction to a place in view never jumps.
        inwards, aside = (
            -x * np.cos(angle) - y * np.sin(angle),
            x * np.sin(angle) - y * np.cos(angle),
        )
        loops.append(
            strength * np.exp(1j * (2.4 * number**2 + 1.5 * np.arctan2(aside, inwards)))
        )
    maps = np.stack(loops)
    maps /= np.sqrt((np.abs(maps) ** 2).sum(axis=0)).mean()
    return frozen(maps, np.complex64)


def _cells_of(anatomy: SliceAnatomy, temperature_change_k: ArrayLike) -> NDArray[np.float32]:
    """Return the temperature change of each cell, shape (n nx, n ny, through)."""
    kelvin = np.asarray(temperature_change_k, dtype=np.float32)
    nx, ny = anatomy.geometry.shape
    n = anatomy.subsamples
    kelvin = kelvin[..., None] if kelvin.ndim == 2 else kelvin
    m = kelvin.shape[0] // nx if kelvin.ndim == 3 else 0
    if m < 1 or n % m or kelvin.shape[:2] != (m * nx, m * ny):
        raise ImageError(
            f"A temperature of shape {np.shape(temperature_change_k)} does not fit a slice of "
            f"({nx}, {ny}) voxels with {n} cells each way; give it at 1 to {n} points per voxel, "
            f"a divisor of {n}."
        )
    if not np.isfinite(kelvin).all():
        raise ImageError("The temperature of a virtual scan holds NaN or infinity.")
    return np.ascontiguousarray(kelvin.repeat(n // m, axis=0).repeat(n // m, axis=1))


def _with_detail(
    kelvin: NDArray[np.float32], detail: Detail
) -> tuple[NDArray[np.float32], Detail]:
    """Return the mean of each cell, shape (n nx, n ny), and what is known within cells."""
    if kelvin.shape[2] > 1:
        detail = Detail((0, 0), kelvin[:, :, None, None])
    means = kelvin.mean(axis=2)
    (i, j), (a, b) = detail.corner, detail.kelvin.shape[:2]
    if min(i, j) < 0 or i + a > means.shape[0] or j + b > means.shape[1]:
        raise ImageError(
            f"Temperatures within {a} × {b} cells from ({i}, {j}) on do not fit a slice of "
            f"{means.shape[0]} × {means.shape[1]} cells."
        )
    means[i : i + a, j : j + b] = detail.means
    return np.ascontiguousarray(means), detail


def _frequency(
    anatomy: SliceAnatomy, protocol: Protocol, drift_ppm: ArrayLike
) -> NDArray[np.float32]:
    """Return the offset of each cell without heat, Hz: the first part of equation (1)."""
    drift = np.atleast_1d(np.asarray(drift_ppm, dtype=np.float64))
    if drift.shape not in {(1,), (3,), (6,)} or not np.isfinite(drift).all():
        raise SettingsError(
            "The drift must be one finite number, three (ppm, ppm/m, ppm/m) or six (then ppm/m²), "
            f"not {drift.tolist()}."
        )
    ppm = anatomy.off_resonance_ppm + np.float32(drift[0])
    x, y = np.meshgrid(
        *(
            np.linspace(-0.5, 0.5, count) * count * protocol.pixel_m / anatomy.subsamples
            for count in ppm.shape
        ),
        indexing="ij",
    )
    for amount, shape in zip(drift[1:], (x, y, x * x, x * y, y * y), strict=False):
        ppm = ppm + amount * shape
    return (ppm * (protocol.larmor_hz * 1e-6)).astype(np.float32)


def _magnitude(anatomy: SliceAnatomy, protocol: Protocol) -> NDArray[np.float32]:
    """Return the magnitude of each cell; a linear gradient through the slice dephases it."""
    reference = gradient_echo_signal(Tissue.BRAIN, protocol)
    scalp = gradient_echo_signal(Tissue.SCALP, protocol) / reference
    # Turns of phase from face to face; sin(πx)/(πx) is the mean phasor over the thickness.
    turns = (
        anatomy.through_gradient_ppm_per_m
        * (protocol.larmor_hz * 1e-6 * protocol.slice_thickness_m * protocol.echo_time_s)
    )  # fmt: skip
    tissue = anatomy.brain * anatomy.texture + np.float32(scalp) * anatomy.scalp
    magnitude: NDArray[np.float32] = (tissue * np.abs(np.sinc(turns))).astype(np.float32)
    return magnitude


def _displaced(
    anatomy: SliceAnatomy,
    protocol: Protocol,
    hz: NDArray[np.float32],
    heat: tuple[NDArray[np.float32], Detail],
) -> ComplexArray:
    kelvin, detail = heat
    magnitude = _magnitude(anatomy, protocol)
    image = np.zeros(anatomy.geometry.shape, np.complex128)
    if protocol.readout_axis == 0:
        image = np.ascontiguousarray(image.T)
        magnitude, hz, kelvin = (np.ascontiguousarray(a.T) for a in (magnitude, hz, kelvin))
    constants = (protocol.radians_per_hz, protocol.hz_per_k, protocol.pixels_per_hz)
    scan_cells(image, magnitude, hz, (kelvin, *detail.along(protocol.readout_axis)), constants)
    return image.T.copy() if protocol.readout_axis == 0 else image


def _moved(image: ComplexArray, protocol: Protocol, motion: HeadMotion) -> ComplexArray:
    """Turn an image by three shears and shift it, each by the Fourier shift theorem.

    R(θ) = shear(−tan θ/2) shear(sin θ) shear(−tan θ/2) (Unser et al., IEEE Trans. Image Process.
    4:1371, 1995).
    """
    if motion.rotation_rad:
        along, across = -tan(motion.rotation_rad / 2), sin(motion.rotation_rad)
        for axis, slope in ((0, along), (1, across), (0, along)):
            other = np.arange(image.shape[1 - axis]) - (image.shape[1 - axis] - 1) / 2
            image = _sheared(image, axis, slope * other)
    for axis, distance in enumerate(motion.shift_m):
        if distance:
            each = np.full(image.shape[1 - axis], distance / protocol.pixel_m)
            image = _sheared(image, axis, each)
    return image


def _sheared(image: ComplexArray, axis: int, shift: NDArray[np.float64]) -> ComplexArray:
    """Shift each line along ``axis`` by its own number of voxels."""
    turns = np.fft.fftfreq(image.shape[axis])
    ramp = np.exp(-1j * tau * (turns[:, None] * shift if axis == 0 else shift[:, None] * turns))
    sheared: ComplexArray = np.fft.ifft(np.fft.fft(image, axis=axis) * ramp, axis=axis)
    return sheared


def _bath(
    anatomy: SliceAnatomy,
    protocol: Protocol,
    motion: HeadMotion,
    rng: np.random.Generator,
) -> ComplexArray:
    """Return the water bath: a magnitude with a smooth phase that is new in each frame.

    Water fills the place that the head has left.
    """
    reference = gradient_echo_signal(Tissue.BRAIN, protocol)
    magnitude = gradient_echo_signal(Tissue.WATER, protocol) / reference
    nx, ny = anatomy.geometry.shape
    constant, along, across = rng.uniform(-np.pi, np.pi, 3)
    phase = (
        constant
        + 3 * along * np.linspace(-1, 1, nx)[:, None]
        + 3 * across * np.linspace(-1, 1, ny)[None, :]
    )
    share = _moved(anatomy.voxel_mean(anatomy.water).astype(np.complex128), protocol, motion)
    bath: ComplexArray = magnitude * share.real * np.exp(1j * phase)
    return bath
