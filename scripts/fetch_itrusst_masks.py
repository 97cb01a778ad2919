"""Take the skull masks of ITRUSST benchmarks 7 and 8 from PyPI's `neurotechdevkit` wheel.

    python -m pip install h5py
    python scripts/fetch_itrusst_masks.py [FOLDER]

The masks were published with Aubry et al., J. Acoust. Soc. Am. 152:1003 (2022), and are in that
wheel (Apache-2.0) as MATLAB files. The wheel is downloaded with pip, not installed. Written are
`itrusst_skull_bm7.npz` and `..._bm8.npz` (packed bits, below 1 MB) into FOLDER, by default
build/itrusst, where `insonate verify field --slow` looks for them.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

PACKAGE = "neurotechdevkit"
INSIDE = "neurotechdevkit/scenarios/built_in/data/skull_mask_bm{}_dx_0.5mm.mat"


def download(folder: Path) -> Path:
    """Return the wheel, downloaded with pip."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), PACKAGE]
    finished = subprocess.run(command, check=False)
    wheels = list(folder.glob("*.whl"))
    if finished.returncode or not wheels:
        sys.exit(f"pip could not download {PACKAGE} (see above); is this machine online?")
    return wheels[0]


def packed(mat: Path) -> dict[str, np.ndarray]:
    """Return a mask file of MATLAB as packed bits, axes x, y, z in millimetres."""
    try:
        import h5py  # noqa: PLC0415 - needed here alone
    except ImportError:
        sys.exit("The masks are HDF5 files; install h5py (python -m pip install h5py).")
    with h5py.File(mat) as file:
        masks = {name: np.asarray(file[f"{name}_mask"]).T > 0 for name in ("skull", "brain")}
        scale = 1e3 if float(np.max(file["xi"])) < 1 else 1.0
        axes = {f"{a}_mm": np.ravel(file[f"{a}i"]) * scale for a in "xyz"}
    shape = masks["skull"].shape
    if shape != tuple(len(axis) for axis in axes.values()):
        sys.exit(f"{mat.name} has masks of {shape}, which its axes do not fit.")
    bits = {name: np.packbits(mask) for name, mask in masks.items()}
    return {**bits, **axes, "shape": np.array(shape)}


def main() -> None:
    """Download, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/itrusst"))
    out = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        wheel = download(Path(name))
        arrays = {}
        with zipfile.ZipFile(wheel) as archive:
            for benchmark in (7, 8):
                arrays[benchmark] = packed(
                    Path(archive.extract(INSIDE.format(benchmark), name))
                )
    out.mkdir(parents=True, exist_ok=True)
    for benchmark, values in arrays.items():
        path = out / f"itrusst_skull_bm{benchmark}.npz"
        np.savez_compressed(path, **values)
        print(f"{path}: {' × '.join(map(str, values['shape']))} voxels, from {wheel.name}")


if __name__ == "__main__":
    main()
