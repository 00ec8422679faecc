"""Small images to compare."""

import torch


def strokes(n, side=12, seed=0, n_channels=1):
    """Draw n images of a few bright bars each, as bytes in [0, 1]."""
    random = torch.Generator().manual_seed(seed)
    images = torch.zeros(n, n_channels, side, side)
    for image in images:
        for _ in range(3):
            top, left, length = torch.randint(1, side - 4, (3,), generator=random).tolist()
            level = int(torch.randint(80, 256, (), generator=random)) / 255
            if torch.rand((), generator=random) < 0.5:
                image[:, top, left : left + length] = level
            else:
                image[:, top : top + length, left] = level
    return (images * 255).round() / 255
