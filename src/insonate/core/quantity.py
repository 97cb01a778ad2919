"""A number with its unit, its spread and its source."""

from dataclasses import dataclass

from insonate.core.errors import SettingsError


@dataclass(frozen=True)
class Quantity:
    """A value that knows where it comes from.

    Parameters
    ----------
    value
        The value in ``unit``.
    unit
        SI, or the field's own unit at a border ("degC", "mL/min/kg").
    source
        The paper, standard or table it was read in; never empty.
    low, high
        The range that sources disagree over, in ``unit``; both ``value`` where none is known.

    Raises
    ------
    SettingsError
        When unit or source are empty, or the value lies outside its own range.
    """

    value: float
    unit: str
    source: str
    low: float = float("nan")
    high: float = float("nan")

    def __post_init__(self) -> None:
        low = self.value if self.low != self.low else self.low
        high = self.value if self.high != self.high else self.high
        if not self.unit or not self.source.strip():
            raise SettingsError(
                f"The value {self.value} has no unit or no source; every constant needs both."
            )
        if not low <= self.value <= high:
            raise SettingsError(
                f"The value {self.value} {self.unit} lies outside its own range {low}-{high}."
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
