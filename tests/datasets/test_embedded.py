"""The samples that ship with the package."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from skmimic.datasets import load_digits_images, load_mnist, load_mnist_sample


def test_mnist_sample_is_stratified_and_has_no_duplicates():
    sample = load_mnist_sample()
    assert sample.images.shape == (2000, 28, 28)
    assert sample.images.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(sample.target), np.full(10, 200))
    assert len(np.unique(sample.data, axis=0)) == len(np.unique(sample.indices)) == 2000


def test_mnist_sample_names_its_authors_and_terms():
    description = load_mnist_sample().DESCR
    for words in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"):
        assert words in description


def test_mnist_sample_labels_belong_to_its_images():
    X, y = load_mnist_sample(return_X_y=True)
    order = np.random.default_rng(0).permutation(2000)
    X, y = X[order] / 255, y[order]
    assert KNeighborsClassifier(1).fit(X[:1500], y[:1500]).score(X[1500:], y[1500:]) > 0.85


@pytest.mark.realdata
def test_mnist_sample_is_taken_from_the_official_test_images(realdata):
    with realdata("mnist") as archive:
        images, labels = archive["images_test"], archive["labels_test"]
    sample = load_mnist_sample()
    np.testing.assert_array_equal(sample.images, images[sample.indices])
    np.testing.assert_array_equal(sample.target, labels[sample.indices])


def test_digits_are_scikit_learns_enlarged():
    digits, native = load_digits_images(), load_digits()
    assert digits.images.shape == (1797, 16, 16)
    assert digits.images.dtype == np.uint8
    np.testing.assert_array_equal(digits.target, native.target)
    np.testing.assert_allclose(load_digits_images(8).images * (16 / 255), native.images, atol=16 / 255)
    np.testing.assert_allclose(digits.images.mean(), load_digits_images(8).images.mean(), rtol=0.05)


@pytest.mark.parametrize("load", [load_mnist_sample, load_digits_images])
def test_rows_are_the_images_flattened(load):
    bunch = load(size=20)
    np.testing.assert_array_equal(bunch.data, bunch.images.reshape(len(bunch.images), 400))
    X, y = load(size=20, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


def test_two_domains_differ_enough_to_need_alignment():
    source, target = load_mnist_sample(size=16), load_digits_images(size=16)
    accuracy = KNeighborsClassifier(1).fit(source.data / 255, source.target).score(target.data / 255, target.target)
    assert 0.1 < accuracy < 0.7


@pytest.mark.realdata
def test_published_accuracy_without_adaptation_is_met(realdata):
    """1-NN from MNIST at 16x16 to USPS: 71.3 % in Table 1."""
    with realdata("usps") as archive:
        X, y = archive["images_test"][:1000].reshape(1000, -1), archive["labels_test"][:1000]
    source = load_mnist("train", size=16)
    accuracy = KNeighborsClassifier(1).fit(source.data[:20000] / 255, source.target[:20000]).score(X / 255, y)
    assert accuracy == pytest.approx(0.71, abs=0.06)
