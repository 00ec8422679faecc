"""The classes of a batch: balanced assignment, agreement of neighbours, and the term that holds rows to their class."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.engine import ClassGuide, LabelledSource, is_enough
from skmimic.engine._class_guide import _agreed, _assigned


def random_costs(n_rows, n_classes, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 1.5, (n_rows, n_classes)))


class TestAssignment:
    @given(st.integers(0, 1000), st.integers(2, 6), st.integers(20, 60))
    def test_rows_are_shared_out_and_the_classes_have_their_shares(self, seed, n_classes, n_rows):
        shares = torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(n_classes, 5.0)))
        memberships = _assigned(random_costs(n_rows, n_classes, seed), shares)
        assert memberships.min() >= 0
        torch.testing.assert_close(memberships.sum(1), torch.ones(n_rows, dtype=torch.float64))
        torch.testing.assert_close(memberships.mean(0), shares, atol=0.02, rtol=0)

    def test_a_class_that_is_not_expected_gets_nothing(self):
        memberships = _assigned(random_costs(30, 3), torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64))
        assert torch.isfinite(memberships).all()
        assert (memberships[:, 1] == 0).all()
        torch.testing.assert_close(memberships.mean(0)[[0, 2]], torch.full((2,), 0.5).double(), atol=0.01, rtol=0)

    def test_the_rows_that_lose_least_go_to_the_class_that_is_short(self):
        """All rows are nearest to the first class; half must go, and the cheaper half goes."""
        costs = torch.stack([torch.full((40,), 0.8), torch.linspace(0.9, 1.7, 40)], 1).double()
        memberships = _assigned(costs, torch.tensor([0.5, 0.5], dtype=torch.float64))
        np.testing.assert_array_equal(memberships.argmax(1), np.repeat([1, 0], 20))

    def test_where_the_shares_are_met_already_the_nearest_class_wins(self):
        truth = np.repeat([0, 1, 2], [10, 20, 30])
        costs = torch.from_numpy(1.2 - 0.5 * np.eye(3)[truth])
        memberships = _assigned(costs, torch.tensor([1.0, 2.0, 3.0]).double() / 6)
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


class TestGuide:
    def guide(self, n=24, n_classes=3, seed=0):
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % n_classes
        images = rng.uniform(-1, 1, (n, 1, 4, 4)).astype("f4")
        source = LabelledSource(images, labels, np.full(n_classes, 1 / n_classes))
        rows = rng.uniform(-1, 1, (9, 16)).astype("f4")
        memberships = np.eye(n_classes, dtype="f4")[np.arange(9) % n_classes]
        return ClassGuide(source, rows, memberships, bandwidth=0.8)

    def test_the_penalty_is_the_weighted_log_probability_of_kernel_density_estimates(self):
        guide = self.guide()
        observed = torch.from_numpy(guide.rows[:2]).view(-1, 1, 4, 4)
        term = guide.on("cpu")(observed)
        images = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        flat, references = images.flatten(1).double().numpy(), guide.source.images.reshape(-1, 16).astype(float)
        kernels = np.exp(-((flat[:, None] - references) ** 2).sum(2) / (2 * 0.8**2))
        densities = np.stack([kernels[:, guide.source.labels == k].sum(1) for k in range(3)], 1)
        probability = densities[np.arange(2), term.labels] / densities.sum(1)
        expected = -term.weights.numpy() * np.log(probability)
        np.testing.assert_allclose(term.penalty(images).numpy(), expected, rtol=1e-4)

    def test_a_row_belongs_where_most_of_its_nearest_rows_belong_and_weighs_what_they_agree(self):
        guide = self.guide()
        rows = np.zeros((9, 16), dtype="f4")
        rows[5:] = 1.0
        memberships = np.repeat(np.eye(3, dtype="f4")[[2, 0]], [5, 4], axis=0)
        memberships[0] = [0, 1, 0]
        term = ClassGuide(guide.source, rows, memberships, 0.8).on("cpu")(torch.zeros(1, 1, 4, 4))
        assert term.labels.item() == 2
        assert term.weights.item() == pytest.approx(0.04 * 16 * 0.8)

    def test_minus_its_gradient_leads_towards_the_class(self):
        guide = self.guide()
        term = guide.on("cpu")(torch.from_numpy(guide.rows[:1]).view(-1, 1, 4, 4))
        image = torch.zeros(1, 1, 4, 4, requires_grad=True)
        (gradient,) = torch.autograd.grad(term.penalty(image).sum(), image)
        moved = (image - 1e-3 * gradient).detach()
        assert term.penalty(moved).item() < term.penalty(image).item()


def test_twenty_rows_a_class_are_enough():
    assert is_enough(200, 10)
    assert not is_enough(199, 10)
