"""Every scenario rehearsed on a coarse phantom: it must end as it says, and replay the same."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numba

from insonate.events import Event
from insonate.events.documents import HarmObserved, ModelEstimate, TruthCurve, TruthObserved
from insonate.head import PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.plant import SCENARIOS
from insonate.record import Record
from insonate.session import CaseSource, PlanSettings, PreparedCase, RehearsalSettings, prepare
from insonate.session.case import rehearse_plan
from insonate.session.expectation import Verdict, verdicts
from insonate.session.replay import replay_record
from insonate.thermometry import CLINICAL_3T
from insonate.verification.check import Check, at_least, at_most

PROTOCOL = replace(CLINICAL_3T, matrix=(128, 128))


def coarse_case() -> PreparedCase:
    """Return a plan of a phantom that is coarse enough to be rehearsed in seconds."""
    heat = ThermalOptions(
        fine_half_width_m=8e-3,
        fine_spacing_m=0.5e-3,
        coarse_spacing_m=4e-3,
        power_step_s=1.0,
        first_step_s=0.4,
        step_tolerance_k=0.1,
    )
    source = CaseSource("phantom", None, phantom=PhantomOptions(spacing_m=2e-3))
    return prepare(source, PlanSettings(element_count=256, heat=heat))


@dataclass(frozen=True)
class Rehearsed:
    """How one rehearsal ended.

    Parameters
    ----------
    scenario, seed
        Which.
    verdicts
        On each thing that was expected of it.
    same
        Whether a replay of its record decides the same.
    belief_error_k
        Largest error of the controller's model at the skull's maximum, K (belief minus truth).
    peak_degc
        Hottest true focus.
    bled
        Whether a vessel bled.
    session_s
        Its length on its own clock.
    """

    scenario: str
    seed: int
    verdicts: tuple[Verdict, ...]
    same: bool
    belief_error_k: float
    peak_degc: float
    bled: bool
    session_s: float

    @property
    def unmet(self) -> tuple[Verdict, ...]:
        """What did not end as expected."""
        return tuple(v for v in self.verdicts if not v.met)


def rehearsed(case: PreparedCase, scenario: str, seed: int) -> Rehearsed:
    """Rehearse a scenario once, judge its record, replay it."""
    with tempfile.TemporaryDirectory() as name:
        settings = RehearsalSettings(scenario, seed, PROTOCOL)
        record = rehearse_plan(case, settings, Path(name))
        expect = SCENARIOS[scenario].expect
        told = [e.payload for e in record.events]
        return Rehearsed(
            scenario,
            seed,
            verdicts(record.events, expect) if expect is not None else (),
            replay_record(record.folder).identical,
            _belief_error_k(record),
            max((p.peak_degc for p in told if isinstance(p, TruthObserved)), default=37.0),
            any(isinstance(p, HarmObserved) for p in told),
            record.events[-1].time_s,
        )


def _belief_error_k(record: Record) -> float:
    """Return the error of largest size of the model's skull maximum, K."""
    curve = next((e for e in record.events if isinstance(e.payload, TruthCurve)), None)
    if curve is None or not _estimated(record.events):
        return float("nan")
    believed, true = (record.array(curve.arrays[name]) for name in ("model_skull", "skull"))
    error = believed - true
    return float(error[abs(error).argmax()])


def _estimated(events: tuple[Event, ...]) -> bool:
    return any(isinstance(e.payload, ModelEstimate) for e in events)


def rehearse_all(count: int = 0) -> Iterator[Rehearsed]:
    """Yield every scenario rehearsed with seed 1, or ``count`` rehearsals with seeds from 1 on."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)  # small grids are quicker without threads that wait for each other
    try:
        case, names = coarse_case(), list(SCENARIOS)
        for number in range(count or len(names)):
            yield rehearsed(case, names[number % len(names)], 1 + number // len(names))
    finally:
        numba.set_num_threads(threads)


def slow_checks() -> Iterator[Check]:
    """Yield whether each scenario ends as it says, and what the bleed scenario shows."""
    found = {one.scenario: one for one in rehearse_all()}
    for one in found.values():
        sentence = SCENARIOS[one.scenario].expect
        unmet = "; ".join(f"{v.expected}: {v.found}" for v in one.unmet)
        yield at_most(
            "control", f"scenario {one.scenario}: expectations not met", len(one.unmet), 0, "1",
            unmet or (sentence.sentence if sentence else ""),
        )  # fmt: skip
    differ = sum(not one.same for one in found.values())
    yield at_most("control", "scenarios that replay otherwise", differ, 0, "1", "bit for bit")
    own = "the same patient and vessel; the practice alone differs"
    yield at_most(
        "control", "bleed: designed controller bleeds", found["bleed"].bled, 0, "1", own
    )
    bled = found["bleed-2012"].bled
    yield at_least("control", "bleed: practice of 2012 bleeds", bled, 1, "1", own)
