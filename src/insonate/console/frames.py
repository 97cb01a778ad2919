"""The live slice as bytes: the region round the target alone, nothing that a window can work out.

Layout, little-endian: 4 bytes ``INSF``, uint32 length of a JSON text, the text, padding to 8 bytes,
then float32 rise (K, NaN where masked), uint8 magnitude (0-255), each [i, j] in C order.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.events.documents import TemperatureFrame

MAGIC = b"INSF"
HALF_WIDTH_M = 26e-3
"""The region of interest reaches so far from the target in the plane of the slice."""

Arrays = Mapping[str, tuple[NDArray[Any], str]]


def pack_frame(
    frame: TemperatureFrame, arrays: Arrays, target_m: tuple[float, float, float], wall: float
) -> bytes:
    """Return one frame as bytes.

    Parameters
    ----------
    frame, arrays
        As in the record.
    target_m
        Where the treatment aims, CT frame.
    wall
        When the frame was kept, s since 1970.
    """
    affine = np.array(frame.slice_affine).reshape(4, 4)
    rise, magnitude, mask = (arrays[n][0] for n in ("delta_t", "magnitude", "mask"))
    box, centre = _region(affine, rise.shape, np.array(target_m))
    shown = np.where(mask[box] > 0, rise[box], np.nan).astype("<f4")
    top = float(np.percentile(magnitude, 99.5)) or 1.0
    grey = np.clip(255.0 * magnitude[box] / top, 0, 255).astype(np.uint8)
    about = {
        "sonication": frame.sonication,
        "frame": frame.frame,
        "time_s": frame.end_s,
        "wall": wall,
        "orientation": frame.orientation,
        "shape": shown.shape,
        "spacing_mm": [1e3 * float(np.linalg.norm(affine[:3, a])) for a in (0, 1)],
        "target": [centre[0] - box[0].start, centre[1] - box[1].start],
        "focus": _focus(frame, affine, centre, box),
        "baseline_degc": frame.baseline_degc,
        "peak_degc": frame.peak_degc,
        "sigma_k": frame.sigma_k,
        "directions": [_direction(affine[:3, 0]), _direction(affine[:3, 1])],
    }
    text = json.dumps(about, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(len(text) + 8) % 8)
    return MAGIC + struct.pack("<I", len(text)) + text + shown.tobytes() + grey.tobytes()


def _region(
    affine: NDArray[np.float64], shape: tuple[int, ...], target: NDArray[np.float64]
) -> tuple[tuple[slice, slice], NDArray[np.floating[Any]]]:
    """Return the voxels round the target, and the target's own index."""
    index = np.linalg.solve(affine[:3, :3], target - affine[:3, 3])[:2]
    reach = [HALF_WIDTH_M / float(np.linalg.norm(affine[:3, a])) for a in (0, 1)]
    low = [max(0, int(np.floor(i - r))) for i, r in zip(index, reach, strict=True)]
    high = [
        min(n, int(np.ceil(i + r)) + 1) for i, r, n in zip(index, reach, shape, strict=True)
    ]
    return (slice(low[0], high[0]), slice(low[1], high[1])), index


def _focus(
    frame: TemperatureFrame,
    affine: NDArray[np.float64],
    centre: NDArray[np.floating[Any]],
    box: tuple[slice, slice],
) -> list[float] | None:
    """Return where the focus was seen, as an index into the region; None where it was not."""
    if frame.focus_offset_m is None:
        return None
    moved = np.linalg.solve(affine[:3, :3], np.array(frame.focus_offset_m))[:2]
    i, j = centre + moved
    return [float(i - box[0].start), float(j - box[1].start)]


def _direction(axis: NDArray[np.float64]) -> str:
    """Return towards which side of the body an axis runs: R, L, A, P, S or I."""
    along = int(np.abs(axis).argmax())
    return ("RAS" if axis[along] > 0 else "LPI")[along]
