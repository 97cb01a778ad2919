"""What is seen between the frames, and what is said of the stream that brings them."""

from typing import Literal

from insonate.events.base import Document, preset, unit


class FocusEstimate(Document):
    """The focus now, between the frames: what the frames say, carried on by the bioheat equation.

    Made of the power as it was really set and of every frame of this sonication so far, by a bank
    of Kalman filters; the controller reads from it how hot the focus is now, instead of how hot it
    was on average over the last frame.
    """

    kind: Literal["focus_estimate"] = "focus_estimate"
    sonication: int
    frames: int
    """How many frames of this sonication it has learnt from; 0: the plan's expectation alone."""
    focus_degc: float = unit("degC")
    sigma_k: float = unit("K")
    ahead_degc: float = unit("degC")
    """One frame time from now, if the power stays as it is."""
    dose_low_cem43: float = unit("CEM43")
    dose_middle_cem43: float = unit("CEM43")
    """The median of the belief."""
    dose_high_cem43: float = unit("CEM43")
    credible: float = preset(0.9, "1")
    """How much of the belief lies between low and high."""
    stale: str = ""
    """Why the frames that it rests on are old, a sentence; empty while they are not."""
    refused: str = ""
    """Why the latest frame could not be used, a sentence; empty where it could."""


class StreamNoted(Document):
    """Something about the stream of frames that is worth a sentence: a gap, a refused frame."""

    kind: Literal["stream_noted"] = "stream_noted"
    what: str
    sentence: str
