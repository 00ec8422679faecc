"""Our element-wise optimisers against torch.optim and against closed forms."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.engine import OPTIMISERS, Adam, RMSProp, RMSPropTF


def gradients(n_steps=12, shape=(3, 5)):
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(shape, generator=random, dtype=torch.float64) * 10.0 ** (step % 4 - 2) for step in range(n_steps)
    ]


def run(make, values, steps, rate):
    optimiser = make([values])
    for gradient in steps:
        optimiser.step([gradient], [rate])
    return values


def run_torch(make, values, steps):
    parameter = torch.nn.Parameter(values)
    optimiser = make([parameter])
    for gradient in steps:
        parameter.grad = gradient
        optimiser.step()
    return parameter.detach()


REFERENCES = {
    Adam: lambda values: torch.optim.Adam(values, lr=0.03),
    RMSProp: lambda values: torch.optim.RMSprop(values, lr=0.03),
}


@pytest.mark.parametrize("ours", REFERENCES, ids=lambda ours: ours.__name__)
def test_takes_the_steps_of_torch(ours):
    start = torch.linspace(-1, 1, 15, dtype=torch.float64).view(3, 5)
    mine = run(ours, start.clone(), gradients(), 0.03)
    torch.testing.assert_close(mine, run_torch(REFERENCES[ours], start.clone(), gradients()), rtol=1e-12, atol=1e-12)


def test_rmsprop_of_tensorflow_in_closed_form():
    """Decay 0.9, accumulator from one, epsilon inside the root: v_t = 0.9^t + 0.1 sum 0.9^(t-s) g_s^2."""
    value, expected = torch.zeros(1, dtype=torch.float64), 0.0
    steps = [0.5, -2.0, 0.01, 0.0, 7.0]
    run(RMSPropTF, value, [torch.tensor([step], dtype=torch.float64) for step in steps], 0.1)
    for t, step in enumerate(steps, start=1):
        second = 0.9**t + 0.1 * sum(0.9 ** (t - s) * g**2 for s, g in enumerate(steps[:t], start=1))
        expected -= 0.1 * step / (second + 1e-10) ** 0.5
    assert value.item() == pytest.approx(expected, rel=1e-12)


def test_tensorflow_starts_slower_than_torch():
    """The accumulator from one damps the first steps; from zero they have the length of the learning rate or more."""
    gradient = [torch.tensor([1e-3], dtype=torch.float64)]
    damped, full = (
        run(make, torch.zeros(1, dtype=torch.float64), gradient, 1.0).abs() for make in (RMSPropTF, RMSProp)
    )
    assert damped < 2e-3
    assert full > 1


@pytest.mark.parametrize("name", OPTIMISERS)
@given(st.integers(0, 4), st.floats(-1e3, 1e3))
def test_rows_never_couple(name, row, gradient):
    """What happens in one row leaves the bits of the others alone."""
    make, plain = OPTIMISERS[name], gradients(5)
    first = run(make, torch.zeros(3, 5, dtype=torch.float64), plain, 0.1)
    disturbed = [step.clone() for step in plain]
    for step in disturbed:
        step[row % 3] = gradient
    second = run(make, torch.zeros(3, 5, dtype=torch.float64), disturbed, 0.1)
    others = [index for index in range(3) if index != row % 3]
    assert torch.equal(first[others], second[others])


@pytest.mark.parametrize("name", OPTIMISERS)
def test_zero_gradients_move_nothing(name):
    start = torch.linspace(-1, 1, 15).view(3, 5)
    assert torch.equal(run(OPTIMISERS[name], start.clone(), [torch.zeros(3, 5)] * 3, 0.1), start)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_tensor_has_its_own_rate_and_state(name):
    first, second, alone = torch.zeros(2), torch.zeros(3), torch.zeros(3)
    optimiser = OPTIMISERS[name]([first, second])
    single = OPTIMISERS[name]([alone])
    for step in range(1, 4):
        optimiser.step([torch.full((2,), 9.0), torch.full((3,), float(step))], [0.0, 0.1])
        single.step([torch.full((3,), float(step))], [0.1])
    assert torch.equal(first, torch.zeros(2))
    assert torch.equal(second, alone)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_finds_the_lowest_point_of_a_bowl(name):
    value = torch.tensor([3.0, -2.0])
    optimiser = OPTIMISERS[name]([value])
    for step in range(1200):
        optimiser.step([value - 1.0], [0.05 * 0.995**step])
    torch.testing.assert_close(value, torch.ones(2), atol=1e-2, rtol=0)


def test_a_list_too_short_is_refused():
    with pytest.raises(ValueError):
        Adam([torch.zeros(1), torch.zeros(1)]).step([torch.zeros(1)], [0.1])
