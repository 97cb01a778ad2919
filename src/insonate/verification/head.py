"""Checks of the head: mappings, segmentation, left and right, landmarks, targets.

Each check is a function that takes its subject, so that a wrong one can be planted.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from insonate.core import Frame, Tissue, Transform, Volume
from insonate.core.frames import affine_from
from insonate.head import (
    HeadModel,
    Landmarks,
    PhantomOptions,
    acpc_to_ct,
    build_head,
    landmarks_from,
    phantom_ct,
    segment,
)
from insonate.head.mappings import MAPPINGS, CtMapping, mcdannold_speed_and_attenuation
from insonate.head.phantom import Feature, phantom_labels, phantom_landmarks
from insonate.plan import TARGET_NAMES, Target, named_target
from insonate.verification.check import Check, at_least, at_most

AREA = "head"
_MCDANNOLD = (
    "McDannold et al., Phys. Rev. Res. 1:033205 (2019), values of the printed polynomials"
)
_ELLIPSOIDS = "analytic labels of the ellipsoid-shell phantom at the voxel centres"

MCDANNOLD_VALUES = ((1500.0, 2158.0, 260.0), (2000.0, 2860.0, 166.0), (2400.0, 3367.0, 186.0))
"""Density (kg/m³), sound speed (m/s), attenuation at 660 kHz (Np/m), rounded to integers."""

SpeedAndAttenuation = Callable[[ArrayLike], tuple[Any, Any]]
Segmenter = Callable[[Volume], NDArray[np.int8]]
Builder = Callable[[Volume, Landmarks], HeadModel]
Framer = Callable[[Landmarks], Transform]
Targeter = Callable[[str, Landmarks], Target]


def checks() -> Iterator[Check]:
    """Yield every check of the head."""
    yield from mcdannold_checks()
    yield from mapping_end_checks()
    yield from segmentation_checks()
    yield left_right_check()
    yield from landmark_checks()
    yield from target_checks()


def mcdannold_checks(
    subject: SpeedAndAttenuation = mcdannold_speed_and_attenuation,
) -> Iterator[Check]:
    """Compare the default mapping with its published check values (printed without decimals)."""
    for density, speed, attenuation in MCDANNOLD_VALUES:
        c, alpha = subject(density)
        at = f"mcdannold2019 at {density:g} kg/m³"
        yield at_most(AREA, f"{at}: sound speed", abs(c - speed), 0.5, "m/s", _MCDANNOLD)
        yield at_most(
            AREA, f"{at}: attenuation", abs(alpha - attenuation), 0.5, "Np/m", _MCDANNOLD
        )


_ENDS = (
    ("aubry2003", 2000.0, (2200.0, 3100.0, 0.2 * 11.5129254649702)),
    ("aubry2003", 0.0, (1000.0, 1500.0, 8.0 * 11.5129254649702)),
    ("marsac2017", 2000.0, (2700.0, 3000.0, 0.2 * 11.5129254649702)),
    ("marsac2017", 0.0, (1000.0, 1500.0, 8.0 * 11.5129254649702)),
    ("webb2018", 1000.0, (2026.04, 2070.0, 2600.0 * 0.2018965179946554)),
    ("kplan", 1000.0, (1530.0, 1.33 * 1530 + 167, 13.3 * 11.5129254649702)),
    ("kplan", 1950.0, (2150.0, 1.33 * 2150 + 167, 13.3 * 11.5129254649702)),
)
"""Mapping, HU, then density, speed and attenuation at 1 MHz; 1 dB/cm = 11.5129... Np/m."""


def mapping_end_checks(mappings: dict[str, CtMapping] = MAPPINGS) -> Iterator[Check]:
    """Compare the other mappings with what their formulas give by hand at 1 MHz, HUmax 2000."""
    for name, hounsfield, wanted in _ENDS:
        mapping = mappings[name]
        found = mapping.acoustics([hounsfield], frequency_hz=1e6, hounsfield_max=2000.0)
        error = max(abs(f[0] / w - 1) for f, w in zip(found, wanted, strict=True))
        what = f"{name} at {hounsfield:g} HU: largest relative error of ρ, c, α"
        yield at_most(AREA, what, error, 1e-9, "1", mapping.source)


def dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Return Dice's overlap 2|A∩B| / (|A|+|B|); NaN when both are empty."""
    total = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / total if total else float("nan")


def segmentation_checks(
    subject: Segmenter = segment, *, spacing_m: float = 1e-3
) -> Iterator[Check]:
    """Compare the segmentation of a phantom with gap, air cell and knob with its true labels."""
    options = PhantomOptions(spacing_m=spacing_m, features=frozenset(Feature))
    labels, true = subject(phantom_ct(options)), phantom_labels(options)
    for tissue in (Tissue.SKULL, Tissue.BRAIN, Tissue.SCALP):
        overlap = dice(labels == tissue, true == tissue)
        what = f"segmentation of the phantom: Dice of {tissue.name.lower()}"
        yield at_least(AREA, what, overlap, 0.97, "1", _ELLIPSOIDS)
    parts = ndimage.label(labels == Tissue.BRAIN)[1]
    yield at_most(AREA, "connected parts of the brain", parts, 1, "1", "one brain in one head")
    brain_m3 = spacing_m**3 * np.array([(m == Tissue.BRAIN).sum() for m in (labels, true)])
    error = abs(brain_m3[0] / brain_m3[1] - 1)
    yield at_most(AREA, "relative error of the brain's volume", error, 0.02, "1", _ELLIPSOIDS)


def left_right_check(subject: Builder = build_head, *, spacing_m: float = 2e-3) -> Check:
    """Find the bony knob of the right side in the head model, in the AC-PC frame.

    The knob is what a head with the knob has of bone and a head without has not; its centroid is
    compared with that of the analytic labels. A mirrored model is wrong by 140 mm.
    """
    plain = PhantomOptions(spacing_m=spacing_m)
    marked = PhantomOptions(spacing_m=spacing_m, features=frozenset({Feature.RIGHT_MARKER}))
    models = [subject(phantom_ct(o), phantom_landmarks(o)) for o in (plain, marked)]
    found = _knob_m(models[0].labels, models[1].labels, models[1])
    true = _knob_m(phantom_labels(plain), phantom_labels(marked), models[1])
    error = float(np.linalg.norm(found - true)) if true[0] > 0.05 else float("nan")
    what = "left-right marker through build_head into the AC-PC frame: error of its centroid"
    return at_most(AREA, what, error, 1e-3, "m", _ELLIPSOIDS)


def _knob_m(
    plain: NDArray[np.int8], marked: NDArray[np.int8], head: HeadModel
) -> NDArray[np.float64]:
    """Return the centroid of the largest part of new bone, AC-PC frame, m."""
    new = (marked == Tissue.SKULL) & (plain != Tissue.SKULL)
    parts, _ = ndimage.label(new)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    index = np.argwhere(parts == sizes.argmax()).mean(axis=0)
    ct_to_acpc = acpc_to_ct(head.landmarks).inverse()
    return ct_to_acpc.apply(head.grid.points_of(index))


def landmark_checks(subject: Framer = acpc_to_ct) -> Iterator[Check]:
    """Recover known rotations and offsets from landmarks made with them."""
    reference = "the rotation and offset that the landmarks were made with (40 random heads)"
    generator = np.random.default_rng(20251)
    worst = max(_frame_error(subject, generator) for _ in range(40))
    yield at_most(
        AREA, "AC-PC transform: largest entry of its error", worst, 1e-12, "m", reference
    )
    worst = max(_mapped_error_m(generator) for _ in range(40))
    yield at_most(
        AREA, "landmarks through an affine: largest error", worst, 1e-12, "m", reference
    )


def _pose(generator: np.random.Generator) -> NDArray[np.float64]:
    angles = generator.uniform(-25, 25, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return affine_from(rotation, generator.uniform(-0.05, 0.05, 3))


def _frame_error(subject: Framer, generator: np.random.Generator) -> float:
    pose = Transform(Frame.ACPC, Frame.CT, _pose(generator))
    anterior = generator.uniform(0.020, 0.030)
    landmarks = Landmarks(
        pose.apply([0, anterior, 0]),
        pose.apply([0, 0, 0]),
        pose.rotate([0, generator.uniform(-0.3, 0.3), 1.0]),  # superior needs not be square
        0.001,
        "made for a check",
    )
    return float(np.abs(subject(landmarks).matrix - pose.matrix).max())


def _mapped_error_m(generator: np.random.Generator) -> float:
    """Return the error of a midsagittal point's lateral offset after mapping by an affine."""
    stretch = np.diag(generator.uniform(0.9, 1.1, 3))
    atlas_to_ct = Transform(
        Frame.ATLAS, Frame.CT, _pose(generator) @ affine_from(stretch, [0, 0, 0])
    )
    ac, pc, up = (
        np.array([0, 0.002, -0.004]),
        np.array([0, -0.024, -0.002]),
        np.array([0, 0, 1.0]),
    )
    mapped = landmarks_from(atlas_to_ct, ac, pc, up, 0.0)
    midsagittal = atlas_to_ct.apply(generator.uniform(-0.05, 0.05, (20, 3)) * [0, 1, 1])
    off_plane = acpc_to_ct(mapped).inverse().apply(midsagittal)[:, 0]
    ends = np.abs(mapped.posterior_commissure - atlas_to_ct.apply(pc)).max()
    return float(max(np.abs(off_plane).max(), ends))


_TARGETS_MM = {
    "cl-left": (-9.0, -2.0, 0.0),
    "cl-right": (9.0, -2.0, 0.0),
    "vim-left": (-14.9, 6.4, 0.6),
    "vim-right": (14.9, 6.4, 0.6),
}
"""In the AC-PC frame: x right of the midline, y anterior to PC, z above the plane."""


def target_checks(subject: Targeter = named_target) -> Iterator[Check]:
    """Compare every named target, mapped back to AC-PC, with its published offsets."""
    pose = Transform(Frame.ACPC, Frame.CT, _pose(np.random.default_rng(7)))
    ac, pc = pose.apply([0, 0.025, 0]), pose.apply([0, 0, 0])
    landmarks = Landmarks(ac, pc, pose.rotate([0, 0, 1]), 0.0, "made for a check")
    reference = "VIM: Páez-Nova et al. 2022; CL: surgical convention with a border at 3 mm"
    for name in TARGET_NAMES:
        back_mm = pose.inverse().apply(subject(name, landmarks).point) * 1e3
        error_mm = float(np.abs(back_mm - _TARGETS_MM[name]).max())
        yield at_most(AREA, f"target {name} in AC-PC", error_mm, 1e-9, "mm", reference)
