"""OpenIGTLink out: what Slicer's library reads is what was measured, where it lies."""

import time

import numpy as np
import pyigtl
import pytest
from test_streams_mrd import IMAGES, direct, until

from insonate.core import SettingsError
from insonate.streams.igtl import DEVICES, TRANSFORM, IgtlSender, packed

READING = direct()[-1]
AFFINE = np.array(
    [[0.0, -1.1e-3, 0, 0.02], [1.1e-3, 0, 0, -0.03], [0, 0, 3e-3, 0.04], [0, 0, 0, 1]]
)


def test_a_client_gets_maps_and_transform():
    with IgtlSender(port=0) as sender:
        client = pyigtl.OpenIGTLinkClient("127.0.0.1", sender.port)
        until(lambda: sender.listeners == 1)
        sender.send(READING, AFFINE)
        transform = client.wait_for_message(TRANSFORM, timeout=3)
        maps = {name: client.wait_for_message(name, timeout=3) for name in DEVICES}
        client.stop()
    assert transform.matrix[:3, 3] == pytest.approx([20.0, -30.0, 40.0])
    shown = maps["insonate_delta_t_K"]
    assert np.array_equal(shown.image[0].T, READING.thermogram.delta_t_k, equal_nan=True)
    world = shown.ijk_to_world_matrix
    sign = -1 if str(shown.world_coordinate_system).lower() == "lps" else 1
    assert world[:3, :3] == pytest.approx(
        np.diag([sign, sign, 1]) @ AFFINE[:3, :3] * 1e3, abs=1e-3
    )


def test_a_client_that_leaves_is_dropped_and_the_others_stay():
    with IgtlSender(port=0) as sender:
        leaving = pyigtl.OpenIGTLinkClient("127.0.0.1", sender.port)
        staying = pyigtl.OpenIGTLinkClient("127.0.0.1", sender.port)
        until(lambda: sender.listeners == 2)
        leaving.stop()
        leaving.socket.close()
        for _ in range(20):
            sender.send(READING)
            time.sleep(0.02)
        assert sender.listeners == 1
        assert staying.wait_for_message("insonate_dose_CEM43", timeout=3) is not None
        staying.stop()


def test_messages_are_whole_and_the_port_is_said():
    messages = packed(READING)
    assert len(messages) == 4
    assert len(messages[1]) == 58 + 72 + IMAGES[0].size * 4
    with IgtlSender(port=0) as sender, pytest.raises(SettingsError, match="cannot listen"):
        IgtlSender(port=sender.port)
