from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from insonate.core import Frame, Grid, Volume
from insonate.head import PhantomOptions, phantom_ct
from insonate.head.phantom import Feature

SAMPLE = Path(__file__).parents[2] / "samples" / "cranium" / "ct.nii.gz"


@dataclass(frozen=True)
class Subject:
    options: PhantomOptions
    ct: Volume


@pytest.fixture(scope="session")
def plain() -> Subject:
    options = PhantomOptions(spacing_m=2e-3)
    return Subject(options, phantom_ct(options))


@pytest.fixture(scope="session")
def featured() -> Subject:
    options = PhantomOptions(spacing_m=2e-3, features=frozenset(Feature))
    return Subject(options, phantom_ct(options))


@pytest.fixture(scope="session")
def sample_ct() -> Volume:
    image = nibabel.load(SAMPLE)
    affine = np.diag([1e-3, 1e-3, 1e-3, 1]) @ image.affine
    hounsfield: NDArray[np.float32] = np.asarray(image.dataobj, np.float32)
    return Volume(hounsfield, Grid(hounsfield.shape, affine, Frame.CT), "HU")
