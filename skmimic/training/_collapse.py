"""Does the generator still show different images for different latents?"""

import torch

from ..exceptions import CollapseWarning
from ..utils import warn_user

__all__ = ["diversity", "warn_if_collapsed"]

N_IMAGES = 4096
LEAST_RATIO = 0.25  # DCGANs that are well trained lie between 0.7 and 1.1


def diversity(images):
    """Return the spread of images: the root mean squared distance of a pixel to its mean over the images.

    Parameters
    ----------
    images : tensor (n, c, h, w)

    Returns
    -------
    tensor ()
    """
    return images.float().var(dim=0, unbiased=False).mean().sqrt()


@torch.no_grad()
def warn_if_collapsed(generated, real, name="training"):
    """Compare the spread of generated images with that of real ones, and warn when it is below a quarter.

    Parameters
    ----------
    generated, real : tensor (n, c, h, w)
    name : str
        Subject of the warning.

    Returns
    -------
    float
        Ratio of the two spreads; 1 when the real images do not differ either.
    """
    spread = float(diversity(real))
    ratio = float(diversity(generated)) / spread if spread > 0 else 1.0
    if ratio < LEAST_RATIO:
        warn_user(
            f"{name}: the generator has collapsed, its images differ {ratio:.2f} times as much as the training images. "
            "Train longer, lower learning_rate, or try another random_state.",
            CollapseWarning,
        )
    return ratio
