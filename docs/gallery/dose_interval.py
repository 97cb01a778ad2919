"""From complex images to a dose interval in twenty lines, on images that a virtual scanner makes."""

import numpy as np

from insonate.thermometry import (
    CLINICAL_3T,
    Course,
    PowerPiece,
    Series,
    acquire,
    dose_interval,
    follow,
    observe_frame,
    rise_at,
    spot_bank,
)
from insonate.verification.thermal_slice import CENTRE_M, HotSpot, ellipse_anatomy

slice_, rng, frame_s = ellipse_anatomy(CLINICAL_3T), np.random.default_rng(0), 3.4
spot = HotSpot(CENTRE_M, peak_k=1.0).cells(slice_.geometry)
images = [  # yours: complex arrays, and your own header; here four references, then heat
    acquire(slice_, CLINICAL_3T, spot * kelvin, drift_ppm=0.003 * n, rng=rng)
    for n, kelvin in enumerate([0.0] * 4 + [6.0, 14.0, 18.0, 9.0, 4.5, 2.2])
]
power = (PowerPiece(start_s=4 * frame_s, end_s=4 * frame_s + 10.0, power_w=400.0),)
series, course, voxel = Series(CLINICAL_3T), Course.begin(spot_bank(), places=1), (128, 128)
for n, image in enumerate(images):
    window = (n * frame_s, (n + 1) * frame_s)
    series, reading = follow(series, image, window)
    if reading is not None:
        found = reading.thermogram
        seen = [found.delta_t_k[voxel]], [found.sigma_k[voxel]]
        course = observe_frame(course, *seen, window, power)
        now, sigma = rise_at(course, power, window[1])
        print(f"{window[1]:5.1f} s  ΔT {now[0]:5.1f} ± {sigma[0]:.1f} K")
dose = dose_interval(course, power, window[1], baseline_degc=37.0)
print(f"dose {dose.low[0]:.0f} to {dose.high[0]:.0f} CEM43, middle {dose.middle[0]:.0f}")
