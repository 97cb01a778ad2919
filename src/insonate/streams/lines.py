"""Raw lines of k-space, gathered until an image is whole."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError
from insonate.streams.wire import NOT_IMAGING, MrdLine
from insonate.thermometry import Protocol
from insonate.thermometry.coils import image_of
from insonate.thermometry.order import Stamp


@dataclass
class LineGatherer:
    """Puts the lines of one slice and repetition together. It is an object because lines arrive.

    Parameters
    ----------
    protocol
        Says how many lines, samples and coils an image has; the readout is its axis 0.
    """

    protocol: Protocol
    _stamp: Stamp | None = None
    _seen: set[int] = field(default_factory=set)
    _raw: NDArray[np.complex64] | None = None

    def add(self, line: MrdLine) -> tuple[Stamp, NDArray[np.complex64], int] | None:
        """Take a line; return stamp, image and time stamp when it completes one.

        Raises
        ------
        ImageError
            When the line does not fit the protocol.
        """
        header = line.header
        if int(header["flags"]) & NOT_IMAGING:
            return None
        nx, ny = self.protocol.matrix
        at = int(header["kspace_encode_step_1"])
        if line.samples.shape != (self.protocol.coils, nx) or at >= ny:
            raise ImageError(
                f"Line {at} has {line.samples.shape[1]} samples of {len(line.samples)} channels; the "
                f"protocol '{self.protocol.name}' has {ny} lines of {nx} samples of "
                f"{self.protocol.coils}. Remove oversampling before the lines are sent."
            )
        stamp = Stamp(*(int(header[n]) for n in ("measurement_uid", "repetition", "slice")))
        if stamp != self._stamp or self._raw is None:
            self._stamp, self._seen = stamp, set()
            self._raw = np.zeros((self.protocol.coils, nx, ny), np.complex64)
        self._raw[:, :, at] = line.samples
        self._seen.add(at)
        if len(self._seen) < ny:
            return None
        image = image_of(self._raw)
        self._stamp, self._raw = None, None
        shown = image[0] if self.protocol.coils == 1 else image
        return stamp, shown, int(header["acquisition_time_stamp"])
