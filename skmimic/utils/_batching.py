"""Row-wise work in chunks of a few fixed shapes, with back-off when memory runs out."""

import torch

from ._device import is_out_of_memory

__all__ = ["RowRunner", "padded_size"]

MIN_CHUNK = 4  # one-row chunks take other kernels in torch and drift by 2e-2


def padded_size(n_rows, batch_size):
    """Tell to how many rows a chunk is padded: the next of 4, 8, 16 ... up to `batch_size`.

    A row gives the same bits at each of these sizes, so its company does not matter and few rows cost little. Sizes
    that are no multiple of 4 are avoided: convolutions of 5 rows on two threads add up in another order.

    Parameters
    ----------
    n_rows : int
        At most `batch_size`.
    batch_size : int
        A multiple of 4.

    Returns
    -------
    int
    """
    doubled = MIN_CHUNK << (max(n_rows - 1, 0) // MIN_CHUNK).bit_length()
    return min(doubled, batch_size)


class RowRunner:
    """Run a row-wise function over many rows in padded chunks.

    Whole chunks have `batch_size` rows. What is left is padded with copies of its first row to the next size of a
    ladder, see `padded_size`. A row then gives the same bits whatever rows stand beside it. When memory runs out the
    chunk is halved and the work goes on.

    Parameters
    ----------
    batch_size : int
        Rows of a chunk at most; taken down to a multiple of 4, never below 4.

    Attributes
    ----------
    batch_size : int
        Rows of a chunk after any back-off.
    """

    def __init__(self, batch_size):
        self.batch_size = _whole(int(batch_size))

    def __call__(self, function, *tensors):
        """Apply `function` to aligned chunks of the tensors and join the results.

        Parameters
        ----------
        function : callable
            Takes one chunk of each tensor, returns a tensor or a tuple of tensors with as many rows.
        *tensors : tensors of equal length

        Returns
        -------
        tensor or tuple of tensors
        """
        n_rows = len(tensors[0])
        parts, start = [], 0
        while start < n_rows or not parts:
            try:
                parts.append(self._chunk(function, tensors, start))
            except (RuntimeError, MemoryError) as error:
                self._back_off(error, n_rows - start)
                continue
            start += self.batch_size
        if isinstance(parts[0], tuple):
            return tuple(torch.cat(column) for column in zip(*parts, strict=True))
        return torch.cat(parts)

    def _chunk(self, function, tensors, start):
        chunk = [tensor[start : start + self.batch_size] for tensor in tensors]
        n_rows = len(chunk[0])
        missing = padded_size(n_rows, self.batch_size) - n_rows
        if missing and n_rows:
            chunk = [torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) for part in chunk]
        result = function(*chunk)
        return tuple(part[:n_rows] for part in result) if isinstance(result, tuple) else result[:n_rows]

    def _back_off(self, error, n_left):
        """Halve the chunk that did not fit, unless it was of the smallest size."""
        tried = padded_size(min(n_left, self.batch_size), self.batch_size)
        if not is_out_of_memory(error) or tried <= MIN_CHUNK:
            raise error
        self.batch_size = _whole(tried // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _whole(size):
    return max(size - size % MIN_CHUNK, MIN_CHUNK)
