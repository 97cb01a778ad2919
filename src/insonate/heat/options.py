"""The settings of the thermal model, each with its source."""

from dataclasses import dataclass
from math import inf

from insonate.core import SettingsError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.absorption import Absorption
from insonate.heat.dose import DoseVariant


@dataclass(frozen=True)
class ThermalOptions:
    """How finely the heat is computed, and what surrounds the head.

    Parameters
    ----------
    fine_spacing_m
        Largest spacing of the grid round the focus; the head's voxels are split into whole parts.
    fine_half_width_m
        Half the edge of the fine cube.
    coarse_spacing_m
        Spacing of the grid of the whole head; rounded to whole voxels of the head.
    water_exchange
        Exchange coefficient between the circulating water and the scalp, W/(m² K). Forced
        convection in liquids is 100-20000, free convection 50-1000 (Incropera & DeWitt,
        Fundamentals of Heat and Mass Transfer, table 1.1); a slow stream is near the lower end.
    cut_at_body_temperature
        Whether tissue beyond a cut face of the image has body temperature; otherwise no heat
        crosses the cut.
    power_step_s, cooling_step_s
        Longest time step while power is on, and while it is off.
    first_step_s
        First time step after power or water have changed (water by more than 0.05 K); no step is
        shorter.
    step_tolerance_k
        How far the temperature of a cell above 40 °C may depart from a straight line within one
        step: dose is integrated along straight lines.
    error_tolerance_k
        Estimated error that one step may make in any fine cell.
    coarse_tolerance_k
        The same for the coarse cells outside: a step's error there fades with what made it, and no
        limit of skull and scalp is known to a tenth of a kelvin.
    fold_tolerance_k
        What the coarse grid may get wrong, K, when it carries the fine one's heat alone late in a
        wait; with 0 the fine grid always runs.
    dose_variant
        Which rule of CEM43 is accumulated.
    perfusion_stops_cem43
        Dose from which blood no longer flows in a cell, and never again; infinite where it always
        does (the default). Models of ablation let perfusion cease where tissue coagulates (Schutt
        & Haemmerich, Med. Phys. 35:3462, 2008); 240 CEM43 is the classical threshold for that.

    absorption
        Whether tissue absorbs more once it was hot; round the focus, on the fine grid.

    Raises
    ------
    SettingsError
        When a setting is outside its range.
    """

    fine_spacing_m: float = 0.5e-3
    fine_half_width_m: float = 20e-3
    coarse_spacing_m: float = 2e-3
    water_exchange: float = 500.0
    cut_at_body_temperature: bool = False
    power_step_s: float = 0.5
    cooling_step_s: float = 60.0
    first_step_s: float = 0.2
    step_tolerance_k: float = 0.02
    error_tolerance_k: float = 0.005
    coarse_tolerance_k: float = 0.05
    fold_tolerance_k: float = 0.02
    dose_variant: DoseVariant = DoseVariant.SAPARETO
    perfusion_stops_cem43: float = inf
    absorption: Absorption = Absorption.CONSTANT

    def __post_init__(self) -> None:
        object.__setattr__(self, "dose_variant", DoseVariant(self.dose_variant))
        object.__setattr__(self, "absorption", Absorption(self.absorption))
        for name, low, high in (
            ("fine_spacing_m", 1e-4, 2e-3),
            ("fine_half_width_m", 1e-3, 0.1),
            ("coarse_spacing_m", 2e-4, 0.01),
            ("water_exchange", 0.0, 1e5),
            ("first_step_s", 1e-4, 60.0),
            ("power_step_s", self.first_step_s, 60.0),
            ("cooling_step_s", self.first_step_s, 600.0),
            ("step_tolerance_k", 1e-6, 10.0),
            ("error_tolerance_k", 1e-6, 10.0),
            ("coarse_tolerance_k", 1e-6, 10.0),
            ("fold_tolerance_k", 0.0, 10.0),
            ("perfusion_stops_cem43", 1.0, inf),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(
                    f"The thermal setting {name} is {value}, but must lie between {low} and {high}."
                )


def require_water(water_degc: float) -> None:
    """Raise a ``SettingsError`` unless the water is between freezing and body temperature."""
    if not 0.0 <= water_degc <= BODY_TEMPERATURE_DEGC:
        raise SettingsError(
            f"The water is at {water_degc} °C, but water that cools a head must lie between 0 and "
            f"{BODY_TEMPERATURE_DEGC} °C; clinical systems circulate it at 10-25 °C."
        )
