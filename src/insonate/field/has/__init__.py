"""The one-way engine: sound marches once through the head, in spherical waves round the target.

``head_shells`` puts a head's maps on concentric shells; ``has_transfer`` carries one wave from the
target to every element (phases and amplitudes), ``has_field`` a drive's wave to the focus.
"""

from insonate.field.has.options import HasOptions
from insonate.field.has.sampling import head_shells
from insonate.field.has.shells import Shells
from insonate.field.has.transfer import has_field, has_transfer

__all__ = ["HasOptions", "Shells", "has_field", "has_transfer", "head_shells"]
