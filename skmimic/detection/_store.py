"""Images in the smallest type that holds them exactly."""

import numpy as np
import torch

__all__ = ["StoredImages", "as_bytes", "is_of_bytes", "writable"]

ROWS_TOGETHER = 1024
WHITE = 255  # of bytes; images in [0, 1] that came from bytes are whole 255ths


class StoredImages:
    """Images in the smallest type that holds them exactly: bytes, half or single precision.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        float32; those that came from bytes are whole 255ths, from 0 to 1. Or uint8, for these 255ths.

    Attributes
    ----------
    codes : ndarray (n, c, h, w)
        uint8, float16 or float32.
    """

    def __init__(self, images):
        self.codes = _packed(images)

    @property
    def shape(self):
        """Shape (n, c, h, w)."""
        return self.codes.shape

    @property
    def nbytes(self):
        """Size in bytes."""
        return self.codes.nbytes

    def __len__(self):
        return len(self.codes)

    def take(self, indices=slice(None)):
        """Unpack images.

        Parameters
        ----------
        indices : slice or tensor (k,) of int, default=slice(None)

        Returns
        -------
        tensor (k, c, h, w)
            float32.
        """
        return _unpacked(writable(self.codes[indices if isinstance(indices, slice) else indices.numpy()]))

    def window(self, rows, columns):
        """Unpack the same part of all images.

        Parameters
        ----------
        rows, columns : tensor of int
            Pixels, in any order and as often as wanted.

        Returns
        -------
        tensor (n, c, len(rows), len(columns))
            float32.
        """
        return _unpacked(writable(self.codes[:, :, rows[:, None].numpy(), columns.numpy()]))


def writable(array):
    """Take an array as a tensor; one that may only be read, as joblib hands large ones out, is copied."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _unpacked(codes):
    return codes.float() / WHITE if codes.dtype == torch.uint8 else codes.float()


def _packed(images):
    """Try types from the smallest on, part by part: a copy in single precision would be four times the answer."""
    if images.dtype == torch.uint8:
        return images.numpy().copy()
    if is_of_bytes(images):
        return _joined(images, _as_codes)
    exact = all(torch.equal(part.half().float(), part) for part in images.split(ROWS_TOGETHER))
    return _joined(images, lambda part: part.half() if exact else part.float())


def _joined(images, function):
    return torch.cat([function(part) for part in images.split(ROWS_TOGETHER)]).numpy()


def _as_codes(images):
    return (images * WHITE).round_().to(torch.uint8)


def is_of_bytes(images):
    """Tell whether images (n, c, h, w) are whole 255ths from 0 to 1, to the bit."""
    return all(_is_of_bytes(part) for part in images.split(ROWS_TOGETHER))


def _is_of_bytes(images):
    if images.numel() and not (images.min() >= 0 and images.max() <= 1):
        return False
    return torch.equal((images * WHITE).round_() / WHITE, images)


def as_bytes(images):
    """Round images in [0, 1] to whole 255ths (n, c, h, w), so that they are stored as bytes."""
    return (images.clamp(0, 1) * WHITE).round_() / np.float32(WHITE)
