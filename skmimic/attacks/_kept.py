"""The worst images for the classifier that a search has seen."""

import torch

__all__ = ["BestBatch", "BestRows", "squashed"]


def squashed(values):
    """Map numbers to (-1, 1), keeping their order and their sign."""
    return values / (1 + values.abs())


def _score_of(scores):
    """Tell how well a batch withstands: the number of scores (n,) above zero; the mean score decides between equals."""
    return (scores > 0).sum() + squashed(scores.mean()) / 2


class BestRows:
    """For each row the image with the lowest score.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        What is returned for rows of which nothing better is seen.
    """

    def __init__(self, images):
        self.images = images
        self._scores = images.new_full((len(images),), torch.inf)

    def see(self, images, scores):
        """Consider images with scores (n,)."""
        is_lower = scores < self._scores
        self.images = torch.where(is_lower[:, None, None, None], images, self.images)
        self._scores = torch.where(is_lower, scores, self._scores)


class BestBatch:
    """The whole batch that the fewest rows withstand; rows that a defence couples are worth what they do together.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        What is returned if nothing better is seen.
    """

    def __init__(self, images):
        self.images = images
        self._score = images.new_full((), torch.inf)

    def see(self, images, scores):
        """Consider a batch with scores (n,) of the rows that count."""
        score = _score_of(scores)
        is_lower = score < self._score
        self.images = torch.where(is_lower, images, self.images)
        self._score = torch.where(is_lower, score, self._score)
