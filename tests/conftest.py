"""One coarse phantom, planned once and rehearsed once, for every test of a whole treatment."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import pytest
from hypothesis import settings

from insonate.head import PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.record import Record
from insonate.session import CaseSource, PlanSettings, PreparedCase, RehearsalSettings, prepare
from insonate.session.case import rehearse_plan
from insonate.thermometry import CLINICAL_3T

# CI draws the same examples each time; a person draws new ones with every run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

SOURCE = CaseSource("phantom", None, phantom=PhantomOptions(spacing_m=2e-3))
SETTINGS = PlanSettings(
    element_count=256,
    heat=ThermalOptions(
        fine_half_width_m=8e-3,
        fine_spacing_m=0.5e-3,
        coarse_spacing_m=4e-3,
        power_step_s=1.0,
        first_step_s=0.4,
        step_tolerance_k=0.1,
    ),
)
PROTOCOL = replace(CLINICAL_3T, matrix=(128, 128))


@dataclass(frozen=True)
class Coarse:
    """A plan, and how to rehearse it in a few seconds."""

    case: PreparedCase

    def rehearse(
        self, out: Path, scenario="cooperative", seed=1, stream=False, **options
    ) -> Record:
        settings = RehearsalSettings(scenario, seed, PROTOCOL, stream=stream)
        return rehearse_plan(self.case, settings, out, **options)


@dataclass(frozen=True)
class Run:
    """A finished rehearsal."""

    out: Path
    record: Record


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small grids are quicker without threads that wait for each other."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(scope="session")
def coarse() -> Coarse:
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    case = prepare(SOURCE, SETTINGS)
    numba.set_num_threads(before)
    return Coarse(case)


@pytest.fixture(scope="session")
def run(coarse, tmp_path_factory) -> Run:
    """The cooperative patient of seed 1, to the end."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    out = tmp_path_factory.mktemp("rehearsal")
    record = coarse.rehearse(out)
    numba.set_num_threads(before)
    return Run(out, record)
