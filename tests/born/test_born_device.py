"""The path of the GPU, run with NumPy in CuPy's place: the same field, and sentences without it."""

import importlib
import types

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.field.born import WATER, BornOptions, device, point_source, solve_born
from insonate.field.born.options import Absorber
from insonate.field.born.profiles import Layers, layered_medium
from insonate.verification import born

OPTIONS = {"tolerance": 1e-2, "absorber": Absorber(cells=12)}


@pytest.fixture
def in_its_place(monkeypatch):
    """Let NumPy stand in for CuPy."""
    monkeypatch.setattr(device, "cuda_backend", device.host_backend)


def solved(where, fluid=born.BONE):
    medium = layered_medium(
        Layers((WATER, fluid, WATER), (-1e-3, 1e-3)),
        born.small_grid((20, 18, 16)),
        born.SMALL_HZ,
    )
    source = point_source((-3e-3, 0.4e-3, 0.0))
    return solve_born(medium, source, options=BornOptions(**OPTIONS, device=where))


@pytest.mark.usefixtures("in_its_place")
def test_the_device_gives_the_same_field_and_names_itself():
    cpu, cuda = solved("cpu"), solved("cuda")
    assert cuda.convergence.iterations == cpu.convergence.iterations
    assert born.device_difference(cuda, cpu) < 1e-5
    assert cpu.provenance["device"] == "cpu"
    assert cuda.provenance["device"].startswith("numpy")
    assert "fft" in cuda.provenance["fft"]
    assert np.isclose(cuda.error_estimate, cpu.error_estimate, rtol=1e-2)
    # the wrong subject: bone of another density
    other = solved("cuda", type(born.BONE)(2800.0, 1750.0, 30.0))
    assert born.device_difference(other, cpu) > 1e-3


def test_a_solve_on_a_device_that_is_not_there_is_one_sentence(monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name.startswith("cupy"):
            raise ImportError("No module named 'cupy'.")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(SettingsError, match=r"needs CuPy.*insonate\[cuda\].*device 'cpu'\.$"):
        solved("cuda")
    assert not device.available()
    (check,) = born.device_checks()
    assert not check.passed
    assert "not compared: no GPU" in check.check


def test_cupy_without_a_gpu_is_one_sentence(monkeypatch):
    class NoDriverError(RuntimeError):
        pass

    def count(_):
        raise NoDriverError("cudaErrorNoDevice: no CUDA-capable device is detected")

    runtime = types.SimpleNamespace(CUDARuntimeError=NoDriverError, getDeviceProperties=count)
    cuda = types.SimpleNamespace(runtime=runtime, Device=lambda: types.SimpleNamespace(id=0))
    cupy = types.SimpleNamespace(cuda=cuda)
    monkeypatch.setattr(importlib, "import_module", lambda name: cupy)
    with pytest.raises(
        SettingsError, match=r"finds no GPU.*no CUDA-capable device is detected"
    ):
        device.cuda_backend()


def test_a_device_that_is_too_small_is_refused_before_anything_is_sent(monkeypatch):
    tiny = device.Backend(np, None, None, None, lambda: 10**6, "tiny")
    monkeypatch.setattr(device, "cuda_backend", lambda: tiny)
    with pytest.raises(SettingsError, match=r"GiB on the GPU.*times as large would fit"):
        solved("cuda")


@pytest.mark.usefixtures("in_its_place")
def test_the_check_of_the_device_compares_where_there_is_one():
    check = next(born.device_checks())
    assert check.passed
    assert check.value < 1e-5
