"""Make the figures of the page *How the field is computed*, each computed now by the engine.

python scripts/make_field_figures.py [NAME ...]

About two minutes of processor time. Each PNG has at most 96 colours, so that it is small enough
to be committed.
"""

import argparse
import io
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import maximum_filter1d

from insonate.core import Frame, Grid
from insonate.core.frames import affine_from
from insonate.field.born import WATER, BornOptions, solve_born
from insonate.field.born.box import padding_for, smooth_step
from insonate.field.born.iteration import shift_for
from insonate.field.born.machines import machine_for
from insonate.field.born.options import Absorber
from insonate.field.born.profiles import Layers, layered_medium
from insonate.field.born.solve import CHECK_EVERY
from insonate.field.born.watch import Watch
from insonate.verification import itrusst
from insonate.verification.layered import transmission

OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures"
COLOURS = 96
LARGEST_BYTES = 200_000
F = itrusst.FREQUENCY_HZ
BONE = itrusst.CORTICAL
K0 = 2 * np.pi * F / WATER.sound_speed
THICKNESS = 6.3e-3
FIRST = 60e-3
LENGTH = 130e-3
DARK, BLUE, RED, GREEN = "#222222", "#1f5fa8", "#c0392b", "#2e8b57"
KINDS = {"staircase": RED, "cell average": "#d98c1f", "band-limited": BLUE}


def share_inside(low, high, first, last):
    """Return how much of each cell [low, high] lies in the slab."""
    overlap = np.minimum(high, last) - np.maximum(low, first)
    return np.clip(overlap / (high - low), 0, 1)


def slab_density(kind, x, spacing, first):
    """Return ρ of the slab at x, by one of the three representations."""
    last = first + THICKNESS
    if kind == "band-limited":
        line = Grid(
            (len(x), 1, 1), affine_from(np.eye(3) * spacing, (x[0], 0, 0)), Frame.TRANSDUCER
        )
        medium = layered_medium(Layers((WATER, BONE, WATER), (first, last)), line, F)
        return medium.root_density[:, 0, 0].astype(float) ** 2
    half = 0.5 * spacing
    inside = (
        share_inside(x - half, x + half, first, last)
        if kind == "cell average"
        else ((x >= first) & (x < last)).astype(float)
    )
    return WATER.density + (BONE.density - WATER.density) * inside


def representation():
    """ρ across a slab, and its spectrum beyond what the grid carries."""
    spacing, first = 0.5e-3, FIRST + 0.15e-3
    x = np.arange(round(LENGTH / spacing)) * spacing
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.4))
    for kind, colour in KINDS.items():
        rho = slab_density(kind, x, spacing, first)
        near = np.abs(x - first - THICKNESS / 2) < 6e-3
        left.plot(x[near] * 1e3, rho[near], "o-", ms=3, lw=1, color=colour, label=kind)
    edge = np.array(
        (first - 3e-3, first, first, first + THICKNESS, first + THICKNESS, first + 9.5e-3)
    )
    left.plot(
        edge * 1e3, (1000, 1000, 1850, 1850, 1000, 1000), color=DARK, lw=0.8, label="true"
    )
    left.set(xlabel="x, mm", ylabel="ρ, kg/m³", title="A slab of bone on a grid of 0.5 mm")
    left.legend(fontsize=8, loc="lower center")
    spectra(right, spacing, first)
    return figure


def spectra(axes, spacing, first):
    """Draw the error of ρ̂ over the largest ρ̂ of the true slab nearby, up to the grid's Nyquist."""
    n = round(LENGTH / spacing)
    x = np.arange(n) * spacing
    q = 2 * np.pi * np.fft.rfftfreq(n, spacing)
    jump = BONE.density - WATER.density
    true = jump * slab_transform(q, first, first + THICKNESS) / spacing
    for kind, colour in KINDS.items():
        rho = slab_density(kind, x, spacing, first) - WATER.density
        wrong = lobes(np.abs(np.fft.rfft(rho) - true)) / lobes(np.abs(true))
        axes.semilogy(
            q * spacing / np.pi, np.maximum(wrong, 1e-5), color=colour, lw=1, label=kind
        )
    axes.axvline(2 * spacing * F / WATER.sound_speed, color=DARK, lw=0.6, ls=":")
    axes.set(xlim=(0, 1), ylim=(1e-4, 3), xlabel="wavenumber over the grid's Nyquist")
    axes.set_title("Relative error of the spectrum of ρ (dotted: k₀)")
    axes.legend(fontsize=8, loc="center right")


def lobes(spectrum):
    """Return the largest value within a period of the slab's zeros."""
    return maximum_filter1d(spectrum, round(LENGTH / THICKNESS) + 1)


def slab_transform(q, first, last):
    """Return ∫ exp(-iqx) dx over the slab."""
    safe = np.where(q == 0, 1.0, q)
    values = (np.exp(-1j * q * first) - np.exp(-1j * q * last)) / (1j * safe)
    return np.where(q == 0, last - first, values)


def potential():
    """U across a slab, on a line and at the grid's points."""
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.2), sharey=True)
    for panel, points in zip(axes, (6, 8, 12), strict=True):
        spacing = WATER.sound_speed / F / points
        for step, style in (
            (spacing / 16, {"lw": 1}),
            (spacing, {"lw": 0, "marker": "o", "ms": 3}),
        ):
            x, u = slab_potential(spacing, step)
            panel.plot(x * 1e3, u / K0**2, color=BLUE, **style)
        bone = (BONE.wavenumber(F) ** 2).real / K0**2
        panel.plot((-4, 0, 0, 6.3, 6.3, 10.5), (1, 1, bone, bone, 1, 1), color=DARK, lw=0.8)
        panel.set(xlabel="x, mm", title=f"{points} points per wavelength", xlim=(-4, 10.5))
    axes[0].set_ylabel("Re U / k₀²")
    return figure


def slab_potential(spacing, step):
    """Return x and Re U of a slab that begins at 0, made for one spacing, looked up at another."""
    layers = Layers((WATER, BONE, WATER), (0.0, THICKNESS))
    parts = round(spacing / step)
    fine = []
    # the same band-limited line, looked up on grids that are moved by parts of a cell
    for part in range(parts):
        origin = (-4e-3 + part * step, 0, 0)
        n = int(14.5e-3 / spacing)
        line = Grid((n, 1, 1), affine_from(np.eye(3) * spacing, origin), Frame.TRANSDUCER)
        fine.append(layered_medium(layers, line, F).potential[:, 0, 0].real.astype(float))
    values = np.stack(fine, axis=1).ravel()
    return -4e-3 + step * np.arange(len(values)), values


def slab_error():
    """Error of |T| behind a slab against its place between grid points."""
    moves = np.arange(16) / 16
    exact = abs(transmission(((BONE, THICKNESS),), (WATER, WATER), F))
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.4), sharey=True)
    for panel, points in zip(axes, (6, 8, 12), strict=True):
        spacing = WATER.sound_speed / F / points
        for kind, colour in KINDS.items():
            errors = [abs(transmitted(kind, spacing, m) / exact - 1) for m in moves]
            label = f"{kind}, mean {np.mean(errors):.2%}"
            panel.semilogy(
                moves, np.maximum(errors, 1e-4), "o-", ms=3, lw=1, color=colour, label=label
            )
        panel.set(
            xlabel="place between grid points, cells", title=f"{points} points per wavelength"
        )
        panel.legend(fontsize=7, loc="upper right")
    axes[0].set(ylabel="error of |T|, 1", ylim=(1e-4, 3))
    return figure


def transmitted(kind, spacing, move):
    """Return |T| of a slab on a grid: everything solved by one dense matrix, Fourier derivatives."""
    n = int(LENGTH / spacing)
    x = np.arange(n) * spacing
    q = 2 * np.pi * np.fft.fftfreq(n, spacing)
    first = (round(FIRST / spacing) + move) * spacing
    ramp = np.clip(1 - np.minimum(x, x[-1] - x) / 25e-3, 0, 1)
    absorber = 0.6j * K0**2 * ramp**2
    source = (np.arange(n) == int(30e-3 / spacing)).astype(complex)
    at = int(95e-3 / spacing)
    fourier = np.fft.fft(np.eye(n), axis=0)
    water = np.fft.ifft(-(q[:, None] ** 2) * fourier, axis=0) + np.diag(K0**2 + absorber)
    behind = np.linalg.solve(slab_operator(kind, x, spacing, first) + np.diag(absorber), source)
    return abs(behind[at] / np.linalg.solve(water, source)[at])


def slab_operator(kind, x, spacing, first):
    """Return the wave operator of the slab, ∇²+U for ours, ρ∇·ρ⁻¹∇ + ω²ρκ for the others."""
    n = len(x)
    q = 2 * np.pi * np.fft.fftfreq(n, spacing)
    fourier = np.fft.fft(np.eye(n), axis=0)
    if kind == "band-limited":
        line = Grid((n, 1, 1), affine_from(np.eye(3) * spacing, (0, 0, 0)), Frame.TRANSDUCER)
        medium = layered_medium(
            Layers((WATER, BONE, WATER), (first, first + THICKNESS)), line, F
        )
        u = medium.potential[:, 0, 0].astype(complex)
        return np.fft.ifft(-(q[:, None] ** 2) * fourier, axis=0) + np.diag(u)
    forth = np.fft.ifft(1j * q[:, None] * np.exp(0.5j * q[:, None] * spacing) * fourier, axis=0)
    back = np.fft.ifft(1j * q[:, None] * np.exp(-0.5j * q[:, None] * spacing) * fourier, axis=0)
    between = slab_density(kind, x + spacing / 2, spacing, first)
    here = (slab_density(kind, x, spacing, first) - WATER.density) / (
        BONE.density - WATER.density
    )
    water, bone = WATER.compressibility(F), BONE.compressibility(F)
    kappa = water + (bone - water) * here
    operator = back @ (forth / between[:, None]) + np.diag((2 * np.pi * F) ** 2 * kappa)
    return operator * WATER.density


def absorber():
    """Draw what the layer round the grid sends back or lets through, against its thickness."""
    cells = np.arange(8, 33)
    figure, panel = plt.subplots(figsize=(5.6, 3.4))
    for angle, colour in ((0, DARK), (20, GREEN), (40, BLUE), (55, RED)):
        worst = [sent_back(c, Absorber(int(c)).strength, np.deg2rad(angle)) for c in cells]
        panel.semilogy(cells, worst, "o-", ms=3, lw=1, color=colour, label=f"{angle}°")
    panel.axvline(Absorber().cells, color="#999999", lw=0.8)
    panel.set(xlabel="cells on either side (6 points per wavelength)", ylabel="amplitude, 1")
    panel.set_title("Sent back or let through by the absorber")
    panel.legend(fontsize=8, title="angle of incidence", title_fontsize=8)
    return figure


def sent_back(cells, strength, angle, fine=40):
    """Return max(|R|, |T|) of a layer and its neighbour's, by the exact matrices of thin slices."""
    step = WATER.sound_speed / F / 6 / fine
    t = (np.arange(2 * cells * fine) + 0.5) / (cells * fine)
    ramp = smooth_step(np.minimum(t, 2 - t))
    outside = K0 * np.cos(angle)
    k = np.sqrt(outside**2 + 1j * strength * K0**2 * ramp)
    p, slope = 1.0 + 0j, 1j * outside
    for k_slice in k[::-1]:
        c, s = np.cos(k_slice * step), np.sin(k_slice * step)
        p, slope = c * p - s / k_slice * slope, k_slice * s * p + c * slope
    forth, back = 0.5 * (p + slope / (1j * outside)), 0.5 * (p - slope / (1j * outside))
    return max(abs(back / forth), abs(1 / forth))


def convergence():
    """Residual, foretold change and true error of |p| behind the bone, ITRUSST 3."""
    iterations, residual, foretold, planes = followed(itrusst.medium(3, itrusst.grid()))
    exact = np.abs(itrusst.exact(3, 1))[round(itrusst.BEHIND_BONE_M / 0.5e-3) :]
    top = exact.max()
    true = [np.abs(p - exact).max() / top for p in planes]
    left = [np.abs(p - planes[-1]).max() / top for p in planes[:-4]]
    figure, panel = plt.subplots(figsize=(6.4, 3.6))
    panel.semilogy(iterations, residual, color="#999999", lw=1, label="residual")
    panel.semilogy(iterations, foretold, color=GREEN, lw=1, label="change of |p| foretold")
    panel.semilogy(iterations[:-4], left, color=BLUE, label="|p| against its last iterate")
    panel.semilogy(iterations, true, color=RED, label="|p| against the exact field")
    panel.axhline(BornOptions().tolerance, color=DARK, lw=0.6, ls=":")
    panel.set(xlabel="iterations", ylabel="1", ylim=(1e-5, 2), title="ITRUSST 3, bowl, 0.5 mm")
    panel.legend(fontsize=8)
    return figure


def followed(medium, last=160):
    """Iterate, and return iterations, residuals, foretold changes and |p| behind the bone."""
    options, source = BornOptions(), itrusst.source(1)
    padding = padding_for(medium.grid.shape, options.absorber)
    blocks = source.blocks(medium)
    machine, watch = (
        machine_for(medium, blocks, padding, options),
        Watch(medium, padding, blocks, options),
    )
    shift = shift_for(medium.bulk, medium.background_wavenumber**2)
    start = round((itrusst.BEHIND_BONE_M + 2.5e-3) / medium.spacing)
    rows = slice(start, start + 241 - round(itrusst.BEHIND_BONE_M / 0.5e-3))
    where = tuple(
        slice(o + s.start, o + s.stop)
        for o, s in zip(padding.offset, (rows, slice(0, 141), slice(70, 71)), strict=True)
    )
    root = medium.root_density[rows, :141, 70]
    rows_of, first = [], None
    for n, step in enumerate(islice(machine.steps(shift), last), 1):
        first = first or step.changed
        if n % CHECK_EVERY == 0:
            watch.look(machine.psi)
            amplitude = np.abs(machine.psi[where][..., 0]) * root
            rows_of.append((n, step.changed / first, watch.expected_change, amplitude))
    return tuple(zip(*rows_of, strict=True))


def plane():
    """|p| of ITRUSST 4 beside the exact field, and their difference."""
    field = solve_born(itrusst.medium(4, itrusst.grid()), itrusst.source(1))
    found, exact = np.abs(itrusst.on_plane(field)), np.abs(itrusst.exact(4, 1))
    first = round(itrusst.BEHIND_BONE_M / 0.5e-3)
    top = exact[first:].max()
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 4.6), sharey=True, layout="constrained")
    extent = (-35.25, 35.25, -0.25, 120.25)
    look = {"extent": extent, "origin": "lower", "interpolation": "nearest"}
    for panel, values, title in zip(
        axes, (found, exact), ("the engine", "exact"), strict=False
    ):
        shown = panel.imshow(values * 1e-3, vmin=0, vmax=top * 1e-3, cmap="magma", **look)
        panel.set(title=f"|p|, {title}, kPa", xlabel="y, mm")
    figure.colorbar(shown, ax=axes[:2], shrink=0.7)
    difference = (found - exact) / top * 100
    difference[:first] = np.nan
    shown = axes[2].imshow(difference, vmin=-1, vmax=1, cmap="RdBu", **look)
    axes[2].set(title="difference behind the bone,\n% of the peak there", xlabel="y, mm")
    axes[2].axhspan(-0.25, itrusst.BEHIND_BONE_M * 1e3, color="#dddddd", lw=0)
    figure.colorbar(shown, ax=axes[2], shrink=0.7, ticks=np.linspace(-1, 1, 21)[::2])
    axes[0].set_ylabel("x, mm")
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "field-representation": representation,
    "field-potential": potential,
    "field-slab-error": slab_error,
    "field-absorber": absorber,
    "field-convergence": convergence,
    "field-plane": plane,
}


def write(name, figure):
    """Write one small PNG."""
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png", bbox_inches="tight")
    plt.close(figure)
    image = Image.open(buffer).convert("RGB").quantize(COLOURS)
    path = OUT / f"{name}.png"
    image.save(path, format="png", optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size / 1024:.0f} KiB")
    if size > LARGEST_BYTES:
        raise SystemExit(f"{path} has {size} bytes; at most {LARGEST_BYTES} are committed.")


def main():
    """Make all figures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    wanted = parser.parse_args().names or list(FIGURES)
    mpl.use("Agg")
    plt.rcParams.update({"font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    for name in wanted:
        write(name, FIGURES[name]())


if __name__ == "__main__":
    main()
