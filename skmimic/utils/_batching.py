"""Row-wise work in chunks of one fixed shape, with back-off when memory runs out."""

import torch

from ._device import is_out_of_memory

__all__ = ["RowRunner"]

MIN_CHUNK = 4  # one-row chunks take other kernels in torch and drift by 2e-2


class RowRunner:
    """Run a row-wise function over many rows in padded chunks.

    Every chunk has the same number of rows; the last one is padded with copies of its first row. A row then gives the
    same bits whatever rows stand beside it. When memory runs out the chunk is halved and the work goes on.

    Parameters
    ----------
    batch_size : int
        Rows of a chunk, at least 4.

    Attributes
    ----------
    batch_size : int
        Rows of a chunk after any back-off.
    """

    def __init__(self, batch_size):
        self.batch_size = max(int(batch_size), MIN_CHUNK)

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
                self._back_off(error)
                parts, start = [], 0  # a chunk's shape is part of its bits: start again
                continue
            start += self.batch_size
        if isinstance(parts[0], tuple):
            return tuple(torch.cat(column) for column in zip(*parts, strict=True))
        return torch.cat(parts)

    def _chunk(self, function, tensors, start):
        chunk = [tensor[start : start + self.batch_size] for tensor in tensors]
        n_rows = len(chunk[0])
        missing = self.batch_size - n_rows
        if missing and n_rows:
            chunk = [torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) for part in chunk]
        result = function(*chunk)
        return tuple(part[:n_rows] for part in result) if isinstance(result, tuple) else result[:n_rows]

    def _back_off(self, error):
        if not is_out_of_memory(error) or self.batch_size <= MIN_CHUNK:
            raise error
        self.batch_size = max(self.batch_size // 2, MIN_CHUNK)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
