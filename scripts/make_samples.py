"""Rebuild the sample head and the atlas from their Debian packages, and check every sum.

    python scripts/make_samples.py [--debs FOLDER] [--root FOLDER]

Without ``--debs`` the two packages are fetched with ``apt-get download`` (Debian bookworm).
The results are committed; run this only to see that they can be made again.
"""

import argparse
import gzip
import hashlib
import plistlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

from insonate.core import Frame, Grid, Volume
from insonate.core.frames import affine_from
from insonate.images.cropping import bounding_box, crop_to_head
from insonate.images.resampling import cut_box, resample_band_limited
from insonate.images.writing import nifti_bytes

PACKAGES = {
    "invesalius-examples": "f2f14bdfef6dc3812eafc5013d133c6c18370aaab5666b78d54af2e7db432f97",
    "mricron-data": "d40aa0ed66cf89bf6cafa049ad3884703c9d975c2ee2737525b7196528df9d6f",
}
"""SHA-256 of invesalius-examples 3.1.99998-4 and mricron-data 1.2.20211006+dfsg-4."""

RESULTS = {
    "samples/cranium/ct.nii.gz": (
        "4a1a82444f4cbd49687ef63cfb8f5ea84415fba7e3c40a044e58dcaffd16121b"
    ),
    "src/insonate/images/atlas/colin27_t1.nii.gz": (
        "2c4cd243d1f698329958bfca0ad0609c8586c4216e61adbf6990e0ec002fa13d"
    ),
}
"""SHA-256 of the uncompressed NIfTI files: the same whatever zlib compressed them."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def download(folder: Path) -> None:
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)


def unpack(debs: Path, folder: Path) -> None:
    """Check each package's sum and unpack it."""
    for name, expected in PACKAGES.items():
        found = sorted(debs.glob(f"{name}_*.deb"))
        if len(found) != 1:
            sys.exit(f"{debs} holds {len(found)} packages {name}_*.deb; it must hold one.")
        total = sha256(found[0].read_bytes())
        if total != expected:
            sys.exit(f"{found[0].name} has SHA-256 {total}, but {expected} is expected.")
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(folder)], check=True)


def scan_of_cranium(project: Path) -> Volume:
    """Read the InVesalius project: a gzip tar with a property list and raw HU (z, y, x).

    Rows grow to anterior and slices to superior, which the pictures show. Nothing in the file
    tells left from right: columns are taken to grow to the patient's left, as InVesalius
    labels them on screen, so they are reversed to make x grow to the right.
    """
    with tarfile.open(project, "r:gz") as archive:
        members = {Path(member.name).name: member for member in archive.getmembers()}

        def content(name: str) -> bytes:
            file = archive.extractfile(members[name])
            if file is None:
                sys.exit(f"{project} holds no {name}.")
            return file.read()

        about = plistlib.loads(content("main.plist"))
        raw = np.frombuffer(content(about["matrix"]["filename"]), about["matrix"]["dtype"])
    array = raw.reshape(about["matrix"]["shape"]).transpose(2, 1, 0)[::-1]
    spacing = np.array(about["spacing"]) * 1e-3
    grid = Grid(array.shape, affine_from(np.diag(spacing), np.zeros(3)), Frame.CT)
    return Volume(array, grid, "HU")


def centred(volume: Volume) -> Volume:
    """Put the origin into the middle of the box, on a voxel's centre."""
    middle = np.asarray(volume.grid.shape) // 2 * volume.grid.spacing_m
    affine = affine_from(np.diag(volume.grid.spacing_m), -middle)
    return Volume(volume.array, Grid(volume.grid.shape, affine, volume.frame), volume.unit)


def make_ct(folder: Path) -> bytes:
    [project] = folder.glob("usr/share/**/Cranium.inv3")
    head = crop_to_head(scan_of_cranium(project))
    resampled = centred(resample_band_limited(head, 1e-3))
    return nifti_bytes(resampled, "CT, HU; left and right are not known")


def make_atlas(folder: Path) -> bytes:
    """Cut the empty border off Colin27 (1 mm, MNI space); the values stay as they are."""
    [path] = folder.glob("usr/share/**/templates/ch2.nii.gz")
    image = nib.load(path)
    affine = np.array(image.affine)
    affine[:3] *= 1e-3
    array = np.asarray(image.dataobj)
    volume = Volume(array, Grid(array.shape, affine, Frame.ATLAS), "1")
    low, high = bounding_box(array > 10)
    return nifti_bytes(cut_box(volume, low - 2, high + 2), "Colin27 T1, MNI space, RAS mm")


def write(path: Path, content: bytes) -> bool:
    """Write compressed, and say whether the sum is the expected one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 9, mtime=0))
    total = sha256(content)
    name = next(name for name in RESULTS if path.as_posix().endswith(name))
    same = total == RESULTS[name]
    print(f"{name}: {path.stat().st_size} bytes, SHA-256 of its content {total}")
    if not same:
        print(f"  expected {RESULTS[name]}: not the same")
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debs", type=Path, help="folder that holds the two packages")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).resolve().parent.parent,
        help="where samples/ and src/ are written",
    )
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if settings.debs is None:
            download(folder)
        unpack(settings.debs or folder, folder / "unpacked")
        made = zip(RESULTS, (make_ct, make_atlas), strict=True)
        same = [write(settings.root / name, make(folder / "unpacked")) for name, make in made]
    return 0 if all(same) else 1


if __name__ == "__main__":
    raise SystemExit(main())
