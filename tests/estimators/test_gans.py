"""DCGAN, VAE and BiGAN as scikit-learn estimators."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from skmimic import DCGAN, VAE, BiGAN, Generator, PGDProjector, as_generator, load_gan
from skmimic.estimators._gans_file import OWN
from skmimic.exceptions import DataRangeError, DataRangeWarning, GeneratorMismatchError, InvalidModelFileError
from skmimic.utils import Bounds
from skmimic.utils._sklearn import InvalidParameterError

CLASSES = (DCGAN, VAE, BiGAN)
TINY = {"latent_dim": 3, "width": 2, "max_steps": 2, "batch_size": 8, "random_state": 0}


def digits(n=20, channels=1, side=8, seed=0):
    """Images (n, channels, side, side) of bytes; noise does."""
    return np.random.default_rng(seed).integers(0, 256, (n, channels, side, side), dtype=np.uint8)


@parametrize_with_checks([estimator(**{**TINY, "random_state": None}) for estimator in CLASSES])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CLASSES)
def test_fit_gives_a_frozen_generator(estimator):
    gan = estimator(**TINY).fit(digits())
    assert isinstance(gan.generator_, Generator)
    assert gan.generator_.image_shape == (1, 8, 8)
    assert gan.generator_.latent_dim == 3
    assert gan.generator_.data_range == (-1, 1)
    assert gan.generator_.has_discriminator == (estimator is not VAE)
    assert gan.generator_.has_encoder == (estimator is not DCGAN)
    assert gan.n_iter_ == 2
    assert gan.loss_curve_.shape == (2, 2)
    assert clone(gan.generator_) is gan.generator_
    assert as_generator(gan) is gan.generator_


@pytest.mark.parametrize("estimator", CLASSES)
def test_generator_can_be_saved_and_comes_back(estimator, tmp_path):
    generator = estimator(**TINY).fit(digits()).generator_
    generator.save(tmp_path / "model.safetensors")
    again = Generator.load(tmp_path / "model.safetensors")
    assert again.fingerprint == generator.fingerprint
    assert np.array_equal(again.sample(5, random_state=0), generator.sample(5, random_state=0))


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 8, 8), (8, 8, 1)])
def test_no_samples_have_the_form_too(shape):
    gan = DCGAN(**TINY).fit(digits().reshape(20, *shape))
    assert gan.sample(0).shape == (0, *shape)


def test_saving_does_not_replace_the_checkpoint(tmp_path):
    gan = DCGAN(**TINY, checkpoint=tmp_path / "training").fit(digits())
    content = (tmp_path / "training").read_bytes()
    (tmp_path / "link").symlink_to("training")
    for name in ("training", "link"):
        with pytest.raises(ValueError, match=r"DCGAN\.save: .* is the checkpoint"):
            gan.save(tmp_path / name)
    assert (tmp_path / "training").read_bytes() == content
    gan.save(tmp_path / "model")


@pytest.mark.parametrize("estimator", CLASSES)
@pytest.mark.parametrize("form", [(64,), (8, 8), (1, 8, 8)])
def test_a_fitted_estimator_can_be_saved_and_comes_back(estimator, form, tmp_path):
    X = digits().reshape(-1, *form)
    fitted = estimator(**TINY).fit(X)
    fitted.save(tmp_path / "model.safetensors")
    again = estimator.load(tmp_path / "model.safetensors")
    assert type(again) is estimator
    check_is_fitted(again)
    np.testing.assert_array_equal(again.sample(4, random_state=1), fitted.sample(4, random_state=1))
    for name in ("image_shape_", "data_range_", "n_iter_", "n_features_in_"):
        assert getattr(again, name) == getattr(fitted, name), name
    assert {**again.get_params(), "random_state": 0} == fitted.get_params()
    small = (PGDProjector(gan, T=1, T2=2, random_state=0).fit(X) for gan in (fitted, again))
    np.testing.assert_array_equal(*(projector.transform(X) for projector in small))
    assert Generator.load(tmp_path / "model.safetensors").fingerprint == fitted.generator_.fingerprint


NUMPY = {
    "latent_dim": np.int64(3),
    "width": np.int32(2),
    "n_epochs": np.uint8(1),
    "max_steps": np.int64(2),
    "batch_size": np.int16(8),
    "learning_rate": np.float32(0.25**6),
    "ema_decay": np.float64(0.5),
    "prior": np.str_("normal"),
    "mixed_precision": np.False_,
}


@pytest.mark.parametrize("estimator", CLASSES)
def test_numbers_of_numpy_are_those_of_python(estimator, tmp_path):
    """A search over parameters gives numpy's; nothing that was trained is lost over them."""
    plain = {name: value.item() for name, value in NUMPY.items()}
    fitted, expected = (estimator(**given, random_state=0).fit(digits()) for given in (NUMPY, plain))
    assert fitted.generator_.fingerprint == expected.generator_.fingerprint
    fitted.save(tmp_path / "model")
    found = estimator.load(tmp_path / "model").get_params()
    assert {name: (type(found[name]), found[name]) for name in plain} == {n: (type(v), v) for n, v in plain.items()}


@pytest.mark.parametrize("estimator", CLASSES)
def test_every_parameter_of_the_training_is_among_those_of_the_test_above(estimator):
    assert set(NUMPY) == set(estimator().get_params()) - OWN


def test_another_class_or_a_generator_alone_is_named(tmp_path):
    DCGAN(**TINY).fit(digits()).save(tmp_path / "dcgan")
    load_gan("mnist16").save(tmp_path / "bundled")
    with pytest.raises(InvalidModelFileError, match=r"dcgan: expected a fitted VAE, found DCGAN\. Generator.load"):
        VAE.load(tmp_path / "dcgan")
    with pytest.raises(InvalidModelFileError, match="bundled: expected a fitted VAE, found a generator alone"):
        VAE.load(tmp_path / "bundled")
    with pytest.raises(NotFittedError):
        DCGAN().save(tmp_path / "nothing")


@pytest.mark.parametrize(
    "lie",
    [
        {"sample_shape": [9, 9]},
        {"sample_shape": [2, 2, 4, 4]},
        {"sample_shape": "wide"},
        {"data_range": [1, 0]},
        {"n_iter": "many"},
        {"parameters": {"width": -1}},
        {"parameters": {"checkpoint_": "x"}},
        {"parameters": 3},
    ],
)
def test_lies_about_what_was_fitted_are_refused(lie, tmp_path):
    generator = DCGAN(**TINY).fit(digits()).generator_
    notes = {"fitted": {**generator.notes["fitted"], **lie}}
    parts = [load_part(generator, role) for role in ("generator", "discriminator")]
    Generator.from_modules(*parts, notes=notes).save(tmp_path / "model")
    with pytest.raises(InvalidModelFileError, match="model: not a usable DCGAN"):
        DCGAN.load(tmp_path / "model")


def load_part(generator, role):
    """The network behind a handle."""
    return generator._parts[role].load(torch.device("cpu"))


@pytest.mark.parametrize("estimator", CLASSES)
def test_forms_of_the_same_images_train_the_same_generator(estimator):
    images = digits()
    forms = [images, images[:, 0], images.reshape(20, 64), torch.from_numpy(images)]
    prints = {estimator(**TINY).fit(form).generator_.fingerprint for form in forms}
    assert len(prints) == 1


def test_colour_images_in_rows_need_their_shape_only_when_not_square():
    square, wide = digits(channels=3), digits(channels=3)[:, :, :, :5]
    assert DCGAN(**TINY).fit(square.reshape(20, -1)).image_shape_ == (3, 8, 8)
    assert DCGAN(**TINY).fit(wide).image_shape_ == (3, 8, 5)
    assert DCGAN(image_shape=(3, 8, 5), **TINY).fit(wide.reshape(20, -1)).image_shape_ == (3, 8, 5)
    assert DCGAN(**TINY).fit(wide.reshape(20, -1)).image_shape_ == (1, 1, 120)


@pytest.mark.parametrize(("form", "shape"), [((20, 64), (64,)), ((20, 8, 8), (8, 8)), ((20, 1, 8, 8), (1, 8, 8))])
def test_samples_have_form_and_range_of_X(form, shape):
    X = (digits().reshape(form) / 255.0) * 6 + 4
    samples = DCGAN(**TINY, data_range=(4, 10)).fit(X).sample(7, random_state=0)
    assert samples.shape == (7, *shape)
    assert samples.dtype == np.float32
    assert X.min() <= samples.min() < samples.max() <= X.max()


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (digits(), (0, 255)),
        (digits() / 255, (0, 1)),
        (digits() / 127.5 - 1, (-1, 1)),
        (digits().reshape(-1, 64)[:, :30] / 25.5 - 3, (-3, 7)),
        (np.full((4, 30), 5.0), (4, 6)),
        (digits().astype(np.int64), (0, 255)),
    ],
)
def test_range_is_read_off_X(X, expected):
    gan = DCGAN(**TINY).fit(X)
    assert isinstance(gan.data_range_, Bounds)
    assert gan.data_range_ == pytest.approx(expected)


@pytest.mark.parametrize("estimator", CLASSES)
def test_images_in_no_usual_range_are_refused(estimator):
    for X in (digits() / 25.5 - 3, digits() / 16, (digits() // 200).astype(np.uint8)):
        with pytest.raises(DataRangeError, match=rf"{estimator.__name__}: X .*data_range="):
            estimator(**TINY).fit(X)


def test_range_does_not_matter_to_the_training():
    images = digits(200)
    forms = [(images, "auto"), (images / 127.5 - 1, (-1, 1)), (images.astype(float), (0, 255))]
    first, *others = (
        DCGAN(**TINY, data_range=bounds).fit(X).generator_.sample(9, random_state=0) for X, bounds in forms
    )
    for other in others:
        np.testing.assert_allclose(first, other, atol=1e-6)


def test_values_beyond_the_range_warn():
    with pytest.warns(DataRangeWarning, match="DCGAN: X goes from 0 to 255"):
        DCGAN(**TINY, data_range=(0, 1)).fit(digits(200))


@pytest.mark.parametrize("estimator", CLASSES)
def test_random_state_decides_all_bits(estimator):
    X = digits()
    first, second = (estimator(**TINY).fit(X) for _ in range(2))
    other = estimator(**{**TINY, "random_state": 1}).fit(X)
    assert first.generator_.fingerprint == second.generator_.fingerprint != other.generator_.fingerprint
    assert np.array_equal(first.loss_curve_, second.loss_curve_)
    assert np.array_equal(first.sample(3, random_state=0), second.sample(3, random_state=0))


@pytest.mark.parametrize("random_state", [0, None])
def test_checkpoint_resumes(tmp_path, random_state):
    X, path = digits(), tmp_path / "checkpoint"
    options = {**TINY, "random_state": random_state}
    begun = DCGAN(**options, checkpoint=path).fit(X)
    resumed = DCGAN(**{**options, "max_steps": 4}, checkpoint=str(path)).fit(X)
    assert resumed.n_iter_ == 4
    assert np.array_equal(resumed.loss_curve_[:2], begun.loss_curve_)
    if random_state == 0:
        whole = DCGAN(**{**options, "max_steps": 4}).fit(X)
        assert whole.generator_.fingerprint == resumed.generator_.fingerprint


def test_checkpoint_of_other_data_is_refused(tmp_path):
    DCGAN(**TINY, checkpoint=tmp_path / "checkpoint").fit(digits())
    with pytest.raises(ValueError, match="belongs to another training: images"):
        DCGAN(**TINY, checkpoint=tmp_path / "checkpoint").fit(digits(seed=1))
    (tmp_path / "checkpoint").write_bytes(b"nothing")
    with pytest.raises(InvalidModelFileError, match="not a whole checkpoint"):
        DCGAN(**TINY, checkpoint=tmp_path / "checkpoint").fit(digits())


@pytest.mark.parametrize(
    ("image_shape", "error", "match"),
    [
        ((1, 7, 7), GeneratorMismatchError, r"image_shape=\(1, 7, 7\) must be .* 64 values"),
        ((64,), InvalidParameterError, r"image_shape=\(64,\) must be .* Pass image_shape=\(1, 8, 8\)"),
    ],
)
def test_shape_that_does_not_fit_is_refused(image_shape, error, match):
    with pytest.raises(error, match=match):
        DCGAN(**TINY, image_shape=image_shape).fit(digits().reshape(20, 64))


def test_shape_that_contradicts_the_images_is_refused():
    with pytest.raises(GeneratorMismatchError, match=r"in the shape \(1, 8, 8\)"):
        DCGAN(**TINY, image_shape=(1, 4, 16)).fit(digits())


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (DCGAN, {"latent_dim": 0}),
        (DCGAN, {"width": 2.5}),
        (DCGAN, {"n_epochs": 0}),
        (DCGAN, {"batch_size": 1}),
        (DCGAN, {"learning_rate": 0.0}),
        (DCGAN, {"ema_decay": 1.0}),
        (DCGAN, {"prior": "cauchy"}),
        (VAE, {"prior": "uniform"}),
        (BiGAN, {"data_range": "wide"}),
        (BiGAN, {"checkpoint": 3}),
    ],
)
def test_bad_parameters_are_named(estimator, options):
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter of {estimator.__name__}"):
        estimator(**{**TINY, **options}).fit(digits())


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"device": "abacus"}, ValueError, "device='abacus'"),
        ({"data_range": (1, 0)}, ValueError, "low < high"),
        ({"checkpoint": "/nowhere/at/all/checkpoint"}, FileNotFoundError, "nowhere"),
    ],
)
def test_bad_values_are_named(options, error, match):
    with pytest.raises(error, match=match):
        DCGAN(**{**TINY, **options}).fit(digits())


def test_failed_fit_leaves_the_fitted_estimator_as_it_was():
    gan = DCGAN(**TINY).fit(digits())
    generator = gan.generator_
    with pytest.raises(ValueError, match="NaN"):
        gan.fit(np.full((4, 64), np.nan))
    check_is_fitted(gan)
    with pytest.raises(GeneratorMismatchError):
        gan.set_params(image_shape=(1, 8, 8)).fit(digits(side=9))
    assert gan.generator_ is generator
    assert gan.n_features_in_ == 64


def test_images_of_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"expected rows .* or images"):
        DCGAN(**TINY).fit(digits()[None])


@pytest.mark.realdata
def test_short_training_of_a_narrow_network_shows_ink_where_digits_have_it(realdata):
    images = realdata("mnist")["images_train"][:2000]
    gan = DCGAN(width=8, max_steps=400, n_epochs=100, learning_rate=1e-3, random_state=0).fit(images)
    samples = gan.sample(500, random_state=0)
    assert samples.std(axis=0).mean() > 0.4 * images.std(axis=0).mean()
    assert np.corrcoef(samples.mean(axis=0).ravel(), images.mean(axis=0).ravel())[0, 1] > 0.7
