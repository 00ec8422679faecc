"""Small model files and small images."""

import numpy as np
import pytest

from skmimic.cli import main
from skmimic.generators import Generator, architectures, linear_generator_from_data


@pytest.fixture(scope="session")
def generator():
    """Grey 8x8 images."""
    config = {"latent_dim": 4, "image_shape": [1, 8, 8], "width": 16}
    network = architectures.build("dense_generator", config)
    return Generator.from_modules(network, name="tiny", notes={"trained_on": "nothing", "terms": "none"})


@pytest.fixture(scope="session")
def linear():
    """Linear generator of grey 8x8 images, so that projections are exact and quick."""
    X = np.random.default_rng(0).uniform(0, 1, (50, 64))
    return linear_generator_from_data(X, 5)


@pytest.fixture
def model(generator, tmp_path):
    """Model file of `generator`."""
    generator.save(tmp_path / "tiny.safetensors")
    return str(tmp_path / "tiny.safetensors")


@pytest.fixture
def linear_model(linear, tmp_path):
    """Model file of `linear`."""
    linear.save(tmp_path / "linear.safetensors")
    return str(tmp_path / "linear.safetensors")


@pytest.fixture
def images(linear):
    """Images (30, 8, 8) near the manifold of `linear`, none alike."""
    noise = np.random.default_rng(1).normal(0, 0.01, (30, 8, 8))
    return linear.sample(30, random_state=0)[:, 0].astype(np.float64) + noise


@pytest.fixture
def command(capsys):
    """Run the command line in this process; return exit status, standard output and standard error."""

    def run(*argv):
        status = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def refused(command):
    """Run a command that must be refused with one line and exit status 2; return the line."""

    def run(*argv):
        status, out, err = command(*argv)
        assert status == 2
        assert out == ""
        assert err.startswith("skmimic: error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return run
