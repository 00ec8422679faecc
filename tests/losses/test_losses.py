"""Laws of the losses: one number a row, never negative, zero at equality."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skmimic.losses import LOSSES, adversarial, charbonnier, l1, l2, loss_function

NAMES = sorted(LOSSES)
PIXELS = hnp.arrays(np.float64, (3, 1, 2, 4), elements=st.floats(-1, 1, width=32))


@pytest.mark.parametrize("name", NAMES)
@given(PIXELS, PIXELS)
def test_is_one_number_a_row_and_not_negative(name, first, second):
    values = LOSSES[name](torch.tensor(first), torch.tensor(second))
    assert values.shape == (3,)
    assert torch.isfinite(values).all()
    assert (values >= 0).all()


@pytest.mark.parametrize("name", NAMES)
@given(PIXELS)
def test_is_zero_at_equality(name, images):
    values = LOSSES[name](torch.tensor(images), torch.tensor(images))
    torch.testing.assert_close(values, torch.zeros(3, dtype=torch.float64), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@given(PIXELS, PIXELS)
def test_is_symmetric_and_row_by_row(name, first, second):
    loss, first, second = LOSSES[name], torch.tensor(first), torch.tensor(second)
    torch.testing.assert_close(loss(first, second), loss(second, first))
    for row in range(3):
        torch.testing.assert_close(loss(first, second)[row], loss(first[[row]], second[[row]])[0])


@pytest.mark.parametrize("name", NAMES)
@given(PIXELS, PIXELS, st.floats(0, 1))
def test_grows_with_the_distance(name, first, second, part):
    loss, first, second = LOSSES[name], torch.tensor(first), torch.tensor(second)
    between = first + part * (second - first)
    assert (loss(between, first) <= loss(second, first) + 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_has_finite_gradients_everywhere(name, dtype):
    images = torch.zeros(3, 1, 2, 2, dtype=dtype, requires_grad=True)
    observed = torch.tensor([0.0, 1e-30, 0.5], dtype=dtype).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    (gradient,) = torch.autograd.grad(LOSSES[name](images, observed).sum(), images)
    assert torch.isfinite(gradient).all()
    assert gradient.dtype == dtype


def test_values_on_a_known_difference():
    first, second = torch.zeros(1, 1, 2, 2), torch.tensor([[[[0.6, 0.0], [0.0, -0.8]]]])
    assert l1(first, second).item() == pytest.approx(1.4)
    assert l2(first, second).item() == pytest.approx(1.0)
    assert charbonnier(first, second).item() == pytest.approx(0.37**0.5 + 0.65**0.5 - 0.2)


@given(PIXELS, PIXELS)
def test_charbonnier_lies_a_little_below_l1(first, second):
    first, second = torch.tensor(first), torch.tensor(second)
    gap = l1(first, second) - charbonnier(first, second)
    assert (gap >= -1e-9).all()
    assert (gap <= 0.1 * 8 + 1e-9).all()


@given(hnp.arrays(np.float64, 4, elements=st.floats(-1e6, 1e6)))
def test_adversarial_is_the_log_of_one_minus_d(logits):
    values = adversarial(torch.tensor(logits))
    assert (values <= 0).all()
    assert torch.isfinite(values).all()
    moderate = np.abs(logits) < 15
    expected = np.log1p(-1 / (1 + np.exp(-logits[moderate])))
    np.testing.assert_allclose(values.numpy()[moderate], expected, rtol=1e-6, atol=1e-12)


def test_adversarial_falls_as_images_look_more_real():
    assert (adversarial(torch.linspace(-50, 50, 101)).diff() <= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_found_by_name(name):
    assert loss_function(name) is LOSSES[name]


def test_a_callable_is_taken_as_it_is():
    assert loss_function(len)([1, 2]) == 2


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"loss='huber' is unknown\. Use one of \['charbonnier', 'l1', 'l2'\]"):
        loss_function("huber")
