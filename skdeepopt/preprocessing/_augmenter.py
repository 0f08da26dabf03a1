"""Random changes of images while a network trains."""

from __future__ import annotations

import math

import torch
from sklearn.base import BaseEstimator
from torch.nn import functional

from skdeepopt._validation import check_flag, check_ratio, check_real

__all__ = ["ImageAugmenter"]

_GROUP = 16
"""Images that share a rotation and stretch."""


class ImageAugmenter(BaseEstimator):
    """Rotate, shift, stretch, flip and cut out, a batch of images at a time.

    Pass it as ``augment`` to an image estimator. It acts while training, never at predict; its
    parameters can be searched as ``augment__rotation`` and so on.

    Parameters
    ----------
    rotation : float, default=0.0
        Largest angle to either side, in degrees.
    shift : float, default=0.0
        Largest move along each axis, as a share of the side, in [0, 1).
    stretch : float, default=0.0
        Largest change of each side's scale, as a share, in [0, 1).
    flip : bool, default=False
        Mirror left and right with probability one half.
    cutout : float, default=0.0
        Side of a square that is blanked at a random place, as a share of the image's side, in
        [0, 1).

    Notes
    -----
    Each image gets its own flip, cutout and, without rotation and stretch, shift by whole pixels.
    Rotations and stretches, with their shifts, are shared by 16 images of a batch, which makes
    them several times faster. Pixels from outside the image are zero.

    References
    ----------
    Simard, Steinkraus & Platt (2003), Best Practices for Convolutional Neural Networks, section 2
    (affine distortions). DeVries & Taylor (2017), arXiv:1708.04552 (cutout).

    Examples
    --------
    >>> import torch
    >>> images = torch.ones(2, 1, 8, 8)
    >>> ImageAugmenter()(images, torch.Generator()) is images
    True
    >>> ImageAugmenter(shift=0.2)(images, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self,
        *,
        rotation: float = 0.0,
        shift: float = 0.0,
        stretch: float = 0.0,
        flip: bool = False,
        cutout: float = 0.0,
    ) -> None:
        self.rotation = rotation
        self.shift = shift
        self.stretch = stretch
        self.flip = flip
        self.cutout = cutout

    def check(self) -> ImageAugmenter:
        """Check the parameters, and return self.

        Raises
        ------
        TypeError, ValueError
            A parameter is out of its range.
        """
        check_real(self, "rotation")
        for name in ("shift", "stretch", "cutout"):
            check_ratio(self, name)
        check_flag(self, "flip")
        return self

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed float images of shape (n_samples, channels, height, width).

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
        generator : torch.Generator
            Source of the randomness, on the CPU.
        """
        images = self._flipped(images, generator)
        if self.rotation or self.stretch:
            images = self._moved(images, generator)
        else:
            images = self._shifted(images, generator)
        if self.cutout:
            images = self._cut(images, generator)
        return images

    def _moved(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Rotated, stretched and shifted, 16 images by one map: they are read as channels."""
        n_samples, channels, height, width = images.shape
        n_groups = -(-n_samples // _GROUP)
        padded = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, n_groups * _GROUP - n_samples))
        maps = self._affine_maps(n_groups, height / width, generator).to(images.device)
        grid = functional.affine_grid(maps, [n_groups, 1, height, width], align_corners=False)
        groups = padded.reshape(n_groups, _GROUP * channels, height, width)
        moved = functional.grid_sample(groups, grid, align_corners=False)
        return moved.reshape(padded.shape)[:n_samples]

    def _flipped(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if not self.flip:
            return images
        mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        return torch.where(mirrored.to(images.device), images.flip(3), images)

    def _shifted(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Moved by whole pixels, which needs no interpolation and keeps edges sharp."""
        n_samples, _, *sides = images.shape
        most = [int(self.shift * side) for side in sides]
        if not any(most):
            return images
        padded = functional.pad(images, (most[1], most[1], most[0], most[0]))
        down, across = (
            torch.randint(0, 2 * pixels + 1, (n_samples,), generator=generator).to(images.device)
            for pixels in most
        )
        windows = padded.unfold(2, sides[0], 1).unfold(3, sides[1], 1)
        moved = windows[torch.arange(n_samples, device=images.device), :, down, across]
        return moved.contiguous(memory_format=torch.channels_last)

    def _affine_maps(self, n_maps: int, aspect: float, generator: torch.Generator) -> torch.Tensor:
        """Maps from output to input coordinates, of shape (n_maps, 2, 3), sides being [-1, 1]."""
        draw = torch.rand(5, n_maps, generator=generator) * 2 - 1
        angle = draw[0] * math.radians(self.rotation)
        across, down = 1 + draw[1] * self.stretch, 1 + draw[2] * self.stretch
        cosine, sine = torch.cos(angle), torch.sin(angle)
        rows = [
            [cosine * across, -sine * down * aspect, 2 * self.shift * draw[3]],
            [sine * across / aspect, cosine * down, 2 * self.shift * draw[4]],
        ]
        return torch.stack([torch.stack(row, 1) for row in rows], 1)

    def _cut(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        inside = [
            _strip(images.shape[axis], self.cutout, len(images), generator) for axis in (2, 3)
        ]
        square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return images.masked_fill(square.to(images.device), 0)


def _strip(side: int, share: float, n_samples: int, generator: torch.Generator) -> torch.Tensor:
    """Which pixels of a side lie in a strip around a random centre, (n_samples, side)."""
    centre = torch.rand(n_samples, 1, generator=generator) * side
    return (torch.arange(side) + 0.5 - centre).abs() < share * side / 2
