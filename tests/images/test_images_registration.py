"""A known map between two pictures of one head is found again; a wrong one is told apart."""

import numpy as np
import pytest
from image_phantoms import head_ct
from scipy.spatial.transform import Rotation

from insonate.core import (
    Frame,
    GeometryError,
    Grid,
    ImageError,
    SettingsError,
    Transform,
    Volume,
)
from insonate.core.frames import affine_from
from insonate.images import load_atlas, register, resample_to
from insonate.images.registration import RegistrationOptions

FAST = RegistrationOptions(spacing_m=5e-3, coarse_spacing_m=8e-3, tilts_deg=(0.0,))
POINTS = (
    np.array(
        [(0, 4, -4), (0, -24, -2), (14, -14, 0), (-14, -14, 0), (20, 20, 30), (-30, 0, 20)]
    )
    * 1e-3
)


def known(scale=(1.06, 0.95, 1.03)) -> Transform:
    linear = Rotation.from_euler("xyz", (6, -4, 5), degrees=True).as_matrix() @ np.diag(scale)
    return Transform(Frame.ATLAS, Frame.MR, affine_from(linear, (0.008, -0.012, 0.006)))


def other_contrast(truth: Transform) -> Volume:
    """The atlas through ``truth`` on a 4 mm grid, dark where it was bright."""
    grid = Grid.centred((0.0, -0.02, 0.03), 4e-3, (56, 66, 50), Frame.MR)
    seen = resample_to(load_atlas(), grid, truth).array
    return Volume(np.where(seen > 15, 320 - seen, 0).astype(np.float32), grid, "1")


def error_m(found: Transform, truth: Transform) -> float:
    """Largest distance between where two maps put points of the deep brain, m."""
    return float(np.linalg.norm(found.apply(POINTS) - truth.apply(POINTS), axis=1).max())


def test_a_known_affine_map_is_found_within_1_5_mm():
    found = register(other_contrast(known()), load_atlas(), kind="affine", options=FAST)
    assert error_m(found.transform, known()) < 1.5e-3
    assert (found.transform.source, found.transform.target) == (Frame.ATLAS, Frame.MR)
    assert found.transform.error_m == found.error_m >= 1e-3
    assert found.overlap > 0.93
    assert len(found.notes) == 1


def test_a_known_rigid_map_is_found_and_stays_rigid():
    truth = known((1, 1, 1))
    found = register(other_contrast(truth), load_atlas(), kind="rigid", options=FAST)
    assert error_m(found.transform, truth) < 1.5e-3
    linear = found.transform.matrix[:3, :3]
    assert np.allclose(linear.T @ linear, np.eye(3), atol=1e-9)
    assert np.linalg.det(linear) == pytest.approx(1.0)


def test_the_check_rejects_a_mirrored_head():
    """Registered to its mirror image, points of the right land on the left."""
    seen = other_contrast(known())
    mirrored = Volume(seen.array[::-1].copy(), seen.grid, "1")
    found = register(mirrored, load_atlas(), kind="affine", options=FAST)
    assert error_m(found.transform, known()) > 5e-3


def test_the_same_images_give_the_same_map_to_the_last_bit():
    quick = RegistrationOptions(
        spacing_m=6e-3, coarse_spacing_m=8e-3, tilts_deg=(0.0,), iterations=15
    )
    seen = other_contrast(known())
    first, second = (register(seen, load_atlas(), options=quick) for _ in range(2))
    assert np.array_equal(first.transform.matrix, second.transform.matrix)


def test_a_poor_fit_is_told():
    """A head that is half missing cannot be overlapped; the notes say so."""
    seen = other_contrast(known())
    array = np.array(seen.array)
    array[:24] = 0
    quick = RegistrationOptions(
        spacing_m=6e-3, coarse_spacing_m=8e-3, tilts_deg=(0.0,), iterations=15
    )
    found = register(Volume(array, seen.grid, "1"), load_atlas(), kind="rigid", options=quick)
    assert any("poor" in note for note in found.notes)


def test_an_image_without_a_head_is_refused():
    head = head_ct()
    empty = Volume(np.full(head.grid.shape, -1000.0), head.grid, "HU")
    with pytest.raises(ImageError, match="litres of head"):
        register(empty, load_atlas(), options=FAST)
    nothing = Volume(
        np.zeros(head.grid.shape), Grid(head.grid.shape, head.grid.affine, Frame.MR), "1"
    )
    with pytest.raises(ImageError, match="litres of head"):
        register(head, nothing, options=FAST)


def test_wrong_settings_are_refused():
    for wrong in ({"spacing_m": 0.0}, {"bins": 3}, {"depth_m": 0.01}, {"tilts_deg": ()}):
        with pytest.raises(SettingsError):
            RegistrationOptions(**wrong)
    with pytest.raises(SettingsError, match="'rigid' or 'affine'"):
        register(head_ct(), load_atlas(), kind="elastic")
    oblique = affine_from([[0.004, 0.001, 0], [0, 0.004, 0], [0, 0, 0.004]], np.zeros(3))
    volume = Volume(np.zeros((20, 20, 20)), Grid((20, 20, 20), oblique, Frame.CT), "HU")
    with pytest.raises(GeometryError, match="axis-aligned"):
        register(volume, load_atlas())
