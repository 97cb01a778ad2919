"""The virtual scanner over a real wire: its images as MRD through the server, and back to the port.

A rehearsal needs no wire. With one it goes the way of a live scanner, byte by byte: client, socket,
server, conversation, the same follower, the same port. What is measured is the same, bit for bit.
"""

import threading
import time
from types import TracebackType

from insonate.core import ImageError
from insonate.plant import VirtualScanner
from insonate.streams import MrdClient, MrdServer, ServerOptions
from insonate.thermometry.port import FramePort, Scan
from insonate.thermometry.series import SeriesOptions

PATIENCE_S = 30.0
"""An image on loopback is dealt with in milliseconds."""


class Loopback:
    """Receives a scanner's images by way of an MRD server; use it as a context.

    Parameters
    ----------
    scanner
        Whose images they are.
    port
        Where what follows from them arrives.
    """

    def __init__(self, scanner: VirtualScanner, port: FramePort) -> None:
        self._server = MrdServer(
            scanner.protocol,
            SeriesOptions(),
            ServerOptions(port=0),
            port.hear,
            begin=scanner.series,
        )
        try:
            self._client = MrdClient("127.0.0.1", self._server.port, scanner.protocol)
        except BaseException:
            self._server.close()
            raise
        self._sent = 0
        # What comes back is what the port has, too; unread, it would block the server.
        self._drain = threading.Thread(target=self._client.drain, daemon=True)
        self._drain.start()

    def take(self, scan: Scan) -> None:
        """Send one image, and wait until the server has dealt with it.

        Raises
        ------
        ImageError
            When the server is silent.
        """
        self._client.send(
            scan.image,
            scan.stamp.repetition,
            measurement=scan.stamp.measurement,
            slice_number=scan.stamp.slice,
            window_s=scan.window_s,
        )
        self._sent += 1
        end = time.monotonic() + PATIENCE_S
        while self._server.images < self._sent:
            if time.monotonic() > end:
                raise ImageError(
                    f"The MRD server did not take an image within {PATIENCE_S:g} s; run the rehearsal "
                    "without --stream."
                )
            time.sleep(1e-3)

    def close(self) -> None:
        """Let client and server go."""
        self._server.close()
        self._drain.join()
        self._client.__exit__()

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
