"""The header of a thermometry series: without it a phase is not a temperature.

Sign conventions, carried by every function of this package:

- the temperature coefficient α (ppm/K) is signed: water protons resonate *lower* when warm;
- ``phase_sign`` s is the sign of d(phase)/d(frequency offset): the signal is M exp(i s 2π Δf TE);
- ``readout_polarity`` says towards which end of the readout axis a spin with a positive frequency
  offset is displaced in the image.

So a change of temperature ΔT turns the phase by s 2π γ α B₀ TE ΔT (Ishihara et al., Magn. Reson.
Med. 34:814, 1995; Rieke & Butts Pauly, J. Magn. Reson. Imaging 27:376, 2008, eq. 3).
"""

from dataclasses import dataclass, replace
from math import isfinite, pi, sqrt, tau

from insonate.core import SettingsError
from insonate.core.units import PROTON_GYROMAGNETIC_RATIO_HZ_PER_T

_RANGES: dict[str, tuple[float, float, str]] = {
    "field_strength_t": (0.2, 11.7, "T"),
    "echo_time_s": (1e-3, 0.1, "s"),
    "prf_ppm_per_k": (-0.02, -0.004, "ppm/K; the coefficient is negative"),
    "repetition_time_s": (1e-3, 10.0, "s"),
    "frame_time_s": (1e-3, 120.0, "s"),
    "flip_rad": (0.01, pi / 2, "rad"),
    "pixel_m": (0.2e-3, 10e-3, "m"),
    "slice_thickness_m": (0.5e-3, 20e-3, "m"),
    "bandwidth_hz_per_pixel": (5.0, 5000.0, "Hz per pixel"),
    "coils": (1, 128, "receive channels"),
    "snr": (1.0, 10000.0, "1"),
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One two-dimensional gradient-echo series. Nothing has a default.

    Parameters
    ----------
    name
        What the protocol is called in a report.
    source
        Where its numbers come from.
    field_strength_t
        B₀, T.
    echo_time_s
        TE, s.
    prf_ppm_per_k
        Temperature coefficient α of the proton resonance, ppm/K, negative.
    phase_sign
        +1 or -1: the sign of d(phase)/d(frequency offset) in the images.
    repetition_time_s
        TR, s.
    frame_time_s
        From one image to the next, s.
    flip_rad
        Flip angle, rad.
    pixel_m
        Side of the square pixels, m.
    slice_thickness_m
        m.
    matrix
        Voxels along the two axes of the image (nx, ny).
    readout_axis
        0 or 1: the axis of the image along which frequency encodes position.
    readout_polarity
        +1 or -1: a positive frequency offset displaces towards the end or the start of that axis.
    bandwidth_hz_per_pixel
        Hz per pixel along the readout.
    coils
        Receive channels; the images of several have shape (coils, nx, ny).
    snr
        Magnitude of unheated reference tissue over the standard deviation of the noise in one
        of the two channels (real, imaginary), of the combined coils.

    Raises
    ------
    SettingsError
        When a value is outside its range, or two of them contradict each other; all faults in
        one message.
    """

    name: str
    source: str
    field_strength_t: float
    echo_time_s: float
    prf_ppm_per_k: float
    phase_sign: int
    repetition_time_s: float
    frame_time_s: float
    flip_rad: float
    pixel_m: float
    slice_thickness_m: float
    matrix: tuple[int, int]
    readout_axis: int
    readout_polarity: int
    bandwidth_hz_per_pixel: float
    coils: int
    snr: float

    def __post_init__(self) -> None:
        faults = [*self._range_faults(), *self._choice_faults()]
        if faults:
            raise SettingsError(" ".join(faults))
        faults = self._contradictions()
        if faults:
            raise SettingsError(" ".join(faults))

    def _range_faults(self) -> list[str]:
        return [
            f"The protocol's {name} is {value}; it must lie between {low:g} and {high:g} {unit}."
            for name, (low, high, unit) in _RANGES.items()
            if not (isfinite(value := getattr(self, name)) and low <= value <= high)
        ]

    def _choice_faults(self) -> list[str]:
        choices = {
            "phase_sign": (-1, 1),
            "readout_polarity": (-1, 1),
            "readout_axis": (0, 1),
        }
        faults = [
            f"The protocol's {name} is {getattr(self, name)}; it must be {a} or {b}."
            for name, (a, b) in choices.items()
            if getattr(self, name) not in (a, b)
        ]
        if len(self.matrix) != 2 or not all(8 <= n <= 4096 for n in self.matrix):
            faults.append(
                f"The protocol's matrix is {self.matrix}; it must be two numbers of voxels "
                "between 8 and 4096."
            )
        return faults

    def _contradictions(self) -> list[str]:
        faults = []
        readout_s = 1.0 / self.bandwidth_hz_per_pixel
        if self.repetition_time_s < self.echo_time_s:
            faults.append(
                f"The repetition time {self.repetition_time_s:g} s is shorter than the echo "
                f"time {self.echo_time_s:g} s; the header contradicts itself."
            )
        elif self.repetition_time_s < self.echo_time_s + readout_s / 2:
            faults.append(
                f"A readout at {self.bandwidth_hz_per_pixel:g} Hz per pixel lasts "
                f"{readout_s:.4g} s and cannot end before the repetition time of "
                f"{self.repetition_time_s:g} s with an echo at {self.echo_time_s:g} s; give the "
                "bandwidth per pixel, not that of the whole field of view."
            )
        if self.frame_time_s < self.repetition_time_s:
            faults.append(
                f"The frame time {self.frame_time_s:g} s is shorter than the repetition time "
                f"{self.repetition_time_s:g} s; the header contradicts itself."
            )
        return faults

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image: (nx, ny), with several coils (coils, nx, ny)."""
        return self.matrix if self.coils == 1 else (self.coils, *self.matrix)

    @property
    def larmor_hz(self) -> float:
        """Resonance frequency γ B₀, Hz."""
        return PROTON_GYROMAGNETIC_RATIO_HZ_PER_T * self.field_strength_t

    @property
    def hz_per_k(self) -> float:
        """Change of resonance frequency per kelvin, γ α B₀: negative, Hz/K."""
        return self.larmor_hz * self.prf_ppm_per_k * 1e-6

    @property
    def radians_per_hz(self) -> float:
        """Change of phase per hertz of frequency offset, s 2π TE."""
        return self.phase_sign * tau * self.echo_time_s

    @property
    def kelvin_per_radian(self) -> float:
        """Signed temperature change per radian of phase change, 1 / (s 2π γ α B₀ TE)."""
        return 1.0 / (self.radians_per_hz * self.hz_per_k)

    @property
    def wrap_k(self) -> float:
        """Temperature change of a whole turn of the phase; ±half of it is unambiguous, K."""
        return tau * abs(self.kelvin_per_radian)

    @property
    def pixels_per_hz(self) -> float:
        """Signed displacement along the readout axis per hertz of off-resonance, pixels."""
        return self.readout_polarity / self.bandwidth_hz_per_pixel

    def sigma_k(self, references: int, snr: float | None = None) -> float:
        """Return √(1 + 1/N) |K per rad| / SNR: the standard deviation of ΔT, K.

        For N averaged references of the same SNR as the image (Gudbjartsson & Patz, Magn. Reson.
        Med. 34:910, 1995: the phase is normal with 1/SNR above SNR 3).
        """
        if references < 1:
            raise SettingsError(f"At least 1 reference image is needed, not {references}.")
        ratio = self.snr if snr is None else snr
        return sqrt(1.0 + 1.0 / references) * abs(self.kelvin_per_radian) / ratio


CLINICAL_3T = Protocol(
    name="clinical 3 T",
    source="Single-slice spoiled gradient echo of clinical transcranial series: body coil, 40-50 Hz "
    "per pixel, 3.4-6 s a frame, 3 mm slice, about 1.1 mm pixels, vendor coefficient -0.00909 "
    "ppm/K (Huang et al., J. Ther. Ultrasound 2018; Rieke et al. 2013); TR and flip angle are "
    "settings that fit 3.4 s a frame; signs are those of the virtual scanner; SNR of one body "
    "coil is a setting",
    field_strength_t=3.0,
    echo_time_s=12.7e-3,
    prf_ppm_per_k=-0.00909,
    phase_sign=1,
    repetition_time_s=27.0e-3,
    frame_time_s=3.4,
    flip_rad=pi / 6,
    pixel_m=1.1e-3,
    slice_thickness_m=3.0e-3,
    matrix=(256, 256),
    readout_axis=0,
    readout_polarity=1,
    bandwidth_hz_per_pixel=44.0,
    coils=1,
    snr=40.0,
)
"""The slice of clinical transcranial treatments."""

PRESETS: dict[str, Protocol] = {
    "clinical-3t": CLINICAL_3T,
    "clinical-3t-swapped": replace(
        CLINICAL_3T, name="clinical 3 T, readout along the second axis", readout_axis=1
    ),
}
"""Named protocols; change one with ``dataclasses.replace``."""
