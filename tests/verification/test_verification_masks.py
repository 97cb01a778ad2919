"""ITRUSST 7 and 8: masks read as they are, a focus between grid points, a row that fails without them."""

import numpy as np
import pytest

from insonate.core import Frame, Grid, InputError
from insonate.field import Convergence, PressureField
from insonate.verification import itrusst_masks


@pytest.fixture
def masks(tmp_path, monkeypatch):
    """Write a small mask: bone between 4 and 7 mm, brain behind."""
    shape = (40, 12, 12)
    x = np.arange(40) * 0.5
    skull = np.broadcast_to(((x >= 4) & (x < 7))[:, None, None], shape)
    brain = np.broadcast_to((x >= 7)[:, None, None], shape)
    np.savez(
        tmp_path / "itrusst_skull_bm7.npz",
        skull=np.packbits(skull),
        brain=np.packbits(brain),
        shape=np.array(shape),
        x_mm=x,
        y_mm=np.arange(12) * 0.5 - 3,
        z_mm=np.arange(12) * 0.5 - 3,
    )
    monkeypatch.setenv("INSONATE_ITRUSST_MASKS", str(tmp_path))
    return tmp_path


def test_a_mask_is_where_it_was_and_goes_on_at_its_edges(masks):
    labels, voxels = itrusst_masks.labels(7)
    at = tuple(np.round(voxels.indices_of((5e-3, 0.0, 0.0))).astype(int))
    assert labels[at] == 1
    assert (labels[at[0], :, :] == 1).all()
    assert labels[-1, 0, 0] == 2
    assert labels[0, 0, 0] == 0


def test_the_focus_is_looked_for_in_the_brain_behind_the_bone(masks):
    made, region = itrusst_masks.medium(7, 0.5e-3)
    x = made.grid.points()[region][:, 0]
    assert x.min() == pytest.approx(12e-3, abs=0.6e-3)
    heavy = made.root_density.astype(float) ** 2
    assert heavy.max() > 1800


def test_a_focus_between_grid_points_is_found():
    grid = Grid.centred((0.1e-3, 0, 0), 0.5e-3, (21, 17, 15), Frame.TRANSDUCER)
    true = np.array((0.23e-3, -0.41e-3, 0.12e-3))
    r2 = ((grid.points() - true) ** 2).sum(-1)
    done = Convergence(converged=True, iterations=0, residual=0.0, sentence="Closed form.")
    field = PressureField(1e5 * (1 - r2 / 1e-4) + 0j, grid, 500e3, "closed form", done, 0.0)
    found = itrusst_masks.focus_of(field, np.ones(grid.shape, bool))
    assert found.pressure_pa == pytest.approx(1e5, rel=1e-4)
    assert np.allclose(found.position_m, true, atol=1e-6)


def test_missing_masks_fail_the_row_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("INSONATE_ITRUSST_MASKS", str(tmp_path))
    with pytest.raises(InputError, match=r"fetch_itrusst_masks\.py"):
        itrusst_masks.labels(8)
    rows = list(itrusst_masks.checks())
    assert len(rows) == 2
    assert not any(row.passed for row in rows)
    assert all("fetch_itrusst_masks.py" in row.check for row in rows)
