"""A PID on the measured peak: for comparison with the model-predictive estimate, and for teaching.

It looks back where the estimate looks ahead: its gains fit one plant, and say nothing of how hot the
end will be. On the bench of closed forms, for which they were chosen, both keep the cap
(``python -m benchmarks.control decide``); the guards stand behind either.
"""

from insonate.control.settings import ControlSettings
from insonate.control.state import Exposure

PROPORTIONAL_PER_K = 0.12
"""Setting: full power until about 8 K below the aim."""
INTEGRAL_PER_KS = 0.002
"""Setting: slow, for a sonication lasts a few frames."""
DERIVATIVE_S_PER_K = 0.12
"""Setting: a rise of 4 K/s halves the power."""


def pid_power(exposure: Exposure, settings: ControlSettings) -> float:
    """Return the power that a PID on the measured peak asks for; never more than now, W.

    P = P_asked · clip(k_p e + k_i ∫e dt − k_d dT/dt, 0, 1), with e the aim (the focal cap less the
    margin) minus the latest peak.
    """
    if exposure.frames == 0:
        return exposure.power_w
    aim = settings.limits.focal_temperature.value - settings.goal_margin_k
    share = (
        PROPORTIONAL_PER_K * (aim - exposure.last_degc)
        + INTEGRAL_PER_KS * exposure.error_ks
        - DERIVATIVE_S_PER_K * max(0.0, exposure.slope_k_per_s)
    )
    return min(exposure.power_w, exposure.asked_w * min(1.0, max(0.0, share)))
