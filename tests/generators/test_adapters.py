"""Everything that can be a generator."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    MiniBatchDictionaryLearning,
    TruncatedSVD,
)
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from torch import nn

from skmimic.exceptions import GeneratorMismatchError
from skmimic.generators import NormalPrior, UniformPrior, adopt_range, as_generator
from skmimic.utils import UNIT, Bounds


@pytest.fixture(scope="module")
def X():
    random = np.random.RandomState(0)
    return np.clip(random.rand(60, 6) @ random.rand(6, 64) / 3 + 0.05 * random.rand(60, 64), 0, None)


def test_a_generator_is_returned_itself(generator):
    assert as_generator(generator) is generator
    assert as_generator(generator, latent_dim=4, image_shape=(8, 8), prior="uniform", data_range=(-1, 1)) is generator


@pytest.mark.parametrize(
    "wish", [{"latent_dim": 5}, {"image_shape": (1, 8, 9)}, {"prior": "normal"}, {"data_range": (0, 1)}]
)
def test_arguments_that_contradict_a_frozen_generator_are_refused(generator, wish):
    with pytest.raises(ValueError, match=r"is frozen: .* contradicts its own"):
        as_generator(generator, **wish)


def test_modules_and_pairs(make_dense):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    assert not as_generator(make_dense()).has_discriminator
    generator = as_generator((make_dense(), discriminator), prior="normal", latent_dim=4, image_shape=(1, 8, 8))
    assert generator.has_discriminator
    assert generator.prior == NormalPrior()
    assert as_generator([make_dense(), discriminator]).prior == UniformPrior()


@pytest.mark.parametrize(
    ("last", "factor", "expected"),
    [(nn.Tanh, 4, (-1, 1)), (nn.Sigmoid, 4, (0, 1)), (nn.Sigmoid, 255 * 4, (0, 255)), (nn.Hardtanh, 4, (-1, 1))],
)
def test_the_range_of_a_module_is_measured(make_dense, last, factor, expected):
    gain = 4

    class Last(nn.Module):
        def forward(self, x):
            return last()(gain * x) * (factor / gain)

    assert as_generator(make_dense(last=Last)).data_range == expected
    assert as_generator(make_dense(last=Last), data_range=expected).data_range == expected


def test_estimators_with_a_generator_are_read(generator):
    class Fitted(BaseEstimator):
        generator_ = generator

    assert as_generator(Fitted()) is generator


LINEAR = [
    PCA(5),
    PCA(5, whiten=True),
    PCA(0.9),
    IncrementalPCA(5),
    TruncatedSVD(5),
    NMF(5, max_iter=2000, init="nndsvda"),
    FastICA(5, max_iter=1000, tol=0.05, random_state=0),
    MiniBatchDictionaryLearning(5, random_state=0, max_iter=20),
    make_pipeline(StandardScaler(), PCA(5)),
]


@pytest.mark.parametrize("estimator", LINEAR, ids=lambda estimator: type(estimator).__name__)
def test_linear_decompositions_span_the_same_images(X, estimator):
    estimator.fit(X)
    generator = as_generator(estimator)
    assert generator.is_linear
    assert generator.image_shape == (1, 8, 8)
    components, mean = generator.linear_map()
    scores = np.random.RandomState(1).normal(size=(9, generator.latent_dim))
    rows = estimator.inverse_transform(scores) - mean
    latents = np.linalg.lstsq(components.T, rows.T, rcond=None)[0].T
    np.testing.assert_allclose(latents @ components, rows, atol=1e-7)
    images = generator.decode(latents).reshape(9, -1)
    np.testing.assert_allclose(images, rows + mean, atol=1e-3 * np.abs(rows).max())


@pytest.mark.parametrize("estimator", LINEAR[:5] + LINEAR[6:7], ids=lambda estimator: type(estimator).__name__)
def test_latents_are_in_standard_deviations_where_the_scores_have_them(X, estimator):
    components, mean = as_generator(estimator.fit(X)).linear_map()
    latents = np.linalg.lstsq(components.T, (X - mean).T, rcond=None)[0].T
    np.testing.assert_allclose(latents.std(axis=0), 1, rtol=0.03)


@pytest.mark.parametrize("estimator", [TruncatedSVD(5), NMF(5, max_iter=2000)], ids=["svd", "nmf"])
def test_without_centring_every_latent_is_allowed(X, estimator):
    prior = as_generator(estimator.fit(X)).prior
    assert torch.isinf(torch.tensor(prior.radius(5)))


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("steps", [[], [MaxAbsScaler()]])
def test_parts_give_images_that_are_as_bright_as_white(X, scale, steps):
    """Whatever size the scores have, which NMF does not keep."""
    parts = make_pipeline(*steps, NMF(5, max_iter=2000)).fit(scale * X)
    for generator in (as_generator(parts, data_range=(0, scale)), adopt_range(as_generator(parts), Bounds(0, scale))):
        images = generator.sample(400, random_state=0).reshape(400, -1) / scale
        assert np.median(images.max(axis=1)) == pytest.approx(1, abs=0.15)
        middle = generator.decode(np.zeros((1, 5))) / scale
        assert middle.min() >= 0
        np.testing.assert_allclose(images.mean(axis=0), middle.ravel(), atol=0.1)


def test_an_svd_of_bright_images_is_centred_on_their_mean(X):
    svd = TruncatedSVD(5).fit(X)
    mean = svd.inverse_transform(svd.transform(X).mean(axis=0)[None])
    for data_range in (None, (0, 1)):
        middle = as_generator(svd, data_range=data_range).decode(np.zeros((1, 5)))
        np.testing.assert_allclose(middle.ravel(), mean.ravel(), atol=0.03)
    assert not as_generator(svd, data_range=(-1, 1)).decode(np.zeros((1, 5))).any()


@pytest.mark.parametrize("estimator", [NMF(5, max_iter=2000), TruncatedSVD(5), LINEAR[7]], ids=["nmf", "svd", "dict"])
def test_clean_images_tell_how_scores_are_spread(X, estimator):
    """Standard normal latents then have the mean and, but for the little that few rows tell, the covariance."""
    estimator.fit(X)
    rows = np.vstack([X, np.full((1, 64), np.nan)])
    generator = adopt_range(as_generator(estimator), UNIT, rows)
    components, mean = (side / 2 for side in generator.linear_map())
    inverse = np.linalg.pinv(components)
    latents = (X - mean - 0.5) @ inverse
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(latents.std(axis=0), 1, atol=0.25)
    axes = np.linalg.svd(estimator.components_, full_matrices=False)[2]
    np.testing.assert_allclose(components @ axes.T @ axes, components, atol=1e-9)


def test_rows_too_few_to_tell_scores_are_left_out(X):
    parts = as_generator(NMF(5, max_iter=2000).fit(X))
    assert adopt_range(parts, UNIT, X[:5]).fingerprint == adopt_range(parts, UNIT).fingerprint


def test_decompositions_take_shape_range_and_prior(X):
    pca = PCA(4).fit(255 * X)
    generator = as_generator(pca, image_shape=(4, 16), data_range=(0, 255), prior=(-3, 3))
    assert generator.image_shape == (1, 4, 16)
    np.testing.assert_allclose(generator.linear_map()[1], pca.mean_ / 127.5 - 1)
    with pytest.raises(GeneratorMismatchError, match="image_shape"):
        as_generator(pca, image_shape=(1, 9, 9))


def test_non_linear_decompositions_are_refused(X):
    kernel = KernelPCA(4, kernel="rbf", fit_inverse_transform=True).fit(X)
    with pytest.raises(GeneratorMismatchError, match=r"KernelPCA: inverse_transform is not an affine map.*Use PCA"):
        as_generator(kernel)


def test_an_inverse_transform_that_fails_says_why(X):
    with pytest.raises(GeneratorMismatchError, match="does not work on 4 columns"):
        as_generator(KernelPCA(4).fit(X), latent_dim=4)
    with pytest.raises(GeneratorMismatchError, match="does not work on 9 columns"):
        as_generator(PCA(4).fit(X), latent_dim=9)


class Bare(BaseEstimator):
    def fit(self, X):
        self.fitted_ = True
        return self

    def inverse_transform(self, X):
        return X


def test_without_a_number_of_scores_latent_dim_is_asked_for():
    with pytest.raises(GeneratorMismatchError, match="Pass latent_dim"):
        as_generator(Bare().fit(None))
    assert as_generator(Bare().fit(None), latent_dim=64).latent_dim == 64


@pytest.mark.parametrize("estimator", [PCA(4), NMF(4), FactorAnalysis(4), make_pipeline(StandardScaler(), PCA(4))])
def test_estimators_that_are_not_fitted_are_refused(estimator):
    with pytest.raises(NotFittedError):
        as_generator(estimator)


@pytest.mark.parametrize(
    "gan", [None, 3, object(), PCA, nn.Linear, (), (nn.Linear(1, 1),), (nn.Linear(1, 1), None), np.zeros(3), {"G": 1}]
)
def test_everything_else_is_refused_with_what_is_accepted(gan):
    with pytest.raises(TypeError, match=r"gan: .*(pair \(G, D\))"):
        as_generator(gan)


def test_a_fitted_estimator_without_a_decoder_is_a_type_error(X):
    with pytest.raises(TypeError, match="cannot make a generator of FactorAnalysis"):
        as_generator(FactorAnalysis(4).fit(X))
