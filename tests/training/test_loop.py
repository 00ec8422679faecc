"""What every training promises, whatever it trains."""

import numpy as np
import pytest
import torch

from skmimic.exceptions import CollapseWarning, NotFiniteError
from skmimic.training import TrainingSettings, WeightAverage, diversity, warn_if_collapsed
from skmimic.training._loop import draws_of
from tests.training.helpers import TRAININGS, same_networks, stripes, train


@pytest.mark.parametrize("method", TRAININGS)
def test_same_seed_same_bits(method):
    assert same_networks(train(method), train(method))
    assert not same_networks(train(method), train(method, seed=1))


def test_every_seed_purpose_and_number_draws_its_own():
    keys = [(seed, purpose, number) for seed in (0, 1, 2**31) for purpose in ("step", "order") for number in range(3)]
    drawn = {float(torch.rand(1, generator=draws_of(*key), dtype=torch.float64)) for key in keys}
    assert len(drawn) == len(keys)


@pytest.mark.parametrize("method", TRAININGS)
def test_bytes_and_floats_are_the_same_images(method):
    images = stripes()
    assert same_networks(train(method, images), train(method, images.float() / 127.5 - 1))


@pytest.mark.parametrize("method", TRAININGS)
def test_global_state_is_left_alone(method):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 (the global one)
    images = stripes()
    copy = images.clone()
    train(method, images)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(images, copy)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_training_inside_a_context_without_gradients(context):
    with context():
        inside = train()
    assert same_networks(inside, train())


@pytest.mark.parametrize(
    ("method", "parts"),
    [("DCGAN", {"discriminator"}), ("VAE", {"encoder"}), ("BiGAN", {"discriminator", "encoder"})],
)
def test_networks_come_back_frozen(method, parts):
    networks = train(method)
    z, images = torch.zeros(3, 4), stripes(3).float() / 127.5 - 1
    assert networks.generator(z).shape == (3, 1, 8, 8)
    assert {role for role in ("discriminator", "encoder") if getattr(networks, role) is not None} == parts
    if "discriminator" in parts:
        assert networks.discriminator(images).shape == (3,)
    if "encoder" in parts:
        assert networks.encoder(images).shape == (3, 4)
    for role in {"generator", *parts}:
        network = getattr(networks, role)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert "BatchNorm2d" not in {type(layer).__name__ for layer in network.modules()}


@pytest.mark.parametrize("method", TRAININGS)
def test_losses_of_every_step(method):
    networks = train(method, changes={"n_epochs": 4})
    assert networks.n_steps == 8
    assert networks.losses.shape == (8, len(networks.loss_names))
    assert networks.losses.isfinite().all()


def test_max_steps_cuts_the_epochs():
    assert train(changes={"n_epochs": 100, "max_steps": 3}).n_steps == 3
    assert TrainingSettings(n_epochs=2, batch_size=32).steps_of(64) == (2, 4)
    assert TrainingSettings(n_epochs=2, batch_size=128).steps_of(10) == (1, 2)


def test_variational_autoencoder_beats_the_mean_image():
    error = train("VAE", changes={"n_epochs": 100, "learning_rate": 1e-2}).losses[:, 0]
    images = stripes().float() / 127.5 - 1
    assert error[-10:].mean() < 0.5 * images.var(dim=0).mean()


@pytest.mark.parametrize("method", ["DCGAN", "BiGAN"])
def test_discriminator_learns_to_tell(method):
    networks = train(method, changes={"n_epochs": 60})
    real, noise = stripes().float() / 127.5 - 1, torch.rand(64, 1, 8, 8) * 2 - 1
    assert networks.discriminator(real).mean() > networks.discriminator(noise).mean()


def test_progress_reports_counts_losses_and_time():
    reports = []
    train(changes={"n_epochs": 55}, callback=reports.append)
    assert [report.step for report in reports] == [50, 100, 110]
    assert [report.epoch for report in reports] == [25, 50, 55]
    assert all(set(report.losses) == {"discriminator", "generator"} for report in reports)
    assert reports[-1].seconds_left == 0
    assert "step 110/110" in str(reports[-1])


def test_verbose_prints_to_standard_error(capsys):
    train(verbose=1)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "DCGAN: step 6/6" in printed.err
    assert "left" in printed.err


def test_divergence_names_step_and_learning_rate():
    images = stripes().float() / 127.5 - 1
    images[5] = float("nan")
    with pytest.raises(NotFiniteError, match=r"step [1-2] of 6 with learning_rate=0\.001"):
        train(images=images)


def test_divergence_leaves_the_last_good_checkpoint(tmp_path):
    images = stripes().float() / 127.5 - 1
    images[5] = float("nan")
    path = tmp_path / "checkpoint"
    with pytest.raises(NotFiniteError):
        train(images=images, checkpoint=path)
    assert not path.exists()


def test_collapsed_generator_warns():
    real = stripes().float() / 127.5 - 1
    same = real[:1].expand(64, -1, -1, -1)
    with pytest.warns(CollapseWarning, match=r"differ 0\.00 times"):
        assert warn_if_collapsed(same, real) == 0
    assert warn_if_collapsed(real, real) == pytest.approx(1)
    assert warn_if_collapsed(same, same) == 1  # nothing to lose


def test_training_that_collapses_warns():
    with pytest.warns(CollapseWarning, match="VAE: the generator has collapsed"):
        train("VAE", changes={"n_epochs": 100, "learning_rate": 1e-9})


def test_training_that_has_only_begun_does_not_warn():
    train("VAE", changes={"n_epochs": 40, "learning_rate": 1e-9})  # warnings are errors


def test_diversity_is_the_spread_of_a_pixel():
    images = torch.randn(5000, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 7
    assert float(diversity(images)) == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_average_follows_the_recursion(decay):
    module = torch.nn.Linear(3, 2)
    average = WeightAverage(module, decay)
    expected = module.weight.detach().clone()
    for step in range(1, 6):
        with torch.no_grad():
            module.weight.normal_(generator=torch.Generator().manual_seed(step))
        average.update(module, step)
        now = min(decay, (1 + step) / (10 + step))
        expected = now * expected + (1 - now) * module.weight.detach()
        torch.testing.assert_close(average.module.weight.detach(), expected)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())


def test_average_is_what_comes_back():
    """With decay 0 the average is the last weight; with a large one it is not."""
    changes = {"n_epochs": 10}
    last, averaged = (train(changes={**changes, "ema_decay": decay}) for decay in (0.0, 0.999))
    z = torch.ones(2, 4)
    assert torch.equal(last.losses, averaged.losses)
    assert not torch.equal(last.generator(z), averaged.generator(z))


def test_mixed_precision_is_close():
    exact, mixed = train(), train(changes={"mixed_precision": True})
    assert torch.allclose(exact.losses[:2], mixed.losses[:2], atol=0.1)


@pytest.mark.gpu
def test_training_on_a_device_comes_back_to_the_processor(tmp_path):
    networks = train(device="cuda", checkpoint=tmp_path / "checkpoint")
    assert {parameter.device.type for parameter in networks.generator.parameters()} == {"cpu"}
    assert torch.allclose(networks.losses[:1], train().losses[:1], atol=1e-2)
