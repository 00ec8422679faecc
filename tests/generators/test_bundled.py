"""Generators that come with the package."""

import numpy as np
import pytest

from skmimic import load_gan
from skmimic.generators import _bundled, as_generator, bundled_names, verify_model


def test_unknown_names_list_the_known_ones(monkeypatch, linear, tmp_path):
    monkeypatch.setattr(_bundled, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"called 'one'; there are none.*Generator.load"):
        load_gan("one")
    linear.save(tmp_path / "two.safetensors")
    with pytest.raises(ValueError, match="there are two"):
        as_generator("one")
    with pytest.raises(ValueError, match=r"'\.\./two'"):
        load_gan("../two")


def test_a_name_gives_the_same_object_at_every_call(monkeypatch, linear, tmp_path):
    monkeypatch.setattr(_bundled, "FOLDER", tmp_path)
    linear.save(tmp_path / "same.safetensors")
    assert load_gan("same") is load_gan("same") is as_generator("same")
    assert load_gan("same").fingerprint == linear.fingerprint


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_generators_verify_and_have_what_is_promised(name):
    generator = load_gan(name)
    assert verify_model(_bundled.FOLDER / f"{name}.safetensors")["ok"]
    assert generator.has_discriminator
    assert generator.notes
    images = generator.sample(64, random_state=0)
    assert images.shape[2] == {"mnist": 28, "mnist16": 16}.get(name, images.shape[2])
    assert np.abs(images).max() <= 1.01
