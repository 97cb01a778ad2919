"""The water round the head: how much heat it takes at a flow, and how it warms when that stops."""

from dataclasses import dataclass, replace
from math import exp, isfinite, sqrt

from insonate.core import SettingsError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.lattice import with_exchange
from insonate.heat.model import ThermalModel
from insonate.heat.options import require_water

STILL_EXCHANGE = 100.0
"""W/(m² K): free convection in liquids is 50-1000 (Incropera & DeWitt, table 1.1); water that lies
on a warm scalp from above is near the lower end."""

REFERENCE_FLOW_L_PER_MIN = 4.0
"""L/min: the flow at which ``ThermalOptions.water_exchange`` holds. Setting."""

WATER_HEAT_CAPACITY = 1000.0 * 4178.0
"""ρC of water, J/(m³ K) (IT'IS 4.1)."""


@dataclass(frozen=True)
class WaterCircuit:
    """The water between array and head.

    Parameters
    ----------
    volume_m3
        How much, well mixed: a hemisphere of 300 mm less the part of the head within it. Setting.
    """

    volume_m3: float = 5e-3

    def __post_init__(self) -> None:
        if not 1e-4 <= self.volume_m3 <= 0.1:
            raise SettingsError(
                f"The water round the head is {1e3 * self.volume_m3:g} L; it must lie between 0.1 "
                "and 100 L."
            )


def exchange_at(flow_l_per_min: float, reference: float) -> float:
    """Return the exchange between water and scalp at a flow, W/(m² K).

    It grows with the root of the flow, as in a laminar boundary layer (Incropera & DeWitt, eq.
    7.30), from ``reference`` at 4 L/min, and does not fall below that of still water.

    Raises
    ------
    SettingsError
        When the flow is negative or not finite.
    """
    if not (isfinite(flow_l_per_min) and flow_l_per_min >= 0):
        raise SettingsError(
            f"The flow of the water is {flow_l_per_min} L/min; it must be 0 or more."
        )
    forced = reference * sqrt(flow_l_per_min / REFERENCE_FLOW_L_PER_MIN)
    return max(forced, min(STILL_EXCHANGE, reference))


def at_flow(model: ThermalModel, flow_l_per_min: float) -> ThermalModel:
    """Return the same head under water of another flow."""
    exchange = exchange_at(flow_l_per_min, model.options.water_exchange)
    if exchange == model.coarse.exchange:
        return model
    fine, coarse = (with_exchange(lattice, exchange) for lattice in (model.fine, model.coarse))
    return replace(model, fine=fine, coarse=coarse)


def water_after(
    circuit: WaterCircuit,
    start_degc: float,
    inlet_degc: float,
    flow_l_per_min: float,
    heat_w: float,
    duration_s: float,
) -> float:  # fmt: skip
    """Return how warm the water is after a while: V ρC dT/dt = F ρC (T_inlet − T) + Q, exactly.

    Parameters
    ----------
    circuit
        How much water.
    start_degc, inlet_degc
        Its temperature now, and that of what flows in, °C.
    flow_l_per_min
        Flow F, L/min.
    heat_w
        Q: what the scalp gives to it, W; constant.
    duration_s
        s.

    Returns
    -------
    float
        °C, at most body temperature: beyond it a scalp would be warmed, not cooled.
    """
    require_water(start_degc)
    require_water(inlet_degc)
    turnover = flow_l_per_min / 60e3 / circuit.volume_m3
    warming = heat_w / (WATER_HEAT_CAPACITY * circuit.volume_m3)
    if turnover * duration_s < 1e-9:
        end = start_degc + warming * duration_s
    else:
        limit = inlet_degc + warming / turnover
        end = limit + (start_degc - limit) * exp(-turnover * duration_s)
    return min(max(end, 0.0), BODY_TEMPERATURE_DEGC)
