"""The paper's settings in `transform`: the steps of a plain port of lines 10 to 15 of Algorithm 1, for every preset."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from skmimic import (
    BiGANProjector,
    EncoderProjector,
    Generator,
    MimicAnomalyDetector,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
    from_paper,
)
from skmimic.estimators import PRESETS
from skmimic.generators import UniformPrior
from tests.helpers import Critic, Encoder, SmoothDecoder, pca_generator

N_ROWS, ROUNDS = 8, 3
FIXED = {"random_state": 0, "data_range": (-1, 1), "device": "cpu"}
EXACT = {"rtol": 1e-5, "atol": 1e-6}


def middle(images):
    """Features in place of those of a ResNet-50, whose weights are not at hand."""
    return images[:, :, 2:6, 2:6]


OWN = {"resnet_pgd": PerceptualProjector, "igan": EncoderProjector, "bigan": BiGANProjector}


def generator_of(kind):
    """A linear generator, with normal latents and no discriminator, or a network with uniform latents and one."""
    if kind == "linear":
        return pca_generator()
    return Generator(SmoothDecoder(), discriminator=Critic(), encoder=Encoder(), name="network")


def observed(gan):
    """Pictures that no latent makes: dimmed, and shifted by a pixel."""
    return 0.6 * np.roll(gan.sample(N_ROWS, random_state=1).clip(-1, 1), 1, axis=3) + 0.1


def fitted(experiment, gan, **changes):
    """An estimator with a preset; only the rounds are fewer."""
    preset = from_paper(experiment)
    cls = PGDProjector if experiment == "pgd" else OWN.get(experiment, MimicGANProjector)
    if "T" in preset:
        changes = {"T": ROUNDS, **changes}
    if experiment == "resnet_pgd":
        changes = {"features": middle, **changes}
    return cls(gan, **{**preset, **changes}, **FIXED).fit(observed(gan))


def allowed(z, prior):
    """Line 14: the box, or the ball that holds nearly all normal latents."""
    if isinstance(prior, UniformPrior):
        return z.clamp(-1, 1)
    return z * (prior.radius(z.shape[1]) / z.norm(dim=1, keepdim=True)).clamp(max=1)


def plain_port(model, gan, images, n_steps):
    """Lines 3 and 10 to 15 of Algorithm 1 with f^ as it was learned, and TensorFlow's RMSProp written out.

    It rounds as ours does: the gradient of an L1 loss jumps, so that at the rates of the paper a difference in the last
    bit would grow to one of a tenth within a hundred steps.

    Returns
    -------
    list of tensor (n, d)
        Latents at the start and after each step.
    """
    loaded, surrogate, observed = gan.on("cpu"), model.surrogate_.to_torch(), torch.as_tensor(images)
    draws = loaded.prior.sample(1000, gan.latent_dim, torch.Generator().manual_seed(model.seed_))
    z = draws.mean(0).repeat(len(observed), 1)
    mean_square, path = torch.ones_like(z), [z]
    for _ in range(n_steps):
        z = z.clone().requires_grad_()
        clean = loaded.decode(z)
        estimated = surrogate(clean)
        loss = (observed - estimated).abs().sum()
        if gan.has_discriminator:
            loss = loss - model.lambda_adv * softplus(loaded.discriminate(clean)).sum()  # log(1 - D)
        if isinstance(model, PerceptualProjector):
            loss = loss + model.feature_weight * (middle(observed) - middle(estimated)).flatten(1).norm(dim=1).sum()
        (gradient,) = torch.autograd.grad(loss, z)
        mean_square = (0.9 * mean_square).addcmul(gradient, gradient, value=0.1)
        z = z.detach().sub(gradient / (mean_square + 1e-10).sqrt(), alpha=model.lr_latent)
        z = allowed(z, loaded.prior)
        path.append(z)
    return path


def after(model, n_steps, images):
    """Latents that phase B has found when it takes so many steps."""
    settings = replace(model._adaptation.settings, T=1, T2=n_steps)
    projector = replace(model._adaptation, settings=settings).row_projector(model.generator_.on("cpu"), 16)
    return projector(torch.as_tensor(images))[0]


@pytest.mark.parametrize("kind", ["linear", "network"])
@pytest.mark.parametrize(
    "experiment", [name for name in PRESETS if name not in ("igan", "bigan") and "method" not in PRESETS[name]]
)
def test_transform_takes_the_steps_of_a_plain_port(experiment, kind):
    gan = generator_of(kind)
    model, images = fitted(experiment, gan), observed(gan)
    n_steps = model.T * model.T2
    path = plain_port(model, gan, images, n_steps)
    np.testing.assert_allclose(model.encode(images), path[-1], **EXACT)
    clean = model.transform(images)
    np.testing.assert_allclose(clean, gan.decode(path[-1].numpy()), rtol=1e-5, atol=1e-5)
    for step in (1, 2, 3, 5, 8, 13, 21, n_steps // 2, n_steps - 1):
        np.testing.assert_allclose(after(model, step, images), path[step], **EXACT)


def test_every_step_is_that_of_the_port():
    gan = generator_of("network")
    model, images = fitted("pgd", gan, T=1), observed(gan)
    for step, z in enumerate(plain_port(model, gan, images, 25)[1:], start=1):
        np.testing.assert_allclose(after(model, step, images), z, **EXACT)


def test_one_row_takes_the_steps_that_it_takes_among_others():
    gan = generator_of("network")
    model, images = fitted("robustness", gan), observed(gan)
    np.testing.assert_array_equal(model.encode(images[3:4]), model.encode(images)[3:4])


@pytest.mark.parametrize("experiment", ["igan", "bigan"])
def test_presets_of_encoders_take_no_steps(experiment):
    gan = generator_of("network")
    changes = {"n_steps": 5} if experiment == "igan" else {}
    model, images = fitted(experiment, gan, **changes), torch.as_tensor(observed(gan))
    loaded = gan.on("cpu")
    encoder = model._adaptation.encoder.to_torch(loaded.prior, loaded.device)
    with torch.no_grad():
        z = encoder(images).z
        expected = loaded.encode(images) if experiment == "bigan" else z
    np.testing.assert_allclose(model.encode(images.numpy()), expected, **EXACT)


def test_scores_of_the_detector_are_those_of_the_port():
    gan = generator_of("network")
    images = observed(gan)
    preset = {**from_paper("anomaly:mnist->usps"), "T": ROUNDS}
    model = MimicAnomalyDetector(gan, score_by="residual", **preset, **FIXED).fit(images)
    z = plain_port(model, gan, images, model.T * model.T2)[-1]
    with torch.no_grad():
        mimicked = model.surrogate_.to_torch()(gan.on("cpu").decode(z))
    errors = (torch.as_tensor(images) - mimicked).abs().flatten(1).sum(1)
    np.testing.assert_allclose(model.score_samples(images), -errors, rtol=1e-4)
