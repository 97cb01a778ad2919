"""nibabel and SimpleITK with their types set aside: both are typed in part only."""

from typing import Any

import nibabel
import SimpleITK

nib: Any = nibabel
sitk: Any = SimpleITK
