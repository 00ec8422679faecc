"""What an attack leaves as it was, and the kinds that come back."""

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.attacks import (
    Budget,
    bpda_attack,
    check_gradients,
    exact_gradient_attack,
    latent_walk,
    poison_batch,
    straight_through,
)
from tests.attacks.helpers import SHAPE, Linear, balanced, direction, grey, mean_defence, squeeze
from tests.helpers import digits, pca_generator

BUDGET = Budget(0.05, 3, n_restarts=2)


def noisy(images):
    return images + 0.01 * torch.randn_like(images)


def run(name, clean, classifier, X, y, **options):
    if name == "latent_walk":
        return latent_walk(pca_generator(), classifier, X, y, BUDGET, clean=clean, n_candidates=20, **options)
    if name == "poison_batch":
        return poison_batch(clean, classifier, X, y, 3, BUDGET, **options)
    attacks = {"exact": exact_gradient_attack, "bpda": bpda_attack, "check": check_gradients}
    return attacks[name](clean, classifier, X, y, BUDGET, **options)


NAMES = ["exact", "bpda", "poison_batch", "latent_walk", "check"]


def data(n=12):
    X = torch.tensor(digits()[:n] / 2 + 0.5, dtype=torch.float32).reshape(n, 1, 8, 8)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for part in network.modules():
            if isinstance(part, nn.Linear):
                part.reset_parameters()
    return X, torch.arange(n) % 3, network


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.MaskedGradientWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_state_of_others_is_left_alone(name):
    X, y, network = data()
    network.train()
    network[3].eval()
    modes, state = [part.training for part in network.modules()], torch.get_rng_state()
    X_before = X.clone()
    with torch.no_grad():
        run(name, noisy, network, X, y, random_state=0)
        assert not torch.is_grad_enabled()
    assert [part.training for part in network.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(X, X_before)
    assert not X.requires_grad


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.MaskedGradientWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_random_state_gives_the_same_answer_again(name):
    X, y, network = data()
    first, second = (run(name, noisy, network, X, y, random_state=5) for _ in range(2))
    if name == "check":
        assert first == second
    else:
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.margins, second.margins)


@pytest.mark.parametrize("name", NAMES[:4])
def test_modes_are_put_back_after_an_error(name):
    X, y, network = data()

    def failing(images):
        raise RuntimeError("no more")

    with pytest.raises(ValueError, match="no more"):
        run(name, failing, network, X, y)
    assert network.training


@pytest.mark.parametrize("name", NAMES[:4])
def test_arrays_give_arrays_and_tensors_tensors(name):
    X, y, network = data()
    as_tensors = run(name, squeeze, network, X, y, random_state=0)
    as_arrays = run(name, squeeze, network, X.numpy().astype(np.float64), y.numpy().astype(np.int32), random_state=0)
    for field in ("images", "is_fooled", "margins", "distances", "is_judged", "loss_curve"):
        array, tensor = getattr(as_arrays, field), getattr(as_tensors, field)
        assert isinstance(array, np.ndarray)
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_array_equal(array, tensor.numpy())
    assert as_arrays.images.dtype == np.float64
    assert as_tensors.images.dtype == torch.float32
    assert as_arrays.accuracy == as_tensors.accuracy


def test_the_classifier_is_judged_in_evaluation_mode():
    X, y, network = data()
    network.train()
    trained = exact_gradient_attack(None, network, X, y, BUDGET, random_state=0)
    evaluated = exact_gradient_attack(None, network.eval(), X, y, BUDGET, random_state=0)
    assert torch.equal(trained.images, evaluated.images)


def test_inference_mode_and_the_default_type_change_nothing():
    X, y, network = data()
    usual = exact_gradient_attack(squeeze, network, X, y, BUDGET, random_state=0)
    with torch.inference_mode():
        inside = exact_gradient_attack(squeeze, network, X * 1.0, y, BUDGET, random_state=0)
    torch.set_default_dtype(torch.float64)
    try:
        other = exact_gradient_attack(squeeze, network, X, y, BUDGET, random_state=0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(usual.images, inside.images)
    assert torch.equal(usual.images, other.images)


def test_straight_through_is_the_defence_to_the_bit_with_the_gradient_of_the_identity():
    X = grey().requires_grad_()
    passed = straight_through(mean_defence)
    assert torch.equal(passed(X), mean_defence(X))
    weights = torch.randn(X.shape, generator=torch.Generator().manual_seed(0), dtype=X.dtype)
    (gradient,) = torch.autograd.grad((passed(X) * weights).sum(), X)
    assert torch.equal(gradient, weights)


def test_a_defence_that_works_in_place_spoils_nothing_behind_the_identity():
    X = grey(10)
    before = X.clone()
    classifier, y = balanced(X)
    in_place = bpda_attack(lambda images: images.mul_(0.5), classifier, X, y, Budget(0.01, 3))
    copying = bpda_attack(lambda images: images * 0.5, classifier, X, y, Budget(0.01, 3))
    assert torch.equal(X, before)
    assert torch.equal(in_place.images, copying.images)


@pytest.mark.gpu
def test_tensors_stay_on_their_device():
    X = grey(12).float().cuda()
    classifier, y = Linear(direction().float()).cuda(), torch.arange(12) % 2
    for result in (
        exact_gradient_attack(squeeze, classifier, X, y, BUDGET),
        poison_batch(mean_defence, classifier, X, y, 3, BUDGET),
    ):
        assert result.images.device == X.device
        assert result.images.shape[1:] == SHAPE
    state = torch.cuda.get_rng_state()
    exact_gradient_attack(noisy, classifier, X, y, BUDGET, n_draws=2)
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert isinstance(exact_gradient_attack(None, classifier, X.cpu().numpy(), y, BUDGET).images, np.ndarray)
