"""A treatment as hypothesis draws it: operator, patient, sensors and faults in any order."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from insonate.control import AutomaticOperator, refusals
from insonate.control.step import step
from insonate.events import Finding, Sedation, State, Verb
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    OperatorCommand,
    PatientReport,
)
from insonate.events.presence import MotionReading
from insonate.verification.control import Scene, course

_SCENES = course()
_LEVELS = st.floats(0.0, 30.0)


class TreatmentMachine(RuleBasedStateMachine):
    """Random treatments from any moment of the usual course on, with the witness looking on.

    Whatever is drawn: no power while a guard says no, no treat before confirm and verify, no
    energy above its cap, and stop takes the power off.
    """

    controller = staticmethod(step)

    @initialize(moment=st.integers(0, len(_SCENES) - 1), heat=st.floats(0.3, 3.0))
    def begin(self, moment: int, heat: float) -> None:
        """Start at a moment of the usual course, in a head that heats otherwise."""
        self.scene: Scene = _SCENES[moment].copy()
        self.scene.bench.k_per_w *= heat
        self.scene.bench.rng = np.random.default_rng(moment)
        self.operator = AutomaticOperator(self.scene.witness.settings)

    def show(self, observation: object, time_s: float | None = None) -> None:
        """Show one observation."""
        self.scene.show(observation, self.controller, time_s)  # type: ignore[arg-type]

    @rule(by_s=st.sampled_from([0.2, 1.0, 3.4, 10.0]), count=st.integers(1, 8))
    def go_on(self, by_s: float, count: int) -> None:
        """Let the automatic operator and time go on."""
        for _ in range(count):
            scene = self.scene
            command = self.operator(scene.state, scene.last, scene.bench.time_s)
            if command is not None:
                self.show(PatientReport())
                self.show(command)
                continue
            scene.bench.advance(by_s)
            for observation in (*scene.bench.readings(), PatientReport()):
                self.show(observation)

    @rule(
        verb=st.sampled_from(list(Verb)),
        why=st.sampled_from(["", "drawn"]),
        power_w=st.none() | st.floats(0.0, 3000.0),
    )
    def ask(self, verb: Verb, why: str, power_w: float | None) -> None:
        """Ask for anything."""
        self.show(OperatorCommand(verb=verb, who="drawn", why=why, power_w=power_w))

    @rule(
        stops=st.integers(0, 1),
        finding=st.none() | st.sampled_from(list(Finding)),
        sedation=st.sampled_from(list(Sedation)),
        severity=st.sampled_from(["none", "mild", "moderate", "severe"]),
    )
    def report(
        self, stops: int, finding: Finding | None, sedation: Sedation, severity: str
    ) -> None:
        """Let the patient say anything."""
        self.show(
            PatientReport.model_validate(
                {"stop_pressed": bool(stops), "finding": finding, "sedation": sedation,
                 "severity": severity}
            )
        )  # fmt: skip

    @rule(water=_LEVELS, flow=st.floats(0.0, 5.0), gas=st.floats(0.0, 6.0))
    def cool(self, water: float, flow: float, gas: float) -> None:
        """Let the water be anything."""
        self.show(
            CoolingReading(water_degc=water, flow_l_per_min=flow, dissolved_oxygen_ppm=gas)
        )

    @rule(level=_LEVELS)
    def hear(self, level: float) -> None:
        """Let bubbles be of any loudness."""
        self.show(CavitationReading(subharmonic_db=0, ultraharmonic_db=0, broadband_db=level))

    @rule(faulty=st.integers(0, 120), extra_w=st.floats(0.0, 200.0), share=st.floats(0.0, 1.0))
    def feel(self, faulty: int, extra_w: float, share: float) -> None:
        """Let the array report anything."""
        power = self.scene.bench.power_w + extra_w
        self.show(ArrayReading(power_w=power, faulty_elements=faulty, reflected_share=share))

    @rule(far_m=st.floats(0.0, 3e-3))
    def move(self, far_m: float) -> None:
        """Let the head move."""
        self.show(MotionReading(displacement_m=far_m))

    @rule(peak=st.floats(30.0, 80.0), usable=st.floats(0.0, 1.0), sigma=st.floats(0.0, 5.0))
    def see(self, peak: float, usable: float, sigma: float) -> None:
        """Let a frame show anything."""
        frame = self.scene.bench.show()
        changes = {"peak_degc": peak, "usable_share": usable, "sigma_k": sigma}
        self.show(frame.model_copy(update=changes))

    @rule(by_s=st.floats(0.1, 100.0))
    def lose_the_clock(self, by_s: float) -> None:
        """Let the clock go backwards."""
        self.show(PatientReport(), self.scene.state.time_s - by_s)

    @invariant()
    def nothing_that_must_never_be(self) -> None:
        """Ask the witness, and the guards themselves."""
        scene = getattr(self, "scene", None)
        if scene is None:
            return
        if scene.witness.faults:
            raise AssertionError("; ".join(scene.witness.faults))
        on = scene.state.state is State.SONICATING
        if on and refusals(scene.state, scene.witness.settings):
            raise AssertionError("power is on although a guard says no")

    def teardown(self) -> None:
        """However it went, stop takes the power off."""
        scene = getattr(self, "scene", None)
        if scene is None:
            return
        self.show(OperatorCommand(verb=Verb.STOP, who="witness"))
        if scene.witness.power_w > 0.0 or scene.witness.faults:
            raise AssertionError(f"power after stop, or {scene.witness.faults}")
