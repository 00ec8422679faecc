"""Features of a ResNet-50 whose ImageNet weights the user has already; nothing is ever downloaded."""

import os

import torch
from torch import nn
from torch.nn import functional

from ..exceptions import GeneratorMismatchError, MissingExtraError
from ..utils import import_extra, shielded

__all__ = ["has_resnet50", "resnet50_features"]

FILES = ("resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth")  # IMAGENET1K_V1, then V2, as torchvision names them
SIDE = 224  # pixels, as in its training
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, red to blue, in [0, 1]


def has_resnet50():
    """Whether `resnet50_features` finds torchvision and the weights.

    Returns
    -------
    bool
    """
    if _weights() is None:
        return False
    try:
        _torchvision_models()
    except MissingExtraError:
        return False
    return True


def _folder():
    return os.path.join(torch.hub.get_dir(), "checkpoints")


def _weights():
    paths = [os.path.join(_folder(), name) for name in FILES]
    return next((path for path in paths if os.path.isfile(path)), None)


@shielded()
def resnet50_features():
    """Make the feature extractor of "ResNet + PGD": 2,048 averaged maps before the last layer.

    Images in [-1, 1] are brought to three channels (grey is repeated), resized to 224x224 (bilinear, antialiased) and
    normalised as ImageNet's.

    Returns
    -------
    torch.nn.Module
        Images (n, 1 or 3, h, w) to features (n, 2048); frozen.

    Raises
    ------
    MissingExtraError
        If torchvision is not installed or cannot be loaded.
    FileNotFoundError
        If torch's hub cache does not hold the weights.

    References
    ----------
    MimicGAN, section 4.2; which layer it took is not said.
    """
    models = _torchvision_models()
    path = _weights()
    if path is None:
        raise FileNotFoundError(
            f"resnet50_features: expected the ImageNet weights of torchvision in {_folder()!r} as {FILES[0]} or "
            f"{FILES[1]}, found neither. Fetch them with torchvision.models.resnet50(weights='IMAGENET1K_V1') or put "
            "the file there; skmimic downloads nothing."
        )
    with torch.device("meta"):  # no draws from the global random state
        network = models.resnet50(weights=None)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), assign=True)
    network.fc = nn.Identity()
    return _ImageNetFeatures(network).eval().requires_grad_(False)


def _torchvision_models():
    try:
        return import_extra("torchvision.models", extra="metrics", purpose="resnet50_features")
    except RuntimeError as error:  # what a torchvision built for another torch raises
        raise MissingExtraError(
            f"resnet50_features: torchvision does not load here ({error}). Install the one made for torch "
            f"{torch.__version__}."
        ) from error


class _ImageNetFeatures(nn.Module):
    """Prepare images in [-1, 1] as ImageNet's and run a network."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1))

    def forward(self, images):
        """Map images (n, 1 or 3, h, w) to features (n, k)."""
        if images.shape[1] not in (1, 3):
            raise GeneratorMismatchError(
                f"ResNet-50 takes grey or RGB images, got {images.shape[1]} channels. Pass other features."
            )
        colour = (images.expand(-1, 3, -1, -1) + 1) / 2
        large = functional.interpolate(colour, (SIDE, SIDE), mode="bilinear", antialias=True)
        return self.network((large - self.mean) / self.deviation)
