"""Thermometry by itself: anyone's files, or a live stream, to maps and curves on disk."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, SettingsError
from insonate.images.complex_series import ComplexSeries, read_complex_dicom, read_complex_nifti
from insonate.images.parametric import write_parametric_map
from insonate.images.writing import write_frames
from insonate.thermometry import Protocol
from insonate.thermometry.focus import credible_peak
from insonate.thermometry.header import protocol_from
from insonate.thermometry.series import Reading, Series, SeriesOptions, follow

UNITS = {"delta_t": "K", "sigma": "K", "dose": "CEM43"}
COLUMNS = ("slice", "frame", "end_s", "peak_k", "sigma_k", "i", "j", "usable_share", "drift_k",
           "dose_cem43", "shift_voxels", "refused")  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One frame in one line: ``COLUMNS``; a peak is one that noise would not make."""

    slice: int
    frame: int
    end_s: float
    peak_k: float
    sigma_k: float
    i: int
    j: int
    usable_share: float
    drift_k: float
    dose_cem43: float
    shift_voxels: float
    refused: str

    @property
    def sentence(self) -> str:
        """The line that is printed for it."""
        head = f"slice {self.slice} frame {self.frame:4d} {self.end_s:7.1f} s"
        if self.refused:
            return f"{head}  refused: {self.refused}"
        return (
            f"{head}  ΔT {self.peak_k:+6.2f} ± {self.sigma_k:.2f} K at ({self.i}, {self.j})  "
            f"dose {self.dose_cem43:8.3g} CEM43  drift {self.drift_k:+6.2f} K  "
            f"usable {self.usable_share:.0%}"
        )


def line_of(place: int, reading: Reading) -> Line:
    """Return a reading as a line."""
    found = reading.thermogram
    peak = credible_peak(found)
    return Line(
        place, reading.frame, reading.end_s, peak.value, peak.sigma, *peak.index,
        found.usable_share, found.drift_k, float(reading.dose.cem43.max()),
        float(np.hypot(*found.motion.shift)), found.refused,
    )  # fmt: skip


def read_series(files: list[Path], convention: str) -> ComplexSeries:
    """Read what the command was given: a DICOM folder, or magnitude and phase as NIfTI.

    Raises
    ------
    ImageError
        When it is neither.
    """
    missing = [p for p in files if not p.exists()]
    if missing:
        raise ImageError(f"There is no file or folder {missing[0]}.")
    if len(files) == 1 and files[0].is_dir():
        return read_complex_dicom(files[0], convention)
    if len(files) == 2 and all(p.is_file() for p in files):
        return read_complex_nifti(files[0], files[1], convention)
    raise ImageError(
        "Give a folder of DICOM images, or two NIfTI files: the magnitude, then the phase."
    )


def header_from(path: Path | None, preset: str | None, facts: dict[str, float]) -> Protocol:
    """Return the protocol of a JSON file, of a preset, or of both.

    Raises
    ------
    SettingsError
        When there is neither, or the file is no JSON object.
    """
    document: dict[str, Any] = {} if preset is None else {"preset": preset}
    if path is not None:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The header {path} cannot be read as JSON: {error}."
            ) from error
        if not isinstance(read, dict):
            raise SettingsError(f"The header {path} holds no object with named fields.")
        document |= read
    if not document:
        raise SettingsError(
            "A phase without its header is no temperature: give --header FILE or --preset NAME."
        )
    return protocol_from(document, facts)


@dataclass
class Maps:
    """The maps of every slice as they come. It is an object because frames arrive."""

    out: Path
    affine_m: NDArray[np.float64]
    lines: list[Line] = field(default_factory=list)
    frames: dict[int, list[Reading]] = field(default_factory=dict)

    def add(self, place: int, reading: Reading) -> Line:
        """Keep a reading; return its line."""
        line = line_of(place, reading)
        self.lines.append(line)
        self.frames.setdefault(place, []).append(reading)
        return line

    def write(self, protocol: Protocol, sources: tuple[Any, ...] = ()) -> tuple[Path, ...]:
        """Write maps (nx, ny, slices, frames), curves, and of DICOM images parametric maps.

        Raises
        ------
        ImageError
            When nothing was measured, or the folder cannot be written.
        """
        if not self.lines:
            raise ImageError("No frame followed the references; nothing was measured.")
        count = min(len(r) for r in self.frames.values())
        paths = [self._curves()]
        notes = {"protocol": f"{protocol.name}: {protocol.source}"}
        for name, unit in UNITS.items():
            values = np.stack([self._stack(name, n) for n in range(count)], axis=-1)
            path = self.out / f"{name}.nii.gz"
            write_frames(values, self.affine_m, unit, path, notes)
            paths.append(path)
        if sources:
            paths += [
                self._parametric(name, count - 1, sources) for name in ("delta_t", "dose")
            ]
        return tuple(paths)

    def _stack(self, name: str, frame: int) -> NDArray[np.float32]:
        return np.stack(
            [_map(self.frames[p][frame], name) for p in sorted(self.frames)], axis=2
        )

    def _parametric(self, name: str, frame: int, sources: tuple[Any, ...]) -> Path:
        path = self.out / f"{name}.dcm"
        write_parametric_map(self._stack(name, frame).transpose(2, 0, 1), name, sources, path)
        return path

    def _curves(self) -> Path:
        path = self.out / "curves.csv"
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows([getattr(line, c) for c in COLUMNS] for line in self.lines)
        except OSError as error:
            raise ImageError(f"The file {path} cannot be written: {error.strerror}.") from error
        return path


def _map(reading: Reading, name: str) -> NDArray[np.float32]:
    found = reading.thermogram
    maps = {"delta_t": found.delta_t_k, "sigma": found.sigma_k, "dose": reading.dose.cem43}
    return maps[name]


def follow_series(
    series: ComplexSeries, protocol: Protocol, options: SeriesOptions
) -> Iterator[tuple[int, Reading]]:
    """Yield the readings of a series from files, frame by frame, slice by slice.

    Raises
    ------
    ImageError
        When there are not more frames than references, or the images do not fit the protocol.
    """
    frames, slices = series.images.shape[:2]
    if frames <= options.references:
        raise ImageError(
            f"The series has {frames} frames; {options.references} references leave none to "
            "measure."
        )
    state = {place: Series(protocol, options) for place in range(slices)}
    for n in range(frames):
        window = (n * protocol.frame_time_s, (n + 1) * protocol.frame_time_s)
        for place in range(slices):
            state[place], reading = follow(state[place], series.images[n, place], window)
            if reading is not None:
                yield place, reading


def measure_files(
    files: list[Path],
    header: tuple[Path | None, str | None],
    options: SeriesOptions,
    out: Path,
    *,
    convention: str,
    show: Callable[[Line], None],
) -> tuple[Path, ...]:
    """Measure a series from files; show a line for each frame, and write maps and curves.

    Parameters
    ----------
    files
        As ``read_series``.
    header
        A JSON file, a preset, or both.
    options
        How it is followed.
    out
        The folder.
    convention
        How the phase is stored.
    show
        Called with each line as it is measured.

    Returns
    -------
    tuple of Path
        What was written.
    """
    series = read_series(files, convention)
    facts = {**series.facts}
    protocol = header_from(header[0], header[1], facts)
    shape = (series.images.shape[2], series.images.shape[3])
    if header[0] is None and protocol.matrix != shape:
        protocol = replace(protocol, matrix=shape)
    maps = Maps(out, series.affine_m)
    for place, reading in follow_series(series, protocol, options):
        show(maps.add(place, reading))
    return maps.write(protocol, series.sources)
