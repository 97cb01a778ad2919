"""What measured sonications teach of an ensemble: the Kalman update of its members."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from insonate.core import SettingsError
from insonate.core.arrays import frozen
from insonate.heat.ensemble import SHIFTS, Floats, Members


@dataclass(frozen=True)
class Observed:
    """A focal rise (K) that was measured, with its standard deviation."""

    rise_k: float
    sigma_k: float


def update_members(
    members: Members,
    predicted_rise_k: Floats,
    observed: tuple[Observed, ...],
    *,
    seed: int = 2,
) -> Members:
    """Learn from measured sonications: the ensemble Kalman update in logarithms.

    The rise is a product of what the members differ in, nearly, so its logarithm is linear in
    theirs. With C the covariance over the members of log properties and log rises, R that of the
    measured ones, each member moves by C_xy (C_yy + R)^{−1} (y + ε − y_member) (Evensen, Ocean
    Dynamics 53:343, 2003). Shifts are moved likewise, in metres.

    Parameters
    ----------
    members
        The prior.
    predicted_rise_k
        Shape (members, sonications): what each member predicts for what was measured, K.
    observed
        What was measured.
    seed
        Draws the perturbations ε.

    Returns
    -------
    Members
        The posterior; the prior itself where nothing was observed.

    Raises
    ------
    SettingsError
        When a rise is not positive, or the shapes do not fit.
    """
    rises = np.asarray(predicted_rise_k, dtype=np.float64)
    if rises.shape != (members.count, len(observed)):
        raise SettingsError(
            f"{len(observed)} sonications were measured on {members.count} members, but the "
            f"predictions have shape {rises.shape}; give one rise for each of both."
        )
    if not observed:
        return members
    if not ((rises > 0).all() and all(o.rise_k > 0 and o.sigma_k > 0 for o in observed)):
        raise SettingsError(
            "A sonication can only be learnt from where every rise and its standard deviation "
            "are positive; leave out those that did not heat."
        )
    names = list(members.values)
    x = np.stack([_to_log(name, members.values[name]) for name in names], axis=1)
    y = np.log(rises)
    noise = np.array([o.sigma_k / o.rise_k for o in observed])
    seen = np.log([o.rise_k for o in observed])
    rng = np.random.default_rng(seed)
    draws = noise * rng.standard_normal(y.shape)
    draws -= draws.mean(axis=0)
    dx, dy = x - x.mean(axis=0), y - y.mean(axis=0)
    cross = dx.T @ dy / (members.count - 1)
    inner = dy.T @ dy / (members.count - 1) + np.diag(noise**2)
    moved = x + (seen + draws - y) @ np.linalg.solve(inner, cross.T)
    values = {name: frozen(_from_log(name, moved[:, i])) for i, name in enumerate(names)}
    return replace(members, values=MappingProxyType(values))


def _to_log(name: str, values: Floats) -> Floats:
    return values if name in SHIFTS else np.log(values)


def _from_log(name: str, values: Floats) -> Floats:
    return values if name in SHIFTS else np.exp(values)
