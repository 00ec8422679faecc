"""Projection that compares pixels and the features of a network."""

from dataclasses import replace
from numbers import Real
from typing import ClassVar

from ..engine import completed, computing
from ..exceptions import GeneratorMismatchError
from ..generators import DiscriminatorFeatures
from ..losses import Perceptual, resnet50_features
from ..losses._resnet import has_resnet50
from ..utils import resolve_device
from ..utils._sklearn import Interval, StrOptions
from ._baselines import BaselineProjector, DescentProjector
from ._data import canonical_images
from ._docs import with_baseline_parameters

__all__ = ["PerceptualProjector"]

N_TRIED = 4  # rows on which the features are tried before any work


@with_baseline_parameters(batch_size="32")
class PerceptualProjector(DescentProjector):
    """Project onto the manifold of a generator by pixels and features, as if there were no corruption (ResNet + PGD).

    Minimises ``L(Y, G(z)) + feature_weight * ||R(Y) - R(G(z))||_2`` of each row over its latents z, where L is the
    pixel loss, a sum over pixels, and the norm is over all features of the row, not squared.

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    features : {"auto", "resnet50", "discriminator", "pixels"}, torch.nn.Module or callable, default="auto"
        The map R. "resnet50": 2,048 averaged maps of torchvision's, with ImageNet weights that torch's hub cache holds
        already (nothing is downloaded), of images resized to 224x224. "discriminator": what the last layer of the
        generator's own discriminator sees, which was trained on the generator's data. "pixels": the pixels themselves.
        "auto": the first of these that is at hand, pixels only for linear generators, whose projection then stays
        exact. A module, of which a frozen copy is taken, or a callable maps images (n, c, h, w) in [-1, 1] to
        tensors (n, ...), differentiably.
    feature_weight : float, default=1e-3
        Weight of the feature term; with 0 this is `PGDProjector`.
    %(descent)s

    Attributes
    ----------
    features_name_ : str
        What was used: "resnet50", "discriminator", "pixels", or the name of the module or callable.
    fidelity_ : Perceptual
        The loss of a row.
    %(attributes)s

    See Also
    --------
    PGDProjector : Compares pixels only.
    skmimic.losses.Perceptual : The loss.

    Notes
    -----
    Pixels that a row has not seen (NaN) are filled in from their surroundings for the features, in the row and in the
    projection alike.

    Chunks hold 32 rows, not 256: a ResNet-50 with gradients takes about 0.1 GB a row. On a linear generator, features
    other than pixels are followed by descent; "pixels" are solved by least squares.

    References
    ----------
    MimicGAN, section 4.2, "ResNet + PGD"; layer, norm and image size are not said there.

    Examples
    --------
    >>> from skmimic import PerceptualProjector, load_gan
    >>> gan = load_gan("mnist16")
    >>> X = gan.sample(4, random_state=0)
    >>> projector = PerceptualProjector(gan, features="discriminator", T=1, T2=5, random_state=0).fit(X)
    >>> projector.features_name_, projector.transform(X).shape
    ('discriminator', (4, 1, 16, 16))
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaselineProjector._parameter_constraints,
        "features": [StrOptions({"auto", "resnet50", "discriminator", "pixels"}), callable],
        "feature_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        gan=None,
        *,
        features="auto",
        feature_weight=1e-3,
        solver="joint",
        T=20,
        T2=25,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
        start="auto",
        optimizer="auto",
        stochastic_clipping=False,
        image_shape=None,
        data_range="auto",
        batch_size=32,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            gan,
            solver,
            T,
            T2,
            lr_latent,
            lambda_adv,
            loss,
            start,
            optimizer,
            stochastic_clipping,
            image_shape,
            data_range,
            batch_size,
            device,
            n_jobs,
            random_state,
            verbose,
        )
        self.features = features
        self.feature_weight = feature_weight

    def _settle(self, form, rows, seen, is_clean=False):
        super()._settle(form, rows, seen, is_clean)
        self.features_name_, features = _choose(self.features, self.generator_)
        self.fidelity_ = Perceptual(features, self.feature_weight, self.loss)
        with computing():
            images = canonical_images(rows[:N_TRIED], self.image_shape_, self.data_range_)
            self.fidelity_.check(completed(images).to(resolve_device(self.device)))

    def _settings(self, solver=None):
        return replace(super()._settings(solver), loss=self.fidelity_)


def _choose(features, generator):
    """Name the features and make them; None are the pixels themselves."""
    if not isinstance(features, str):
        return getattr(features, "__name__", type(features).__name__), features
    name = _at_hand(generator) if features == "auto" else features
    if name == "resnet50":
        return name, resnet50_features()
    return name, DiscriminatorFeatures(generator) if name == "discriminator" else None


def _at_hand(generator):
    if generator.is_linear:
        return "pixels"
    if has_resnet50():
        return "resnet50"
    if generator.has_discriminator:
        return "discriminator"
    raise GeneratorMismatchError(
        f"PerceptualProjector: features='auto' found neither torchvision with ResNet-50 weights in torch's hub cache "
        f"nor a discriminator in {generator!r}. Pass features=..., a callable from images (n, c, h, w) to features; "
        "'pixels' are the pixels themselves."
    )
