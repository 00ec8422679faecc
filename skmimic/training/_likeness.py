"""Do the generator's images look like those that it was trained on?"""

import torch

from ..exceptions import ConvergenceWarning
from ..utils import warn_user
from ._collapse import LEAST_RATIO, diversity

__all__ = ["remoteness", "warn_if_unlike"]

N_COMPARED, FEWEST = 256, 20  # images on each side; with fewer the nearest of them says little
# Trained networks (MNIST, Fashion-MNIST, CelebA) come to 0.97 to 1.15, white noise to 1.7 on faces and 3.3 on clothes,
# networks of digits after 2 to 100 steps to 1.7 to 3.0 (`benchmarks/unlike.py`).
MOST_REMOTE = 1.5


def remoteness(generated, real):
    """Compare how far generated images are from the nearest real one with how far real ones are from another.

    Parameters
    ----------
    generated, real : tensor (n, c, h, w)
        Of the real ones a third is compared with the others.

    Returns
    -------
    float
        Ratio of the two medians; 1 where real images repeat one another.
    """
    n = min(N_COMPARED, len(real) // 3)
    own, others = real[:n].flatten(1).float(), real[n : 3 * n].flatten(1).float()
    usual = torch.cdist(own, others).amin(1).median()
    found = torch.cdist(generated[:n].flatten(1).float(), others).amin(1).median()
    return float(found / usual) if usual > 0 else 1.0


@torch.no_grad()
def warn_if_unlike(generated, real, name="training"):
    """Warn when generated images are noise or blank beside the images of the training.

    Parameters
    ----------
    generated, real : tensor (n, c, h, w)
    name : str
        Subject of the warning.

    Returns
    -------
    bool
        Whether it warned.
    """
    if len(real) < FEWEST:
        return False
    spread, remote = float(diversity(real)), remoteness(generated, real)
    is_blank = float(diversity(generated)) < LEAST_RATIO * spread
    if not is_blank and remote <= MOST_REMOTE:
        return False
    reason = (
        "hardly differ from one another" if is_blank else f"lie {remote:.1f} times as far from it as it from itself"
    )
    warn_user(
        f"{name}: the generated images do not look like X yet, they {reason}. Train longer (n_epochs, max_steps), or "
        "pass more images.",
        ConvergenceWarning,
    )
    return True
