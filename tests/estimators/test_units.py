"""Other units of X, and of what a linear generator was made of, change the units of the answer and nothing else."""

import functools
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from torch import nn

from skmimic import VAE, MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector, load_gan
from skmimic.corruptions import Affine
from skmimic.estimators._data import distinct_rows
from skmimic.exceptions import DataRangeError, DataRangeWarning
from skmimic.generators import as_generator, linear_generator_from_data
from skmimic.utils import UNIT, Bounds

CORRUPTION = Affine(rotation=25, zoom=0.85)
UNITS = {"unit": (0, 1), "bytes": (0, 255), "sixteen": (0, 16), "z-score": (-0.6, 3.1)}
DECOMPOSITIONS = {
    "PCA": lambda: PCA(10, random_state=0),
    "TruncatedSVD": lambda: TruncatedSVD(10, random_state=0),
    # "nndsvda" starts from the mean of X where it should be its root, and ends elsewhere in other units
    "NMF": lambda: NMF(8, init="nndsvd", max_iter=60, tol=1e-2),
    "many parts": lambda: NMF(32, init="nndsvd", max_iter=400, tol=1e-2),
}


@functools.cache
def images(inverted=False):
    order = np.random.default_rng(5).permutation(1797)[:440]
    clean = (load_digits().images[order][:, None] / 16.0).astype(np.float64)
    turned = (CORRUPTION(torch.from_numpy(clean[400:] * 2 - 1)).numpy() + 1) / 2
    sides = [part.reshape(len(part), -1) for part in (clean[:400], clean[400:], turned)]
    return [1 - side for side in sides] if inverted else sides


def in_units(values, bounds):
    return values * (bounds[1] - bounds[0]) + bounds[0]


@functools.cache
def answer(cls, kind, bounds, told=False, inverted=False):
    """What was found, and images, in units of 0..1."""
    train, _, turned = (in_units(side, bounds) for side in images(inverted))
    gan = made(kind, train, bounds)
    keywords = {"data_range": bounds} if told else {}
    if cls is MimicAnomalyDetector:
        keywords["score_by"] = "residual"
    model = cls(gan, surrogate="affine", T=4, T2=10, random_state=0, batch_size=40, **keywords)
    if cls is MimicDomainAligner:
        model.fit(train).adapt(turned)
    else:
        model.fit(turned)
    found = model.surrogate_.describe()
    numbers = [found["rotation_deg"], *(100 * side for side in found["scale"])]
    if cls is MimicAnomalyDetector:
        return numbers, model.score_samples(turned) / (bounds[1] - bounds[0])
    return numbers, (model.transform(turned) - bounds[0]) / (bounds[1] - bounds[0])


def made(kind, train, bounds):
    if kind is None:
        return None
    if kind == "handle":
        return linear_generator_from_data(train, 10, (1, 8, 8))
    if kind == "declared":
        return as_generator(PCA(10, random_state=0).fit(train), data_range=bounds)
    return DECOMPOSITIONS[kind]().fit(train)


def agree(one, other):
    (numbers, values), (others, other_values) = one, other
    np.testing.assert_allclose(numbers, others, rtol=0.01, atol=0.25)
    if values.ndim == 1:
        assert values.mean() == pytest.approx(other_values.mean(), rel=0.01)
        return
    clean = images()[1]
    errors, other_errors = (np.linalg.norm(each - clean, axis=1).mean() for each in (values, other_values))
    assert errors == pytest.approx(other_errors, rel=0.01)


@pytest.mark.parametrize(
    ("cls", "kind", "units"),
    [
        *((MimicGANProjector, "PCA", units) for units in UNITS),
        *((MimicDomainAligner, None, units) for units in ("unit", "z-score")),
        *((MimicAnomalyDetector, "PCA", units) for units in ("bytes", "z-score")),
    ],
)
def test_units_change_nothing(cls, kind, units):
    agree(answer(cls, kind, UNITS[units]), answer(cls, kind, (-1, 1)))


@pytest.mark.parametrize("units", UNITS)
def test_rows_are_chosen_in_the_same_order_in_all_units(units):
    rows = np.vstack([images()[2], images()[2][:3], images()[1]])
    first = distinct_rows(rows, 60, UNIT)
    np.testing.assert_array_equal(distinct_rows(in_units(rows, UNITS[units]), 60, Bounds(*UNITS[units])), first)
    np.testing.assert_array_equal(rows[first], rows[::-1][distinct_rows(rows[::-1], 60, UNIT)])
    nearly = np.vstack([rows[:1], rows[:1] * (1 + 1e-6)])
    assert len(distinct_rows(nearly, 9, UNIT)) == 2


UNCENTRED = [(cls, kind) for cls in (MimicGANProjector, MimicDomainAligner) for kind in ("NMF", "TruncatedSVD")]


@pytest.mark.parametrize(("cls", "kind"), UNCENTRED)
def test_a_scale_changes_nothing_for_what_is_not_centred(cls, kind):
    first = answer(cls, kind, (0, 1))
    agree(answer(cls, kind, (0, 255)), first)


@pytest.mark.parametrize(("cls", "kind"), UNCENTRED)
def test_scores_that_nobody_kept_are_as_good_as_those_of_principal_components(cls, kind):
    (rotation, *scale), values = answer(cls, kind, (0, 1))
    assert rotation == pytest.approx(25, abs=3)
    assert scale == pytest.approx([85, 85], abs=4)
    best = answer(cls, "PCA", (0, 1))[1]
    clean = images()[1]
    error, least = (np.linalg.norm(each - clean, axis=1).mean() for each in (values, best))
    assert error < 1.3 * least


@pytest.mark.parametrize("cls", [MimicGANProjector, MimicDomainAligner])
def test_many_parts_serve_as_well_as_few(cls):
    """With 32 parts an angle of 45 degrees was found when their samples were as often dark as bright."""
    assert answer(cls, "many parts", (0, 1))[0][0] == pytest.approx(25, abs=3)


@pytest.mark.parametrize("kind", ["PCA", "handle", "declared"])
def test_a_range_that_is_told_is_not_converted_twice(kind):
    agree(
        answer(MimicGANProjector, kind, UNITS["z-score"], told=True),
        answer(MimicGANProjector, kind, (-1, 1), told=True),
    )


@pytest.mark.parametrize("keywords", [{}, {"data_range": (0, 255)}])
@pytest.mark.parametrize("bounds", [(-1, 1), (0, 1), (1000, 1002)])
def test_a_generator_in_quite_other_units_than_x_is_refused(bounds, keywords):
    """Unless its own range is declared."""
    train, _, turned = images()
    pca = PCA(10, random_state=0).fit(in_units(train, bounds))
    with pytest.raises(
        DataRangeError, match=r"the generator, whose range nobody told, gives values from .*as_generator"
    ):
        PGDProjector(pca, T=1, **keywords).fit(255 * turned)
    declared = as_generator(pca, data_range=bounds)
    PGDProjector(declared, T=1, data_range=(0, 255)).fit(255 * turned)


@pytest.mark.parametrize(("made_on", "bounds"), [((0, 1), (-1, 1)), ((-1, 1), (0, 1)), ((0, 255), (-255, 255))])
def test_a_generator_in_likely_other_units_is_warned_of(made_on, bounds):
    train, _, turned = images()
    pca = PCA(10, random_state=0).fit(in_units(train, made_on))
    with pytest.warns(DataRangeWarning, match=r"PGDProjector: X goes from .*whose range nobody told.*as_generator"):
        PGDProjector(pca, T=1).fit(in_units(turned, bounds))
    declared = as_generator(as_generator(pca), data_range=made_on)
    PGDProjector(declared, T=1, data_range=bounds).fit(in_units(turned, bounds))


@pytest.mark.parametrize("spoil", [lambda x: 0.3 * x + 0.3, lambda x: x + 0.3, lambda x: 1 - x])
def test_rows_that_are_dim_or_bright_are_in_the_same_units(spoil):
    train, _, turned = images()
    assert PGDProjector(PCA(10, random_state=0).fit(train), T=1).fit(spoil(turned)).generator_.is_linear


def test_the_corruption_is_found_in_all_units():
    (rotation, *scale), values = answer(MimicGANProjector, "PCA", (0, 255))
    assert rotation == pytest.approx(25, abs=3)
    assert scale == pytest.approx([85, 85], abs=4)
    clean, turned = images()[1:]
    assert np.linalg.norm(values - clean, axis=1).mean() < 0.6 * np.linalg.norm(turned - clean, axis=1).mean()


def test_black_on_white_is_found_as_white_on_black_is():
    numbers, values = answer(MimicGANProjector, "PCA", (0, 1), inverted=True)
    agree((numbers, 1 - values), answer(MimicGANProjector, "PCA", (0, 1)))


def test_networks_take_units_that_are_told():
    latents = np.random.default_rng(0).uniform(-1, 1, (12, 64))
    rows = (load_gan("mnist16").decode(latents).reshape(12, -1) + 1) / 2

    def run(bounds):
        model = PGDProjector(load_gan("mnist16"), T=2, T2=5, data_range=bounds, batch_size=12, random_state=0)
        projected = model.fit_transform(in_units(rows, bounds))
        return (projected - bounds[0]) / (bounds[1] - bounds[0])

    for units in ("sixteen", "z-score"):
        np.testing.assert_allclose(run(UNITS[units]), run((-1, 1)), atol=1e-2)


def test_a_generator_that_was_trained_expects_the_units_of_its_training():
    clean = images()[1]
    vae = VAE(4, width=2, max_steps=3, data_range=(0, 16), random_state=0).fit(clean * 16)
    model = PGDProjector(vae, T=1, T2=4, random_state=0).fit(clean * 16)
    assert model.data_range_ == (0, 16)
    other = PGDProjector(vae.generator_, T=1, T2=4, random_state=0).fit(clean * 2 - 1)
    np.testing.assert_allclose(model.transform(clean * 16) / 8 - 1, other.transform(clean * 2 - 1), atol=1e-3)


# -- rows in other units than those of fit ----------------------------------------------------------------------------

METHODS = {
    MimicGANProjector: ["transform", "score_samples", "adapt", "project", "encode", "assign", "inverse_transform"],
    MimicAnomalyDetector: ["predict", "score_samples", "score_maps", "p_values", "decision_function", "adapt"],
    MimicDomainAligner: ["transform", "adapt", "score_samples"],
    PGDProjector: ["transform", "encode", "score_samples"],
}
CHANGES = {
    "0..1 after -1..1": ((-1, 1), (0, 1)),
    "-1..1 after 0..1": ((0, 1), (-1, 1)),
    "bytes after floats": ((0, 1), (0, 255)),
    "floats after bytes": ((0, 255), (0, 1)),
    "0..16 after bytes": ((0, 255), (0, 16)),
}


@functools.cache
def fitted(cls, kind, bounds):
    clean = in_units(images()[1], bounds)
    gan = None if kind is None else VAE(4, width=2, max_steps=2, data_range=bounds, random_state=0)
    keywords = {"surrogate": "identity"} if cls is not PGDProjector else {}
    keywords = keywords if kind is None else {**keywords, "data_range": bounds}
    return cls(gan, T=1, T2=1, random_state=0, image_shape=(1, 8, 8), batch_size=8, **keywords).fit(clean)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("cls", "kind"),
    [(cls, kind) for cls in METHODS for kind in (None, "network") if kind is None or cls is PGDProjector],
)
def test_rows_in_other_units_are_warned_of_in_every_method(cls, kind, change):
    then, now = CHANGES[change]
    model, rows = fitted(cls, kind, then), in_units(images()[1][:8], now)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataRangeWarning)
        for method in METHODS[cls]:
            with pytest.raises(DataRangeWarning, match=rf"{cls.__name__}: X goes from"):
                getattr(model, method)(rows)


DOUBTFUL = {
    "generator": lambda train, clean: PGDProjector(PCA(4).fit(in_units(train, (-1, 1))), T=1).fit(clean),
    "told": lambda train, clean: PGDProjector(None, T=1, data_range=(0, 255)).fit(clean),
    "later rows": lambda train, clean: fitted(PGDProjector, None, (-1, 1)).transform(clean),
    "network": lambda train, clean: as_generator(
        nn.Sequential(nn.Linear(4, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))), data_range=(-1, 1)
    ),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_warnings_of_ranges_point_at_the_line_that_called_us(kind):
    """Not into scikit-learn or this package, however deep what warns lies."""
    with pytest.warns(DataRangeWarning) as told:
        DOUBTFUL[kind](*images()[:2])
    assert {warning.filename for warning in told} == {__file__}


@pytest.mark.parametrize("row", [np.linspace(0, 1, 64), np.linspace(-1, 1, 64), np.arange(64) % 2 == 0])
def test_one_row_of_far_too_narrow_units_is_enough(row):
    model = fitted(PGDProjector, None, (0, 255))
    with pytest.warns(DataRangeWarning, match="PGDProjector: X goes from"):
        model.transform(row[None])


@pytest.mark.parametrize("cls", METHODS)
def test_rows_that_are_in_the_units_of_fit_are_not_warned_of(cls):
    model = fitted(cls, None, (0, 255))
    for digit in images()[0]:
        model._check_range(255 * digit[None])  # a warning would be an error
    model._check_range(np.zeros((1, 64)))
    model._check_range(0.3 * 255 * images()[0])
