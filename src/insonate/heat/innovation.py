"""How far a measured rise can be trusted, from how measured ones differ among themselves."""

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from insonate.core import SettingsError

PRIOR_SCATTER = 0.08
"""What is believed of the scatter before anything was measured, and counts as one innovation: a frame's
lag behind the end of power and partial volume shift a measured peak by a few percent each. Setting."""


def scatter_of(ratios: ArrayLike, noise: ArrayLike, *, prior: float = PRIOR_SCATTER) -> float:
    """Return by which part measured rises scatter about the model, beyond the noise of the images.

    While properties are fixed heat is linear in power, so that every sonication has the same ratio of
    measured to expected rise. What its logarithm departs from the mean of all is an innovation: noise
    of the images, which is known, and everything else, s, which is not. With K sonications and
    the prior as one more innovation

        s² = (s₀² + max(0, Σ ((ln r_k − mean)² K/(K − 1) − n_k²))) / K ,

    where K/(K − 1) is what the mean takes from each departure.

    Parameters
    ----------
    ratios
        Shape (K,), measured over expected rise, positive.
    noise
        Shape (K,), standard deviation of each measured rise over itself.
    prior
        s₀.

    Returns
    -------
    float

    Raises
    ------
    SettingsError
        When a ratio is not positive, a noise negative, or there are not as many of both.
    """
    r, n = (np.asarray(v, dtype=np.float64) for v in (ratios, noise))
    good = r.shape == n.shape and r.ndim == 1 and (r > 0).all() and (n >= 0).all()
    if not (good and np.isfinite(r).all() and np.isfinite(n).all() and isfinite(prior)):
        raise SettingsError(
            "Innovations need one positive ratio and one noise of at least 0 for each sonication; "
            f"found {r.tolist()} and {n.tolist()}."
        )
    if r.size < 2:
        return prior
    departure = np.log(r) - np.log(r).mean()
    square = departure**2 * r.size / (r.size - 1) - n**2
    return float(np.sqrt((prior**2 + max(float(square.sum()), 0.0)) / r.size))
