"""OpenIGTLink out: temperature, its standard deviation and dose for 3D Slicer, with where they lie.

Messages are packed by ``pyigtl``; the socket is ours, because its server looks for something to send
only every 10 ms and takes the process's signals. A client that disappears or is too slow is dropped.
"""

import socket
import threading
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.core.units import MM
from insonate.thermometry.series import Reading

DEVICES = {"insonate_delta_t_K": "delta_t", "insonate_sigma_K": "sigma", "insonate_dose_CEM43": "dose"}  # fmt: skip
"""Device names of the images, as Slicer lists them; OpenIGTLink takes 20 characters."""
TRANSFORM = "insonate_slice"
_PATIENCE_S = 0.5


def _pyigtl() -> Any:
    try:
        import pyigtl  # noqa: PLC0415 - an extra, imported only when it is used
    except ImportError as error:
        raise SettingsError(
            "OpenIGTLink needs the package pyigtl; install insonate[streams]."
        ) from error
    return pyigtl


def packed(reading: Reading, affine_m: NDArray[np.float64] | None = None) -> list[bytes]:
    """Return a reading as OpenIGTLink messages: a transform, and an image for each map.

    Parameters
    ----------
    reading
        What is sent; masked voxels are NaN.
    affine_m
        Shape (4, 4): index (i, j, k) to patient RAS metres; voxels of 1 mm when left out.

    Returns
    -------
    list of bytes
        The transform ``insonate_slice``, then the images of ``DEVICES``.
    """
    library = _pyigtl()
    affine = np.eye(4) if affine_m is None else np.array(affine_m, np.float64)
    if affine_m is not None:
        affine[:3] /= MM
    maps = {
        "delta_t": reading.thermogram.delta_t_k,
        "sigma": reading.thermogram.sigma_k,
        "dose": reading.dose.cem43,
    }
    messages = [library.TransformMessage(affine, device_name=TRANSFORM)]
    for device, name in DEVICES.items():
        voxels = np.ascontiguousarray(maps[name].T[None], np.float32)
        messages.append(
            library.ImageMessage(
                voxels,
                ijk_to_world_matrix=affine,
                world_coordinate_system="ras",
                device_name=device,
            )
        )
    return [bytes(message.pack()) for message in messages]


class IgtlSender:
    """Sends every reading to whoever is connected; use it as a context.

    Parameters
    ----------
    host, port
        Where Slicer connects to; 18944 is OpenIGTLink's own, 0 takes a free one.

    Raises
    ------
    SettingsError
        When pyigtl is missing or the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 18944) -> None:
        _pyigtl()
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise SettingsError(
                f"OpenIGTLink cannot listen on {host}:{port}: {error.strerror}."
            ) from error
        self._clients: list[socket.socket] = []
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def listeners(self) -> int:
        """How many are connected."""
        with self._lock:
            return len(self._clients)

    def send(self, reading: Reading, affine_m: NDArray[np.float64] | None = None) -> None:
        """Send a reading to all; a client that does not take it is dropped."""
        content = b"".join(packed(reading, affine_m))
        with self._lock:
            self._clients = [c for c in self._clients if _sent(c, content)]

    def close(self) -> None:
        """Let everyone go and stop."""
        self._closing.set()
        self._thread.join()
        with self._lock:
            for client in self._clients:
                client.close()
        self._socket.close()

    def __enter__(self) -> "IgtlSender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError, OSError):
                client, _ = self._socket.accept()
                client.settimeout(_PATIENCE_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._clients.append(client)


def _sent(client: socket.socket, content: bytes) -> bool:
    try:
        client.sendall(content)
    except OSError:
        client.close()
        return False
    return True
