"""MimicGANProjector with several corruptions in one batch, samples and the flag, on real digits."""

import pickle

import numpy as np
import pytest
import torch

from skmimic import MimicGANProjector, PGDProjector, load_gan
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample
from tests.helpers import pca_generator, pictures, small

N = 24
ENOUGH = {"T": 4, "T1": 10, "T2": 10, "lr_surrogate": 0.1}
HALVES = np.repeat([0, 1], N // 2)
INVERTED_HALF = np.r_[pictures(N)[: N // 2], -pictures(N)[N // 2 :]]


def two(**parameters):
    return small(MimicGANProjector, n_surrogates=2, **ENOUGH, **parameters)


@pytest.fixture(scope="module")
def mixed():
    return two().fit(INVERTED_HALF)


@pytest.fixture(scope="module")
def digits():
    images = load_mnist_sample(size=16).images[:: 2000 // N, None][:N]
    return torch.from_numpy(images / 127.5 - 1).float()


def agreement(labels):
    """Share of the rows that the two labels sort as the truth does, the names of the labels aside."""
    right = np.mean(labels == HALVES)
    return max(right, 1 - right)


@pytest.mark.parametrize("second", [Rotation(-40.0), torch.neg], ids=["turned the other way", "inverted"])
def test_two_corruptions_of_real_digits_are_told_apart(digits, second):
    first = Rotation(40.0)
    X = torch.cat([first(digits[: N // 2]), second(digits[N // 2 :])]).numpy()
    few = {"surrogate": "affine" if second is not torch.neg else "auto", "T": 2, "T1": 20, "T2": 20, "batch_size": N}
    gan = load_gan("mnist16")
    model = MimicGANProjector(gan, n_surrogates=2, random_state=0, **few).fit(X)
    assert len(model.surrogates_) == 2
    assert agreement(model.assign(X)) >= 0.9
    plain = PGDProjector(gan, T=few["T"], T2=few["T2"], batch_size=N, random_state=0).fit_transform(X)
    errors = [np.linalg.norm((Z - digits.numpy()).reshape(N, -1), axis=1).mean() for Z in (model.transform(X), plain)]
    assert errors[0] < 0.5 * errors[1]


class TestMixed:
    def test_finds_which_rows_went_through_which(self, mixed):
        assert agreement(mixed.assign(INVERTED_HALF)) == 1
        assert mixed.surrogate_ is mixed.surrogates_[0]

    def test_rows_stand_alone(self, mixed):
        whole, labels = mixed.transform(INVERTED_HALF), mixed.assign(INVERTED_HALF)
        order = np.random.default_rng(0).permutation(N)[:7]
        np.testing.assert_array_equal(mixed.transform(INVERTED_HALF[order]), whole[order])
        np.testing.assert_array_equal(mixed.assign(INVERTED_HALF[order]), labels[order])

    def test_restores_what_one_surrogate_cannot(self, mixed):
        single = small(MimicGANProjector, **ENOUGH).fit(INVERTED_HALF)
        errors = [np.linalg.norm(m.transform(INVERTED_HALF) - pictures(N), axis=1).mean() for m in (mixed, single)]
        assert errors[0] < 0.7 * errors[1]

    def test_the_order_of_the_rows_of_fit_does_not_matter(self, mixed):
        again = two().fit(INVERTED_HALF[::-1])
        np.testing.assert_array_equal(again.transform(INVERTED_HALF), mixed.transform(INVERTED_HALF))

    def test_inverse_transform_asks_for_labels(self, mixed):
        labels = mixed.assign(INVERTED_HALF)
        found = mixed.inverse_transform(pictures(N), labels=labels)
        wrong = mixed.inverse_transform(pictures(N), labels=1 - labels)
        assert np.abs(found - INVERTED_HALF).mean() < 0.5 * np.abs(wrong - INVERTED_HALF).mean()
        for other in (None, labels[:3], labels + 1, labels * 0.5):
            with pytest.raises(ValueError, match="needs labels"):
                mixed.inverse_transform(pictures(N), labels=other)

    def test_project_gives_labels_surrogates_samples_and_the_path(self, mixed):
        result = mixed.project(INVERTED_HALF, n_samples=2, trajectory=True)
        assert agreement(result.labels) == 1
        assert len(result.surrogates) == 2
        assert result.samples.shape == (N, 2, 1, 8, 8)
        np.testing.assert_array_equal(result.trajectory[-1].images, result.images)
        pairs = zip(result.labels, result.images, strict=True)
        by_hand = [result.surrogates[label].apply(image[None])[0] for label, image in pairs]
        np.testing.assert_allclose(result.mimicked, by_hand, atol=1e-5)

    def test_a_pickle_gives_the_same_bits_and_a_file_is_refused(self, mixed, tmp_path):
        again = pickle.loads(pickle.dumps(mixed))
        np.testing.assert_array_equal(again.transform(INVERTED_HALF), mixed.transform(INVERTED_HALF))
        with pytest.raises(ValueError, match="one corruption"):
            mixed.save_adaptation(tmp_path / "mixed.npz")

    def test_one_corruption_is_found_once_and_can_be_saved(self, tmp_path):
        model = two().fit(-pictures(N))
        assert len(model.surrogates_) == 1
        model.save_adaptation(tmp_path / "one.npz")
        again = two(adapt_on=None).fit(pictures(N)).load_adaptation(tmp_path / "one.npz")
        np.testing.assert_array_equal(again.transform(-pictures(N)), model.transform(-pictures(N)))
        assert not model.assign(-pictures(N)).any()

    def test_a_linear_generator_is_solved_exactly_under_both(self):
        X = np.r_[pca_generator().sample(N // 2, random_state=0), -pca_generator().sample(N // 2, random_state=1)]
        model = MimicGANProjector(pca_generator(), surrogate="photometric", n_surrogates=2, T=4, random_state=0)
        X = X.reshape(N, -1).astype(np.float64)
        whole = model.fit(X).transform(X)
        assert whole.dtype == np.float64
        np.testing.assert_array_equal(model.transform(X[3:5]), whole[3:5])

    @pytest.mark.parametrize("n_surrogates", [0, 1.5, "two"])
    def test_other_numbers_are_refused(self, n_surrogates):
        with pytest.raises(ValueError, match="n_surrogates"):
            small(MimicGANProjector, n_surrogates=n_surrogates).fit(pictures(N))


class TestSamples:
    def test_are_in_the_range_of_the_data_and_the_spread_is_theirs(self):
        wide = small(MimicGANProjector, surrogate="identity", data_range=(0.0, 255.0))
        result = wide.project((pictures(6) + 1) * 127.5, n_samples=3)
        assert result.samples.shape == (6, 3, 1, 8, 8)
        assert result.samples.max() > 2
        np.testing.assert_allclose(result.spread, result.samples.std(axis=1, ddof=1))

    def test_are_repeatable_and_stand_alone(self):
        model = small(PGDProjector).fit(pictures(6))
        whole = model.project(pictures(6), n_samples=2).samples
        np.testing.assert_array_equal(model.project(pictures(6)[[4, 2]], n_samples=2).samples, whole[[4, 2]])

    def test_leave_the_projection_as_it_is(self):
        model = small(MimicGANProjector)
        plain, sampled = model.project(pictures(6)), model.project(pictures(6), n_samples=2)
        np.testing.assert_array_equal(plain.latents, sampled.latents)
        assert plain.samples is None
        assert plain.spread is None

    def test_one_has_no_spread(self):
        with pytest.raises(ValueError, match="at least 2"):
            small(MimicGANProjector).project(pictures(6), n_samples=1)


class TestIdentifiable:
    def test_is_false_for_one_row(self):
        model = small(MimicGANProjector, surrogate="affine")
        with pytest.warns(UserWarning, match="one distinct row"):
            assert model.project(np.repeat(pictures(1), 5, axis=0)).identifiable is False
        with pytest.warns(UserWarning, match="one distinct row"):
            assert model.fit(pictures(1)).identifiable_ is False

    def test_is_true_for_many_rotated_digits(self, digits):
        model = MimicGANProjector(load_gan("mnist16"), surrogate="affine", T=1, T1=1, random_state=0)
        assert model.fit(Rotation(40.0)(digits).numpy()).identifiable_ is True

    def test_is_not_told_where_nothing_is_learned(self):
        assert small(MimicGANProjector, surrogate="identity").fit(pictures(6)).identifiable_ is None
