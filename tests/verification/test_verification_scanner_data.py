"""Real phase: the checks run on a folder that looks like one, and see what is wrong with it."""

import json

import nibabel as nib
import numpy as np
import pytest

from insonate.core import CheckFailedError, ImageError, SettingsError
from insonate.verification import scanner_data
from insonate.verification.areas import run_checks

TIMES = (4e-3, 8e-3, 12e-3)


def echoes(times=TIMES, wrong=0.0, sign=1.0):
    """A head of 48 × 44 × 7 voxels in a field of ±150 Hz, with a coil's phase and T2*."""
    rng = np.random.default_rng(0)
    u, v, w = np.meshgrid(*(np.linspace(-1, 1, n) for n in (48, 44, 7)), indexing="ij")
    hz = 150 * (u * u - v) + 40 * w
    head = (u * u + v * v < 0.8) * (1 + 0.3 * np.sin(9 * u))
    frames = []
    for n, t in enumerate(times):
        phase = sign * 2 * np.pi * hz * t + 0.7 * u + wrong * (n == 1) * v
        noise = rng.standard_normal((2, *u.shape)) / 60
        frames.append(head * np.exp(-t / 0.03) * np.exp(1j * phase) + noise[0] + 1j * noise[1])
    return np.stack(frames, axis=-1)


@pytest.fixture
def folder(tmp_path):
    def write(images, **more):
        for name, values in (("Mag", np.abs(images)), ("Phase", np.angle(images) * 0.00117)):
            nib.save(
                nib.Nifti1Image(values.astype(np.float32), np.eye(4)), tmp_path / f"{name}.nii"
            )
        if more:
            (tmp_path / "echoes.json").write_text(json.dumps(more))
        return tmp_path

    return write


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_good_folder_keeps_every_limit(folder, sign):
    checks = list(run_checks("thermometry", data=folder(echoes(sign=sign))))
    assert len(checks) == 4
    assert [c for c in checks if not c.passed] == []


def test_a_phase_that_is_not_of_one_field_is_seen(folder):
    checks = list(scanner_data.data_checks(folder(echoes(wrong=3.0))))
    assert not checks[0].passed
    assert not checks[1].passed


def test_echo_times_that_are_not_the_scans_are_seen(folder):
    where = folder(echoes(), echo_times_s=[4e-3, 7e-3, 12e-3], field_strength_t=3.0)
    assert not next(scanner_data.data_checks(where)).passed


def test_folders_that_are_none(folder, tmp_path):
    with pytest.raises(ImageError, match="one of each"):
        list(run_checks("thermometry", data=tmp_path / "nowhere"))
    with pytest.raises(ImageError, match="at least three"):
        list(run_checks(data=folder(echoes(TIMES[:2]))))
    with pytest.raises(SettingsError, match="thermometry alone"):
        run_checks("heat", data=tmp_path)
    assert issubclass(CheckFailedError, Exception)
