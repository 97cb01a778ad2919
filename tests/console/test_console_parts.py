"""The parts of the console that need no server: seat, steps, curves, frames, words."""

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pytest

from insonate.console import words
from insonate.console.curves import MOST_POINTS, UNITS, Curves, points_of, thinned
from insonate.console.frames import HALF_WIDTH_M, MAGIC, pack_frame
from insonate.console.models import HeadView, PlanView, RunView, TargetView
from insonate.console.seat import ABANDONED_S, PRESENT_S, OperatorSeat
from insonate.console.serve import ServeOptions
from insonate.console.status import status_of
from insonate.console.steps import KEYS, Facts, steps_of
from insonate.console.words import QUIET, STATES, said
from insonate.control import GUARDS, ControlSettings, initial_state
from insonate.control.table import TABLE, legal_verbs
from insonate.core import SettingsError
from insonate.events import Event, Payload, Source, State
from insonate.events import documents as doc
from insonate.plan import Prescription, Sonication, Stage, target_at


def test_every_state_has_words_and_what_is_suggested_is_legal():
    assert set(STATES) == set(State) == set(TABLE)
    for state, (name, following, usual) in STATES.items():
        assert name
        assert following.endswith(".")
        assert usual is None or usual in legal_verbs(state)


def test_every_document_is_either_quiet_or_a_sentence_of_the_log():
    kinds = {k.model_fields["kind"].default for k in get_args(get_args(Payload)[0])}
    assert kinds >= QUIET
    told = {kind.model_fields["kind"].default for kind in words._SAID}
    assert not told & QUIET
    assert told | QUIET == kinds, "what is neither would be told as its bare name"
    truths = {"truth_observed", "truth_curve", "harm_observed"}
    assert truths <= QUIET, "the truth is known only in simulation and must not be shown"


# --- the seat ----------------------------------------------------------------------------------


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_the_seat_is_one_taken_over_by_consent_and_lost_by_silence():
    clock = Clock()
    seat = OperatorSeat(clock)
    first, has = seat.ask("anna")
    assert has
    assert seat.holds(first)
    second, has = seat.ask("bert")
    assert not has
    assert not seat.holds(second)
    assert seat.view().asking == "bert"
    assert seat.answer(give=False)
    assert seat.holds(first)
    assert not seat.answer(give=True), "nobody asks any more"
    third, _ = seat.ask("carl")
    assert seat.answer(give=True)
    assert seat.holds(third)
    assert not seat.holds(first)
    assert not seat.holds(second), "who was refused has no key that works later"
    clock.now_s = PRESENT_S + 0.1
    assert not seat.present
    assert seat.beat(third)
    assert not seat.beat(first)
    assert seat.present
    clock.now_s += ABANDONED_S + 0.1
    assert not seat.taken
    fourth, has = seat.ask("dora")
    assert has
    assert seat.holds(fourth)
    assert not seat.holds("")


# --- the steps ---------------------------------------------------------------------------------

HEAD = HeadView(name="a", ready=True, facts=(), notes=())
TARGET = TargetView(
    name="cl-left", point_mm=(0, 0, 0), acpc_mm=(0, 0, 0), error_mm=1, source="s",
    distances=(), faults=(),
)  # fmt: skip
PLAN = PlanView(
    facts=(), notes=(), histograms=(), sonications=(), limits=(), state_names=(),
    state_counts=(), seconds=1.0,
)  # fmt: skip


def status():
    sonications = tuple(Sonication(s, 100.0, 10.0) for s in Stage)
    settings = ControlSettings()
    prescription = Prescription(target_at([0, 0, 0]), sonications, dict(settings.goals))
    return status_of(initial_state(settings, prescription), settings)


def run_of(**changes):
    return RunView(scenario="cooperative", description="", seed=1, speed=1.0, **changes)


@pytest.mark.parametrize(
    ("facts", "now"),
    [
        (Facts(), "images"),
        (Facts(head=HEAD), "images"),
        (Facts(head=HEAD, approved=frozenset({"images"})), "head"),
        (Facts(head=HEAD, approved=frozenset({"images", "head"})), "target"),
        (Facts(head=HEAD, target=TARGET, approved=frozenset({"images", "head"})), "target"),
        (
            Facts(head=HEAD, target=TARGET, approved=frozenset({"images", "head", "target"})),
            "plan",
        ),
        (Facts(HEAD, TARGET, PLAN, None, False, frozenset(KEYS[:4])), "rehearse"),
        (Facts(HEAD, TARGET, PLAN, run_of(), False, frozenset(KEYS[:4])), "rehearse"),
        (Facts(HEAD, TARGET, PLAN, run_of(over=True), False, frozenset(KEYS[:4])), "report"),
    ],
)
def test_exactly_one_step_is_open_and_all_after_it_say_why_they_are_closed(facts, now):
    steps = steps_of(facts)
    at = KEYS.index(now)
    assert [s.state for s in steps[:at]] == ["done"] * at
    assert steps[at].state == "open"
    assert steps[at].sentence.endswith(".")
    for step in steps[at + 1 :]:
        assert step.state == "closed"
        assert now.capitalize() in step.sentence


def test_a_target_with_a_fault_says_it_and_closes_the_plan():
    bad = TARGET.model_copy(update={"faults": ("The target lies in skull.",)})
    facts = Facts(head=HEAD, target=bad, approved=frozenset({"images", "head", "target"}))
    assert steps_of(facts)[2].sentence == "The target lies in skull."
    assert steps_of(facts)[3].state == "closed"


def test_while_it_runs_the_rehearsal_says_what_the_state_table_says():
    now = status()
    facts = Facts(HEAD, TARGET, PLAN, run_of(status=now), False, frozenset(KEYS[:4]))
    assert STATES[State.PLANNED][0] in steps_of(facts)[4].sentence
    assert now.verbs == legal_verbs(State.PLANNED)


def test_the_status_lists_every_guard_and_says_why_it_does_not_hold():
    now = status()
    assert [g.name for g in now.guards] == [g.name for g in GUARDS]
    for guard in now.guards:
        assert guard.holds == (guard.why == "")
        assert guard.clears
    assert not next(g for g in now.guards if g.name == "approval").holds


# --- curves ------------------------------------------------------------------------------------


def test_curves_of_hours_stay_small_and_keep_their_peak():
    curves = Curves()
    for second in range(3 * 3600):
        curves.add((("skull", float(second), 90.0 if second == 5000 else 37.0),))
    skull = curves.all()["skull"]
    assert len(skull) <= MOST_POINTS
    assert max(v for _, v in skull) == 90.0
    assert skull[-1][0] == 3 * 3600 - 1
    assert [t for t, _ in skull] == sorted(t for t, _ in skull)
    assert thinned([(0.0, 1.0), (1.0, 5.0), (2.0, 1.0)])[-1] == (2.0, 1.0)


def event(payload, sequence=0, source=Source.SCANNER):
    return Event(
        sequence=sequence, time_s=10.0, wall=datetime.now(UTC), source=source, payload=payload
    )


def test_every_curve_has_a_unit():
    water = doc.CoolingReading(water_degc=15.0, flow_l_per_min=4.0, dissolved_oxygen_ppm=1.0)
    assert points_of(event(water)) == (("water", 10.0, 15.0),)
    assert {name for name, _, _ in points_of(event(water))} <= set(UNITS)
    assert points_of(event(doc.ClockTick())) == ()


# --- frames ------------------------------------------------------------------------------------


def frame(affine, offset=None):
    return doc.TemperatureFrame(
        sonication=1, frame=2, start_s=0.0, end_s=3.4, orientation="axial", readout_axis=0,
        slice_affine=tuple(affine.ravel()), baseline_degc=37.0, peak_degc=45.0, mean_degc=44.0,
        sigma_k=0.5, off_target_degc=38.0, peak_dose_cem43=0.1, off_target_dose_cem43=0.0,
        focus_offset_m=offset, usable_share=1.0, drift_k=0.0,
    )  # fmt: skip


def test_a_frame_is_cut_round_the_target_and_keeps_left_and_right():
    shape, spacing = (128, 96), 1.1e-3
    affine = np.diag([spacing, spacing, 3e-3, 1.0])
    affine[:3, 3] = (-70e-3, -50e-3, 5e-3)
    target = (10e-3, -3e-3, 5e-3)
    rise = np.zeros(shape, np.float32)
    i, j = 73, 43  # the voxel nearest to the target
    rise[i, j], rise[i + 4, j] = 9.0, 5.0  # and one to the right of it
    arrays = {
        "delta_t": (rise, "K"),
        "magnitude": (np.ones(shape, np.float32), "1"),
        "mask": (np.ones(shape, bool), "1"),
    }
    packed = pack_frame(frame(affine, (1.1e-3, 0.0, 0.0)), arrays, target, 12.5)
    assert packed[:4] == MAGIC
    (length,) = struct.unpack("<I", packed[4:8])
    about = json.loads(packed[8 : 8 + length])
    ni, nj = about["shape"]
    assert ni * about["spacing_mm"][0] < 2.2e3 * HALF_WIDTH_M
    count = ni * nj
    assert len(packed) == 8 + length + 5 * count
    shown = np.frombuffer(packed, "<f4", count, 8 + length).reshape(ni, nj)
    u, v = np.unravel_index(shown.argmax(), shown.shape)
    assert (round(about["target"][0]), round(about["target"][1])) == (u, v)
    assert shown[u + 4, v] == 5.0
    assert about["focus"][0] == pytest.approx(about["target"][0] + 1.0)
    assert about["directions"] == ["R", "A"]
    arrays["mask"] = (np.zeros(shape, bool), "1")
    hidden = pack_frame(frame(affine), arrays, target, 0.0)
    (length,) = struct.unpack("<I", hidden[4:8])
    assert np.isnan(np.frombuffer(hidden, "<f4", count, 8 + length)).all()
    assert json.loads(hidden[8 : 8 + length])["focus"] is None


def test_what_the_patient_says_is_said_in_words():
    report = doc.PatientReport(
        pain_nrs=4, symptom="my hand tingles", severity="mild", where="hand"
    )
    words = said(event(report, source=Source.PATIENT))
    assert "pain 4 of 10" in words
    assert "my hand tingles, hand, mild" in words


@pytest.mark.parametrize(
    "options",
    [{"port": 70000}, {"host": "0.0.0.0"}, {"host": "::"}, {"host": ""}],  # noqa: S104
)
def test_a_server_for_everybody_is_refused(tmp_path, options):
    with pytest.raises(SettingsError, match=r"listen|port"):
        ServeOptions(tmp_path, **options)


@pytest.mark.parametrize(("standing", "word"), [(True, "still there"), (False, "gone")])
def test_an_acknowledged_alarm_says_whether_its_cause_is_there(standing, word):
    heard = doc.AlarmAcknowledged(guard="motion", standing=standing)
    assert said(event(heard)) == f"Alarm of motion acknowledged; its cause is {word}."


def test_alarms_to_acknowledge_are_listed_the_most_urgent_first():
    sonications = tuple(Sonication(s, 100.0, 10.0) for s in Stage)
    settings = ControlSettings()
    prescription = Prescription(target_at([0, 0, 0]), sonications, dict(settings.goals))
    calm = initial_state(settings, prescription)
    assert status_of(calm, settings).alarms == ()
    by_urgency = {str(g.priority): g.name for g in GUARDS}
    raised = tuple(by_urgency[p] for p in ("low", "medium", "high"))
    shown = status_of(replace(calm, alarms=raised), settings).alarms
    assert [alarm.priority for alarm in shown] == ["high", "medium", "low"]
    assert {alarm.name for alarm in shown} == set(raised)
    guards = {g.name: g for g in status_of(replace(calm, alarms=raised), settings).guards}
    for alarm in shown:
        assert alarm.standing is not guards[alarm.name].holds
        assert alarm.why == guards[alarm.name].why
