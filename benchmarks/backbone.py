"""Train the network that comes with the package, ``source="mnist-compact"``, and write its record.

It learns MNIST's 60,000 training images in more ways than they were written: turned, sheared,
larger or smaller in their frame, thicker or thinner, and seen at as few as seven by seven pixels,
so that its features do not depend on how a scanner framed and sampled the digits. The changes and
the number of epochs were chosen on the last 10,000 training images and on the first 1,000 of
scikit-learn's 1,797 digits; the test images are looked at once.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/backbone.py
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import torch
from _record import write_record
from torch.nn import functional

from skdeepopt import CNNClassifier, save
from skdeepopt.datasets import load_mnist

TOGETHER = 16
"""Images that share their changes."""


class Handwriting:
    """Digits as other hands, frames and scanners would give them, a batch at a time.

    Parameters
    ----------
    zoom, aspect : tuple of (low, high)
        Factors of the size, and of width over height.
    rotation : float
        Largest angle to either side, in degrees.
    shear, shift : float
        Largest shear, and move along each axis as a share of the side.
    inked, coarse : float
        Share of the images whose strokes get another width, and another resolution.
    pixels : tuple of (low, high)
        Sides of the images at another resolution.
    """

    def __init__(
        self,
        *,
        zoom: tuple[float, float] = (0.8, 1.4),
        aspect: tuple[float, float] = (0.75, 1.33),
        rotation: float = 12.0,
        shear: float = 0.2,
        shift: float = 0.08,
        inked: float = 0.5,
        coarse: float = 0.6,
        pixels: tuple[int, int] = (7, 28),
    ) -> None:
        self.zoom = zoom
        self.aspect = aspect
        self.rotation = rotation
        self.shear = shear
        self.shift = shift
        self.inked = inked
        self.coarse = coarse
        self.pixels = pixels

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed images of shape (n_samples, 1, side, side), pixels from 0 to 255."""
        n_samples, _, *sides = images.shape
        n_groups = -(-n_samples // TOGETHER)
        padded = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, n_groups * TOGETHER - n_samples))
        groups = padded.reshape(n_groups, TOGETHER, *sides)
        maps = self._maps(n_groups, generator)
        grid = functional.affine_grid(maps, [n_groups, 1, *sides], align_corners=False)
        moved = functional.grid_sample(groups, grid, align_corners=False)
        inked = self._inked(moved, generator)
        return self._coarse(inked, generator).reshape(padded.shape)[:n_samples]

    def _maps(self, n_groups: int, generator: torch.Generator) -> torch.Tensor:
        angle = torch.deg2rad(_between(-self.rotation, self.rotation, n_groups, generator))
        size = 1 / _between(*self.zoom, n_groups, generator)
        aspect = _between(*self.aspect, n_groups, generator)
        shear = _between(-self.shear, self.shear, n_groups, generator)
        maps = torch.zeros(n_groups, 2, 3)
        maps[:, 0, 0] = angle.cos() * size * aspect
        maps[:, 0, 1] = (shear - angle.sin()) * size
        maps[:, 1, 0] = angle.sin() * size
        maps[:, 1, 1] = angle.cos() * size / aspect
        for axis in range(2):
            maps[:, axis, 2] = 2 * _between(-self.shift, self.shift, n_groups, generator)
        return maps

    def _inked(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Strokes cut out anew of a blurred image, at a level that makes them thick or thin."""
        n_groups = len(images)
        blurred = functional.avg_pool2d(images, 3, 1, 1) / 255
        level, sharpness, chance = (
            _between(low, high, n_groups, generator).reshape(-1, 1, 1, 1)
            for low, high in ((0.1, 0.6), (4.0, 16.0), (0.0, 1.0))
        )
        strokes = 255 * torch.sigmoid(sharpness * (blurred - level))
        return torch.where(chance < self.inked, strokes, images)

    def _coarse(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        chances = _between(0.0, 1.0, len(images), generator).tolist()
        sides = torch.randint(*self.pixels, (len(images),), generator=generator).tolist()
        both = zip(images.split(1), chances, sides, strict=True)
        return torch.cat([_seen_at(g, s) if c < self.coarse else g for g, c, s in both])


def _between(low: float, high: float, count: int, generator: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _seen_at(images: torch.Tensor, side: int) -> torch.Tensor:
    """Sampled to so many pixels a side, and back."""
    small = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return functional.interpolate(small, size=images.shape[-2:], mode="bilinear")


def main() -> None:
    """Train, write the file, and the record with its digest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("mnist-compact.skdo"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_mnist()
    settings = {"architecture": "compact", "max_epochs": options.epochs, "random_state": 0}
    model = CNNClassifier(**settings, augment=Handwriting())
    start = time.process_time()
    model.fit(data.X_train, data.y_train)
    seconds = time.process_time() - start
    model.set_params(augment=None)
    content = save(model, options.out, lossy="history").read_bytes()
    results = {
        "accuracy": float(model.score(data.X_test, data.y_test)),
        "seconds": seconds,
        "n_parameters": model.n_parameters_,
        "file_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    print(results)
    config = {**settings, "augment": vars(Handwriting()), "threads": 1}
    write_record("backbone", config, results)


if __name__ == "__main__":
    main()
