"""The rounds, where exact answers are known: an orthogonal projection stands for the generator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.purification import clean_rows, shared_offset

SHAPE = (1, 4, 4)
AXES = torch.linalg.qr(torch.randn(16, 5, generator=torch.Generator().manual_seed(0)).double()).Q.T
NOTHING = torch.zeros(SHAPE, dtype=torch.float64)


def project(images):
    """The nearest image of a five-dimensional space."""
    return (images.flatten(1) @ AXES.T @ AXES).reshape(images.shape)


def on_the_manifold(n, seed=0):
    weights = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)).double()
    return (weights @ AXES).reshape(n, *SHAPE)


def off_the_manifold(seed=1):
    pattern = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(seed)).double()
    return (pattern - project(pattern))[0]


@pytest.mark.parametrize("centre", ["median", "mean"])
@pytest.mark.parametrize("n_rounds", [1, 8])
def test_what_no_image_explains_is_found_exactly(centre, n_rounds):
    pattern, clean = off_the_manifold(), on_the_manifold(9)
    found = shared_offset(project, clean + pattern, NOTHING, n_rounds, centre)
    torch.testing.assert_close(found, pattern)
    torch.testing.assert_close(clean_rows(project, clean + pattern, found, NOTHING, 2, 0.5), clean)


def test_what_clean_images_leave_anyway_is_no_perturbation():
    residual, clean = off_the_manifold(), on_the_manifold(9)
    found = shared_offset(project, clean + residual, residual, 8)
    torch.testing.assert_close(found, NOTHING)


@given(n_poisoned=st.integers(0, 4), size=st.floats(1, 1e6))
def test_less_than_half_of_the_rows_cannot_carry_the_median(n_poisoned, size):
    clean, pattern = on_the_manifold(9), off_the_manifold()
    poisoned = clean + pattern
    poisoned[:n_poisoned] += size * off_the_manifold(seed=2)
    found = shared_offset(project, poisoned, NOTHING, 4)
    torch.testing.assert_close(found, pattern, atol=1e-6, rtol=0)


def test_one_row_carries_the_mean():
    rows = on_the_manifold(9)
    rows[0] += 1e3 * off_the_manifold(seed=2)
    assert shared_offset(project, rows, NOTHING, 1, "mean").abs().max() > 10


@given(order=st.permutations(range(7)))
def test_the_order_of_the_rows_does_not_matter(order):
    rows = on_the_manifold(7) + torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(3)).double()
    one, other = (shared_offset(project, each, NOTHING, 3) for each in (rows, rows[list(order)]))
    torch.testing.assert_close(one, other)


@given(share=st.floats(0, 1), n_rounds=st.integers(0, 3))
def test_a_row_is_cleaned_alone(share, n_rounds):
    rows = on_the_manifold(4) + 0.1 * off_the_manifold(seed=5)
    whole = clean_rows(torch.tanh, rows, NOTHING, NOTHING, n_rounds, share)
    torch.testing.assert_close(clean_rows(torch.tanh, rows[2:3], NOTHING, NOTHING, n_rounds, share), whole[2:3])


def test_without_rounds_it_is_the_projection():
    rows = on_the_manifold(4) + off_the_manifold()
    assert torch.equal(clean_rows(project, rows, NOTHING, NOTHING, 0, 0.5), project(rows))
    assert torch.equal(shared_offset(project, rows, NOTHING, 0), NOTHING)


@pytest.mark.parametrize("centre", ["median", "mean"])
def test_the_gradient_is_that_of_all_rounds(centre):
    rows = (on_the_manifold(5) + off_the_manifold()).requires_grad_(True)

    def cleaned(observed):
        offset = shared_offset(torch.tanh, observed, NOTHING, 3, centre)
        return clean_rows(torch.tanh, observed, offset, NOTHING, 2, 0.5)

    assert torch.autograd.gradcheck(cleaned, rows)
