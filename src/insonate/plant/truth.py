"""The true head behind a plan, and how it heats."""

from dataclasses import replace

import numpy as np

from insonate.array import Placement
from insonate.core import Frame, Tissue, Transform
from insonate.core.arrays import frozen
from insonate.core.frames import affine_from
from insonate.head import HeadModel
from insonate.plant.scenario import Reality


def true_head(head: HeadModel, reality: Reality) -> HeadModel:
    """Return the head as it really is: absorption of the brain, share of the bone, perfusion."""
    brain, skull = head.mask(Tissue.BRAIN), head.mask(Tissue.SKULL)
    attenuation = np.where(
        brain, head.attenuation * np.float32(reality.brain_absorption), head.attenuation
    )
    share = np.where(
        skull, head.absorbed_share * np.float32(reality.bone_share), head.absorbed_share
    )
    return replace(
        head,
        attenuation=frozen(attenuation),
        absorbed_share=frozen(np.clip(share, 0.0, 1.0)),
        perfusion=frozen(head.perfusion * np.float32(reality.perfusion)),
    )


def true_placement(placement: Placement, reality: Reality) -> Placement:
    """Return where the array really stands: shifted by the registration error."""
    shift = Transform(Frame.CT, Frame.CT, affine_from(np.eye(3), reality.registration_m))
    return replace(placement, transducer_to_ct=shift @ placement.transducer_to_ct)
