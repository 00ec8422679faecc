"""The classes of a batch: balanced assignment, agreement of neighbours, and the term that holds rows to their class."""

import warnings

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.engine import LabelledSource, has_enough_rows, learn_guide
from skmimic.engine._class_guide import SOFTNESS, RowGuide, _agreed, _potentials
from skmimic.exceptions import GeneratorMismatchError


def assigned(costs, shares):
    return (_potentials(costs, shares) - costs / SOFTNESS).softmax(1)


def random_costs(n_rows, n_classes, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 1.5, (n_rows, n_classes)))


class TestAssignment:
    @given(st.integers(0, 1000), st.integers(2, 6), st.integers(20, 60))
    def test_rows_are_shared_out_and_the_classes_have_their_shares(self, seed, n_classes, n_rows):
        shares = torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(n_classes, 5.0)))
        memberships = assigned(random_costs(n_rows, n_classes, seed), shares)
        assert memberships.min() >= 0
        torch.testing.assert_close(memberships.sum(1), torch.ones(n_rows, dtype=torch.float64))
        torch.testing.assert_close(memberships.mean(0), shares, atol=0.02, rtol=0)

    def test_a_class_that_is_not_expected_gets_nothing(self):
        memberships = assigned(random_costs(30, 3), torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64))
        assert torch.isfinite(memberships).all()
        assert (memberships[:, 1] == 0).all()
        torch.testing.assert_close(memberships.mean(0)[[0, 2]], torch.full((2,), 0.5).double(), atol=0.01, rtol=0)

    def test_the_rows_that_lose_least_go_to_the_class_that_is_short(self):
        """All rows are nearest to the first class; half must go, and the cheaper half goes."""
        costs = torch.stack([torch.full((40,), 0.8), torch.linspace(0.9, 1.7, 40)], 1).double()
        memberships = assigned(costs, torch.tensor([0.5, 0.5], dtype=torch.float64))
        np.testing.assert_array_equal(memberships.argmax(1), np.repeat([1, 0], 20))

    def test_where_the_shares_are_met_already_the_nearest_class_wins(self):
        truth = np.repeat([0, 1, 2], [10, 20, 30])
        costs = torch.from_numpy(1.2 - 0.5 * np.eye(3)[truth])
        memberships = assigned(costs, torch.tensor([1.0, 2.0, 3.0]).double() / 6)
        np.testing.assert_array_equal(memberships.argmax(1), truth)


class TestAgreement:
    def test_rows_without_neighbours_but_themselves_keep_their_costs(self):
        costs = random_costs(12, 3)
        torch.testing.assert_close(_agreed(costs, torch.arange(12)[:, None]), costs)

    def test_a_row_that_errs_is_corrected_by_those_that_look_like_it(self):
        costs = torch.tensor([[0.5, 1.0]]).repeat(6, 1)
        costs[0] = torch.tensor([1.0, 0.8])
        neighbours = torch.arange(6).repeat(6, 1)
        assert _agreed(costs, neighbours)[0].argmin() == 0


class PixelsOnly:
    """A generator without a discriminator."""

    has_discriminator, device = False, torch.device("cpu")


class Known:
    """Phase B that knows the clean images; all that it is shown is how many it has shown before."""

    precision = torch.float32

    def __init__(self, images):
        self.images, self.done = images, 0

    def __call__(self, observed):
        self.done += len(observed)
        return None, self.images[self.done - len(observed) : self.done]


def clouds(n_each, centres, seed=0, sd=0.1):
    """Images (n, 1, 4, 4) around the same grey, one grey a class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(centres)), n_each)
    return (np.array(centres)[labels, None, None, None] + rng.normal(0, sd, (len(labels), 1, 4, 4))).astype(
        "f4"
    ), labels


class TestGuide:
    def learned(self, target_centres=(-0.9, 0.0), shares=(0.5, 0.5), n_each=40):
        images, labels = clouds(30, (-0.6, 0.6))
        rows, self.truth = clouds(n_each, target_centres, seed=1)
        self.rows = torch.from_numpy(rows)
        observed = torch.rand(self.rows.shape, generator=torch.Generator().manual_seed(0))  # tells nothing
        source = LabelledSource(images, labels)
        return learn_guide(PixelsOnly(), Known(self.rows), observed, source, np.array(shares))

    def test_rows_between_the_classes_get_the_class_that_is_short(self):
        guide = self.learned(target_centres=(-0.9, -0.1))
        term = guide.on(PixelsOnly())(self.rows)
        np.testing.assert_array_equal(term.labels, self.truth)
        free = self.learned(target_centres=(-0.9, -0.1), shares=(1.0, 0.0)).on(PixelsOnly())(self.rows)
        assert (free.labels == 0).all()

    def test_new_rows_are_told_by_the_batch(self):
        guide = self.learned(target_centres=(-0.9, -0.1)).on(PixelsOnly())
        new, truth = clouds(25, (-0.9, -0.1), seed=7)
        assert (guide(torch.from_numpy(new)).labels.numpy() == truth).mean() > 0.95

    def test_a_row_of_the_batch_is_told_as_phase_a_told_it(self):
        guide = self.learned()
        term = guide.on(PixelsOnly())(self.rows)
        scores = guide.potentials - guide.agreed / 0.04
        memberships = np.exp(scores - scores.max(1, keepdims=True))
        memberships /= memberships.sum(1, keepdims=True)
        np.testing.assert_array_equal(term.labels, memberships.argmax(1))
        np.testing.assert_allclose(term.weights, 0.04 * 16 * memberships.max(1), rtol=0.05)
        np.testing.assert_allclose(memberships.mean(0), 0.5, atol=0.01)

    def test_batches_of_more_than_one_block(self):
        term = self.learned(target_centres=(-0.9, -0.1), n_each=600).on(PixelsOnly())(self.rows[::50])
        np.testing.assert_array_equal(term.labels, self.truth[::50])

    def test_arrays_that_cannot_be_written_are_no_trouble(self):
        """As those that joblib maps into its workers."""
        guide = self.learned()
        before = guide.on(PixelsOnly())(self.rows)
        for part in (*vars(guide).values(), *vars(guide.source).values()):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            term = guide.on(PixelsOnly())(self.rows)
        assert torch.equal(term.labels, before.labels)
        assert torch.equal(term.weights, before.weights)

    def test_what_the_discriminator_sees_is_compared_not_pixels(self):
        """Here it sees nothing but one pixel, and every other pixel says the opposite."""

        class OnePixel(PixelsOnly):
            has_discriminator = True

            def features(self, images):
                return images[:, :, :1, :1]

        images, labels = clouds(30, (-0.6, 0.6))
        images[:, :, 0, 0] *= -1
        rows, truth = clouds(40, (-0.6, 0.6), seed=1)
        rows[:, :, 0, 0] = -0.6 * np.sign(0.5 - truth)[:, None]
        source = LabelledSource(images, labels)
        found = {}
        for generator in (OnePixel(), PixelsOnly()):
            known = Known(torch.from_numpy(rows))
            guide = learn_guide(generator, known, torch.from_numpy(rows), source, np.array([0.5, 0.5]))
            found[generator.has_discriminator] = guide.on(generator)(torch.from_numpy(rows)).labels.numpy()
        np.testing.assert_array_equal(found[False], truth)
        np.testing.assert_array_equal(found[True], 1 - truth)

    def test_a_discriminator_that_cannot_be_listened_at_leaves_the_pixels(self):
        class Closed(PixelsOnly):
            has_discriminator = True

            def features(self, images):
                raise GeneratorMismatchError("no layer")

        images, labels = clouds(30, (-0.6, 0.6))
        rows, truth = clouds(40, (-0.6, 0.6), seed=1)
        known = Known(torch.from_numpy(rows))
        guide = learn_guide(Closed(), known, known.images, LabelledSource(images, labels), np.array([0.5, 0.5]))
        np.testing.assert_array_equal(guide.on(Closed())(known.images).labels, truth)

    def test_images_all_alike_are_no_trouble(self):
        images, labels = np.zeros((4, 1, 4, 4), dtype="f4"), np.array([0, 0, 1, 1])
        rows = torch.zeros(40, 1, 4, 4)
        source = LabelledSource(images, labels)
        guide = learn_guide(PixelsOnly(), Known(rows), rows, source, np.array([0.5, 0.5]))
        term = guide.on(PixelsOnly())(torch.zeros(2, 1, 4, 4))
        assert torch.isfinite(term.penalty(torch.zeros(2, 1, 4, 4))).all()


class TestPenalty:
    def term(self, labels=(0, 2), n_classes=3):
        random = torch.Generator().manual_seed(0)
        references = [torch.rand(4 + k, 16, generator=random) for k in range(n_classes)]
        return RowGuide(references, torch.tensor(labels), torch.tensor([0.5, 2.0]), bandwidth=0.8)

    def test_it_is_the_weighted_log_probability_of_kernel_density_estimates(self):
        term, images = self.term(), torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
        flat = images.flatten(1).double().numpy()
        squares = [((flat[:, None] - part.double().numpy()) ** 2).sum(2) for part in term.references]
        densities = np.stack([np.exp(-part / (2 * 0.8**2)).sum(1) for part in squares], 1)
        probability = densities[[0, 1], [0, 2]] / densities.sum(1)
        np.testing.assert_allclose(term.penalty(images), -np.array([0.5, 2.0]) * np.log(probability), rtol=1e-4)

    def test_minus_its_gradient_leads_towards_the_class(self):
        term = self.term()
        images = torch.zeros(2, 1, 4, 4, requires_grad=True)
        (gradient,) = torch.autograd.grad(term.penalty(images).sum(), images)
        assert (term.penalty((images - 1e-3 * gradient).detach()) < term.penalty(images.detach())).all()


def test_twenty_rows_for_each_class_that_is_expected_are_enough():
    shares = np.array([0.5, 0.3, 0.2, 0.0])
    assert has_enough_rows(60, shares)
    assert not has_enough_rows(59, shares)
