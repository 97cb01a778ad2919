"""How well powers are decided: predictions within their band, caps kept, beside a PID."""

from dataclasses import dataclass, replace

import numpy as np

from insonate.control import ControlSettings
from insonate.events import EndReason
from insonate.events.documents import SonicationEnded, SonicationProposed, SonicationReviewed
from insonate.verification.bench import Bench, Treated, treat

ORDERLY = (EndReason.COMPLETED, EndReason.GOAL)


@dataclass(frozen=True)
class Predicted:
    """A proposed sonication and what was measured of it, °C."""

    low: float
    peak: float
    high: float
    measured: float

    @property
    def within(self) -> bool:
        """Whether the measured peak lies in the band."""
        return self.low <= self.measured <= self.high


def predictions(done: Treated) -> list[Predicted]:
    """Return every prediction of a treatment whose sonication ran to its planned end."""
    proposed = {d.sonication: d for d in done.decisions if isinstance(d, SonicationProposed)}
    whole = {
        d.sonication
        for d in done.decisions
        if isinstance(d, SonicationEnded) and d.end_reason is EndReason.COMPLETED
    }
    reviews = [d for d in done.decisions if isinstance(d, SonicationReviewed)]
    return [
        Predicted(
            p.predicted_low_degc, p.predicted_peak_degc, p.predicted_high_degc, r.peak_degc
        )
        for r in reviews
        if r.sonication in whole and (p := proposed.get(r.sonication)) is not None
    ]


def drawn_bench(rng: np.random.Generator) -> Bench:
    """Return a bench whose head heats otherwise, and less from one sonication to the next."""
    return Bench(
        k_per_w=0.0125 * float(np.exp(0.35 * rng.standard_normal())),
        fall=float(rng.uniform(1.0 / 1.2, 1.0)),
        rng=rng,
    )


def drawn_predictions(count: int, *, seed: int = 8) -> list[Predicted]:
    """Return the predictions of ``count`` drawn treatments."""
    rng = np.random.default_rng(seed)
    return [p for _ in range(count) for p in predictions(treat(drawn_bench(rng)))]


@dataclass(frozen=True)
class Led:
    """Treatments under one regulator: hottest true focus (°C), lesions, energy of each (J)."""

    hottest_degc: tuple[float, ...]
    lesions: int
    energy_j: tuple[float, ...]


def led(settings: ControlSettings, count: int, *, seed: int = 5) -> Led:
    """Treat ``count`` benches that heat up to 1.3 times as well from one sonication to the next."""
    rng = np.random.default_rng(seed)
    hottest, energy, lesions = [], [], 0
    for _ in range(count):
        bench = Bench(rng=rng, fall=float(rng.uniform(0.8, 1.3)))
        done = treat(bench, replace(settings, frame_time_s=bench.frame_s))
        hottest.append(bench.hottest_degc)
        energy.append(done.state.session_energy_j)
        lesions += done.state.lesion
    return Led(tuple(hottest), lesions, tuple(energy))
