"""Bad input: the error says who complains, what was expected, what came and what to do; and nothing is lost."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.decomposition import PCA, KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from torch import nn

from skmimic import (
    DCGAN,
    VAE,
    BiGAN,
    BiGANProjector,
    EncoderProjector,
    KnownCorruptionProjector,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
    from_paper,
)
from skmimic.exceptions import GeneratorMismatchError, IdentifiabilityWarning, NotFiniteError, SkmimicError
from tests.helpers import (
    ESTIMATORS,
    LEARNING,
    PROJECTORS,
    SmoothDecoder,
    pca_generator,
    pictures,
    small,
    smooth_generator,
)

IDS = {"ids": lambda cls: cls.__name__}


def broken(value, where=(3, 5)):
    X = pictures().copy()
    X[where] = value
    return X


def of_dtype(dtype):
    return pictures().astype(dtype)


ROWS = [{"label": 3, "picture": image} for image in pictures()[:4].reshape(4, 8, 8)]
BAD_X = {
    "a row of NaN": (broken(np.nan, where=3), ValueError, r"NaN.*row 3"),
    "infinity": (broken(np.inf), ValueError, "contains infinity in 1 of 40 rows; the first is row 3"),
    "rows of minus infinity": (broken(-np.inf, where=slice(7, 9)), ValueError, "infinity in 2 of 40 rows.* row 7"),
    "no rows": (pictures()[:0], ValueError, "0 sample"),
    "no features": (pictures()[:, :0], ValueError, "0 feature"),
    "one dimension": (
        pictures()[0],
        ValueError,
        r": X has one axis, the shape \(64,\).*Reshape your data",
    ),
    "five dimensions": (pictures().reshape(-1, 1, 1, 8, 8), ValueError, r"shape \(40, 1, 1, 8, 8\); expected rows"),
    "a number": (3.0, ValueError, ": X is a float without axes, expected an array"),
    "nothing": (None, ValueError, ": X is None, expected an array or a list of images"),
    "words": (np.full((5, 64), "dark"), ValueError, "could not convert string"),
    "objects": (np.full((5, 64), object()), TypeError, "float"),
    "complex numbers": (of_dtype(complex), ValueError, ": Complex data not supported: X holds complex numbers"),
    "a sparse matrix": (scipy.sparse.csr_matrix(pictures()), TypeError, r": X is a sparse csr_matrix.*X\.toarray\(\)"),
    "file names": (
        ["a.png", "b.png"],
        TypeError,
        r"X\[0\] is the text 'a\.png'.*PIL\.Image\.open\(path\).* for path in X",
    ),
    "paths": ([Path("a.npy")], TypeError, r"X\[0\] is the path 'a\.npy'.*\[np\.load\(path\) for path in X\]"),
    "an array of file names": (np.array(["a.png"]), TypeError, r"X\[0\] is the text 'a\.png'"),
    "a file name": ("a.npy", TypeError, r"X is the text 'a\.npy'.*np\.load\(X\)"),
    "a picture's path": (Path("a.png"), TypeError, r"X is the path 'a\.png'.*\[PIL\.Image\.open\(X\)"),
    "a folder": ("images", TypeError, r"names a folder.* for path in sorted\(pathlib\.Path\(X\)\.iterdir\(\)\)"),
    "encoded pictures": ([b"\x89PNG"], TypeError, r"X\[0\] is bytes.*PIL\.Image\.open\(io\.BytesIO\(item\)\)"),
    "rows of a table": (ROWS, TypeError, r"key 'picture' holds the image: pass \[row\['picture'\] for row in X\]"),
    "an array of dicts": (np.array(ROWS, dtype=object), TypeError, r"pass \[row\['picture'\] for row in X\]"),
    "rows without an image": ([{"a": 1}], TypeError, r"keys are 'a'\. Pass \[row\[key\] for row in X\]"),
    "columns": ({"y": [1, 2], "picture": pictures()}, TypeError, r"X is a dict.*'picture' holds images: pass X\['pic"),
    "a sparse tensor": (torch.tensor(pictures()).to_sparse(), TypeError, r"X is a sparse tensor.*X\.to_dense\(\)"),
    "sparse tensors": ([torch.ones(8, 8), torch.eye(8).to_sparse()], TypeError, r"X\[1\] is a sparse tensor"),
    "a tensor of nothing": (torch.ones(3, 64, device="meta"), TypeError, "device 'meta', which holds no values"),
    "a column of words": (np.c_[pictures().astype(object), ["cat"] * 40], ValueError, r"no numbers: 64 \(.*\[64\]"),
    "ragged lists": ([[0.0] * 64, [0.0] * 63], ValueError, r": X\[1\] has 63 values, X\[0\] 64"),
    "ragged rows": ([np.zeros(64), np.zeros(63)], ValueError, r": X\[1\] has the shape \(63,\), X\[0\] \(64,\)"),
    "a list of images and nothing": ([np.zeros(64), None], ValueError, r": X\[1\] has the shape \(\), X\[0\] \(64,\)"),
    "a list of rows and numbers": ([[1.0, 2.0], 3.0], ValueError, ": X is a list, expected .* cannot be read as one"),
    "an empty list": ([], ValueError, ": X is empty, expected .* at least one image"),
    "spans of time": (of_dtype("m8[s]"), TypeError, r": X is timedelta64\[s\], times, expected the values of pixels"),
    "dates": (of_dtype("M8[s]"), TypeError, r": X is datetime64\[s\], times, expected the values of pixels"),
    "a set": ({1.0, 2.0}, TypeError, ": X is a set, which has no order"),
    "a function": (len, TypeError, r": X is a builtin_function_or_method, .* Pass what it returns, X\(\)"),
    "fields": (np.zeros(4, dtype=[("a", "f4"), ("b", "f4")]), TypeError, "fields 'a', 'b'.*structured_to_unstructured"),
}


@pytest.mark.parametrize("name", BAD_X)
@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_bad_rows_are_refused_by_fit(cls, name):
    X, error, message = BAD_X[name]
    with pytest.raises(error, match=message):
        small(cls).fit(X)


@pytest.mark.parametrize("name", BAD_X)
@pytest.mark.parametrize("cls", [DCGAN, VAE, BiGAN, PerceptualProjector, EncoderProjector, BiGANProjector], **IDS)
def test_bad_rows_are_refused_by_networks_and_other_baselines(cls, name):
    X, error, message = BAD_X[name]
    with pytest.raises(error, match=message):
        cls().fit(X)


OF_PROJECTORS = ("transform", "encode", "inverse_transform", "score_samples", "score", "project")
METHODS = {
    MimicGANProjector: (*OF_PROJECTORS, "adapt", "assign"),
    MimicDomainAligner: (*OF_PROJECTORS, "adapt", "fit_new_domain"),
    MimicAnomalyDetector: ("score_samples", "decision_function", "predict", "score_maps", "p_values", "adapt"),
    PGDProjector: ("transform", "encode", "project"),
    KnownCorruptionProjector: ("transform", "encode", "project"),
}
EVERY_METHOD = [(cls, method) for cls, methods in METHODS.items() for method in methods]


@pytest.mark.parametrize(("cls", "method"), EVERY_METHOD, ids=lambda value: getattr(value, "__name__", value))
def test_bad_rows_are_refused_by_every_method(cls, method):
    model = small(cls).fit(pictures())
    for name, (X, error, message) in BAD_X.items():
        if name == "no features":
            error, message = ValueError, "0 feature|has 0 features"
        with pytest.raises(error, match=message):
            getattr(model, method)(X)
    with pytest.raises(ValueError, match=rf"X has 63 features, but {cls.__name__} is expecting 64 features"):
        getattr(model, method)(pictures()[:, 1:])


@pytest.mark.parametrize(("cls", "method"), EVERY_METHOD, ids=lambda value: getattr(value, "__name__", value))
def test_methods_ask_for_fit_first(cls, method):
    if method == "project":
        assert small(cls).project(pictures()).images.shape == (40, 1, 8, 8)
        return
    with pytest.raises(NotFittedError, match=rf"This {cls.__name__} instance is not fitted yet"):
        getattr(small(cls), method)(pictures())


@pytest.mark.parametrize("cls", PROJECTORS, **IDS)
@pytest.mark.parametrize("Z", [np.zeros((3, 5)), np.zeros(4), np.full((2, 4), np.nan)], ids=["wide", "1-D", "NaN"])
def test_bad_latents_are_refused(cls, Z):
    model = small(cls).fit(pictures())
    with pytest.raises(GeneratorMismatchError, match=r"expected latents \(n, 4\)|latents contain NaN"):
        model.decode(Z)
    with pytest.raises(NotFittedError):
        small(cls).decode(np.zeros((2, 4)))


def nan_loss(mimicked, observed):
    return (mimicked - observed).flatten(1).sum(1) * float("nan")


def total_loss(mimicked, observed):
    return (mimicked - observed).abs().sum()


class Cuts(nn.Module):
    def forward(self, images):
        return images[..., 1:]


BAD_PARAMETERS = {
    "T": (-1, InvalidParameterError, "'T' parameter of {cls} must be an int in the range"),
    "T2": (-1, InvalidParameterError, "'T2' parameter of {cls}"),
    "lr_latent": (0.0, InvalidParameterError, "'lr_latent' parameter of {cls}"),
    "lambda_adv": (-1e-4, InvalidParameterError, "'lambda_adv' parameter of {cls}"),
    "solver": ("newton", InvalidParameterError, "'solver' parameter of {cls} must be a str among"),
    "loss": ("huber", InvalidParameterError, "'loss' parameter of {cls} must be a str among"),
    "start": ("best", InvalidParameterError, "'start' parameter of {cls}"),
    "optimizer": ("sgd", InvalidParameterError, "'optimizer' parameter of {cls}"),
    "batch_size": (0, InvalidParameterError, "'batch_size' parameter of {cls}"),
    "random_state": ("seed", InvalidParameterError, "'random_state' parameter of {cls}"),
    "device": ("abacus", ValueError, "device='abacus' cannot be used here.*Pass 'auto' or 'cpu'"),
    "data_range": ((1.0, 0.0), ValueError, r"data_range must be \(low, high\) with low < high"),
    "image_shape": ((1, 8, 9), GeneratorMismatchError, r"{cls}: image_shape=\(1, 8, 9\) must be \(channels, height"),
}
BAD_LEARNING_PARAMETERS = {
    "T1": (-1, InvalidParameterError, "'T1' parameter of {cls}"),
    "lr_surrogate": (-1.0, InvalidParameterError, "'lr_surrogate' parameter of {cls}"),
    "n_init": (0, InvalidParameterError, "'n_init' parameter of {cls}"),
    "n_adapt": (1, InvalidParameterError, "'n_adapt' parameter of {cls}"),
    "adapt_on": ("predict", InvalidParameterError, "'adapt_on' parameter of {cls}"),
}


def bad_parameters(cls):
    return {**BAD_PARAMETERS, **(BAD_LEARNING_PARAMETERS if cls in LEARNING else {})}


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls in ESTIMATORS for name in bad_parameters(cls)])
def test_bad_parameters_are_refused_by_fit(cls, name):
    value, error, message = bad_parameters(cls)[name]
    model = small(cls, **{name: value})
    with pytest.raises(error, match=message.format(cls=cls.__name__)):
        model.fit(pictures()).score_samples(pictures())
    if cls in PROJECTORS:
        with pytest.raises(error, match=message.format(cls=cls.__name__)):
            model.project(pictures())


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (MimicAnomalyDetector, "contamination", 0.6),
        (MimicAnomalyDetector, "contamination", 0.0),
        (MimicAnomalyDetector, "error", "both"),
        (MimicDomainAligner, "source", "target"),
        (MimicGANProjector, "output", "scores"),
        (KnownCorruptionProjector, "f", 3),
    ],
)
def test_bad_parameters_of_one_estimator(cls, name, value):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of {cls.__name__}"):
        small(cls, **{name: value}).fit(pictures())


BAD_SURROGATES = {
    "unknown family": ("rotation", ValueError, "surrogate='rotation': 'rotation' is unknown. Use 'auto'"),
    "bare module": (nn.Conv2d(1, 1, 1), TypeError, "Wrap a module as lambda image_shape: module"),
    "number": (3, TypeError, "surrogate must be a family name, a Surrogate, or a factory"),
    "factory of nothing": (lambda shape: None, TypeError, "a factory must take the image shape and return"),
    "module that cuts": (lambda shape: Cuts(), GeneratorMismatchError, r"must keep the shape \(4, 1, 8, 8\)"),
}


@pytest.mark.parametrize("name", BAD_SURROGATES)
@pytest.mark.parametrize("cls", LEARNING, **IDS)
def test_bad_surrogates_are_refused(cls, name):
    surrogate, error, message = BAD_SURROGATES[name]
    with pytest.raises(error, match=message):
        small(cls, surrogate=surrogate, adapt_on="fit").fit(pictures())


@pytest.mark.parametrize("f", [Cuts(), lambda images: images.flatten(1), lambda images: None])
def test_a_known_f_must_keep_the_shape(f):
    with pytest.raises(
        GeneratorMismatchError, match=r"f must return a tensor of the shape it is given, \(4, 1, 8, 8\)"
    ):
        small(KnownCorruptionProjector, f=f).fit(pictures())


BAD_GENERATORS = {
    "class": (DCGAN, TypeError, "got the class DCGAN, expected an instance"),
    "unknown name": ("cats", ValueError, "cats"),
    "number": (3, TypeError, "gan: cannot make a generator of int"),
    "pair of numbers": ((1, 2), TypeError, r"expected a pair \(G, D\) of torch\.nn\.Modules, got \(int, int\)"),
    "not linear": (KernelPCA(2, kernel="rbf", fit_inverse_transform=True), GeneratorMismatchError, "not an affine map"),
    "other size": (SmoothDecoder(image_shape=(1, 16, 16)), GeneratorMismatchError, "256 values, but X has 64 features"),
    "no pictures": (nn.Sequential(nn.Linear(4, 65), nn.Tanh()), GeneratorMismatchError, "65"),
    "unfitted network": (nn.LazyLinear(64), TypeError, "is not initialised yet. Run the module once"),
}


@pytest.mark.parametrize("name", BAD_GENERATORS)
@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_bad_generators_are_refused(cls, name):
    gan, error, message = BAD_GENERATORS[name]
    with pytest.raises(error, match=message):
        small(cls, gan).fit(pictures())


@pytest.mark.parametrize("gan", [5, "cats", (1, 2), DCGAN, nn.LazyLinear(3)], ids=str)
@pytest.mark.parametrize("image_shape", [None, (1, 8, 8)])
def test_a_bad_generator_names_the_estimator(gan, image_shape):
    with pytest.raises((TypeError, ValueError), match=r"^PGDProjector: "):
        PGDProjector(gan, image_shape=image_shape).fit(pictures())


@pytest.mark.parametrize("surrogate", [5, "nonsense", "affine+affine", nn.Conv2d(1, 1, 1)], ids=str)
def test_a_bad_surrogate_names_the_estimator(surrogate):
    with pytest.raises(InvalidParameterError, match=r"^MimicGANProjector: surrogate"):
        small(MimicGANProjector, surrogate=surrogate).fit(pictures())


@pytest.mark.parametrize("n_samples", ["a", 2.5, 1, True, 0])
@pytest.mark.parametrize("is_fitted", [True, False])
def test_plausible_images_are_counted(n_samples, is_fitted):
    model = small(PGDProjector)
    model = model.fit(pictures()) if is_fitted else model
    with pytest.raises(ValueError, match=rf"^PGDProjector: n_samples={n_samples!r} must be a whole number"):
        model.project(pictures(), n_samples=n_samples)


def test_a_generator_of_the_wrong_size_says_both_sizes_and_what_to_do():
    message = (
        r"^PGDProjector: generator gives images of shape \(1, 16, 16\), 256 values, but X has 64 features\. Resize X "
        r"\(skmimic\.datasets\.resize_images\) or pass a generator for images of that size\.$"
    )
    with pytest.raises(GeneratorMismatchError, match=message):
        small(PGDProjector, SmoothDecoder(image_shape=(1, 16, 16))).fit(pictures())


@pytest.mark.parametrize("shape", [(-1, 4, 16), (-1, 32, 2)])
def test_pictures_laid_out_otherwise_are_refused_with_advice(shape):
    with pytest.raises(GeneratorMismatchError, match=r"X has images of shape .*Transpose X to \(n, C, H, W\)"):
        small(PGDProjector).fit(pictures().reshape(shape))


@pytest.mark.parametrize("image_shape", [(1, 8, 8, 1), (64,), (8, 8), (1, 0, 64), "88"])
def test_image_shape_must_be_three_sizes(image_shape):
    with pytest.raises((GeneratorMismatchError, InvalidParameterError), match="image_shape"):
        small(PGDProjector, image_shape=image_shape).fit(pictures())


def test_image_shape_must_not_contradict_the_form_of_x():
    with pytest.raises(GeneratorMismatchError, match=r"64 values in the shape \(1, 8, 8\)"):
        small(PGDProjector, image_shape=(1, 4, 16)).fit(pictures().reshape(-1, 8, 8))


@pytest.mark.parametrize("solver", ["joint", "alternating"])
@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_a_loss_that_gives_nan_names_both_learning_rates(cls, solver):
    model = small(cls, loss=nan_loss, solver=solver)
    with pytest.raises(NotFiniteError, match=r"not finite \(lr_latent=.*, lr_surrogate=.*Lower the learning rates"):
        model.fit(pictures()).score_samples(pictures())


def test_a_loss_that_gives_nan_is_noticed_with_a_linear_generator_too():
    with pytest.raises(NotFiniteError, match="least-squares projection"):
        PGDProjector(pca_generator(), loss=nan_loss).fit(pictures()).transform(pictures())


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_a_loss_must_give_one_number_a_row(cls):
    with pytest.raises(ValueError, match=r"must give one number for each of the \d+ rows"):
        small(cls, loss=total_loss).fit(pictures()).score_samples(pictures())


@pytest.mark.parametrize("cls", LEARNING, **IDS)
@pytest.mark.parametrize("X", [pictures()[:1], np.repeat(pictures()[:1], 5, axis=0)], ids=["one row", "five alike"])
def test_one_distinct_row_falls_back_to_no_corruption_and_warns(cls, X):
    model = small(cls, adapt_on="fit")
    with pytest.warns(IdentifiabilityWarning, match=rf"{cls.__name__}: one distinct row.*Pass several rows, or call"):
        model.fit(X)
    assert model.surrogate_.describe()["corruption"] == "none"
    assert model.trace_.status.name == "NOT_IDENTIFIABLE"


def test_what_is_given_needs_no_second_row():
    small(MimicGANProjector, surrogate="identity").fit(pictures()[:1])
    small(KnownCorruptionProjector, f=torch.neg).fit(pictures()[:1])
    small(PGDProjector).fit(pictures()[:1])


FAILURES = {
    "a row of NaN": (broken(np.nan, where=3), {}),
    "another size": (pictures()[:, :49], {}),
    "an unknown family": (pictures(), {"surrogate": "rotation"}),
    "a loss that gives NaN": (pictures(), {"loss": nan_loss}),
    "a bad parameter": (pictures(), {"T": -1}),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("cls", LEARNING, **IDS)
def test_a_fit_that_fails_leaves_the_earlier_one(cls, name):
    X, changes = FAILURES[name]
    model = small(cls, adapt_on="fit").fit(pictures())
    parameters, before = model.get_params(), model.score_samples(pictures())
    state = {key for key in vars(model)}
    with pytest.raises((ValueError, SkmimicError)):
        model.set_params(**changes).fit(X)
    model.set_params(**{key: parameters[key] for key in changes})
    assert {key for key in vars(model)} == state
    np.testing.assert_array_equal(model.score_samples(pictures()), before)


@pytest.mark.parametrize("cls", LEARNING, **IDS)
def test_a_first_fit_that_fails_leaves_an_unfitted_estimator(cls):
    model = small(cls, surrogate="rotation", adapt_on="fit")
    with pytest.raises(ValueError):
        model.fit(pictures())
    with pytest.raises(NotFittedError):
        model.score_samples(pictures())


def test_adapt_that_fails_leaves_what_was_learned():
    model = small(MimicDomainAligner).fit(pictures()).adapt(pictures())
    before = model.transform(pictures())
    for X in (broken(np.nan, where=3), pictures()[:, :5]):
        with pytest.raises(ValueError):
            model.adapt(X)
    np.testing.assert_array_equal(model.transform(pictures()), before)


def test_an_unknown_experiment_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"from_paper: 'mnist' is unknown\. Use one of \['anomaly:mnist->usps'"):
        from_paper("mnist")


def test_an_unfitted_decomposition_is_fitted_and_its_own_complaints_come_through():
    assert small(PGDProjector, PCA(3)).fit(pictures()).generator_.latent_dim == 3
    with pytest.raises(ValueError, match="n_components=99"):
        small(PGDProjector, PCA(99)).fit(pictures())


def test_the_handle_of_the_user_is_never_replaced():
    model = small(PGDProjector).fit(pictures())
    assert model.gan is smooth_generator()
    assert model.generator_ is smooth_generator()


@pytest.mark.parametrize("cls", [*ESTIMATORS, PerceptualProjector], **IDS)
class TestLeastSquares:
    MESSAGE = (
        r'solver="closed_form" finds latents by least squares, which needs a linear generator.*got .*{}.*Set solver'
    )

    def test_a_network_is_refused(self, cls):
        with pytest.raises(GeneratorMismatchError, match=cls.__name__ + ": " + self.MESSAGE.format("smooth")):
            small(cls, solver="closed_form").fit(pictures())

    def test_a_network_is_refused_before_it_is_trained(self, cls):
        bad = DCGAN(n_epochs=-1)  # training would name this first
        with pytest.raises(GeneratorMismatchError, match=self.MESSAGE.format("DCGAN")):
            small(cls, bad, solver="closed_form").fit(pictures())

    def test_linear_generators_are_solved(self, cls):
        gan = pca_generator()
        exact, auto = (small(cls, gan, solver=solver).fit(pictures()) for solver in ("closed_form", "auto"))
        np.testing.assert_array_equal(exact.score_samples(pictures()), auto.score_samples(pictures()))


def test_least_squares_are_refused_of_a_fitted_projector_too():
    model = small(MimicGANProjector).fit(pictures()).set_params(solver="closed_form")
    for method in (model.adapt, model.project):
        with pytest.raises(GeneratorMismatchError, match="needs a linear generator"):
            method(pictures())
