"""The same seed gives the same bits, over workers, threads and repetitions; and nothing global is touched."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from skmimic import Generator, MimicAnomalyDetector, MimicGANProjector, PGDProjector
from tests.helpers import (
    ESTIMATORS,
    LEARNING,
    SmoothDecoder,
    assert_same,
    gain_module,
    pca_generator,
    pictures,
    small,
)

ROOT = Path(__file__).parents[2]
IDS = {"ids": lambda cls: cls.__name__}
MODES = {"grad": torch.enable_grad, "no_grad": torch.no_grad, "inference": torch.inference_mode}


def answer(model, X=None):
    X = pictures() if X is None else X
    return model.score_samples(X) if isinstance(model, MimicAnomalyDetector) else model.transform(X)


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_repeated_fits_give_the_same_bits(cls):
    first, same = (answer(small(cls, random_state=3).fit(pictures())) for _ in range(2))
    np.testing.assert_array_equal(first, same)
    model = small(cls, random_state=3).fit(pictures()[:20])
    np.testing.assert_array_equal(answer(model.fit(pictures())), first)  # nothing of the earlier fit is left


@pytest.mark.parametrize("surrogate", ["auto", "paper", gain_module])
@pytest.mark.parametrize("solver", ["joint", "alternating"])
def test_repeated_estimates_give_the_same_bits(solver, surrogate):
    first, same = (
        small(MimicGANProjector, solver=solver, surrogate=surrogate).fit(pictures()).surrogate_ for _ in range(2)
    )
    assert first.family == same.family
    for name, values in first.arrays.items():
        assert_same(values, same.arrays[name])


@pytest.mark.parametrize("start", ["random", "nearest", "mean"])
def test_other_seeds_give_other_draws(start):
    first, other = (small(PGDProjector, start=start, random_state=seed).fit(pictures()) for seed in (0, 1))
    assert not np.array_equal(first.transform(pictures()), other.transform(pictures()))


def test_a_linear_generator_needs_no_draws():
    first, other = (PGDProjector(pca_generator(), random_state=seed).fit(pictures()) for seed in (0, 1))
    np.testing.assert_array_equal(first.transform(pictures()), other.transform(pictures()))


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_workers_give_the_bits_of_one(cls, backend):
    alone = answer(small(cls, n_jobs=1, batch_size=8).fit(pictures()))
    with joblib.parallel_config(backend=backend):
        together = answer(small(cls, n_jobs=2, batch_size=8).fit(pictures()))
    np.testing.assert_array_equal(together, alone)


def test_workers_take_surrogates_of_the_user():
    alone, together = (
        small(MimicGANProjector, surrogate=gain_module, batch_size=8, n_jobs=n_jobs)
        .fit(pictures())
        .transform(pictures())
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(together, alone)


SCRIPT = """
import sys
import torch
n_threads, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(n_threads)
import joblib
import numpy as np
from pathlib import Path
from skmimic import MimicGANProjector
from skmimic.surrogates import resolve_surrogate
from tests.helpers import pictures, small
found = {}
for solver in ("joint", "alternating"):
    for surrogate in ("photometric", "affine+mask"):
        model = small(MimicGANProjector, surrogate=surrogate, solver=solver).fit(pictures())
        found.update({f"{solver} {surrogate} {name}": values for name, values in model.surrogate_.arrays.items()})
random = torch.Generator().manual_seed(5)
images, target = (torch.rand(150, 1, 24, 24, generator=random) for _ in range(2))  # so many that threads share them
for name in ("affine", "mask"):
    surrogate = resolve_surrogate(name, (1, 24, 24))
    loss = (0.9 * surrogate(images) - target).square().add(1e-2).sqrt().sum()
    parameters = [parameter for parameter in surrogate.parameters() if parameter.requires_grad]
    for index, gradient in enumerate(torch.autograd.grad(loss, parameters)):
        found[f"gradient of {name} {index}"] = gradient.numpy()
fitted = joblib.load(Path(folder, "fitted.joblib"))
found["images"], found["scores"] = fitted.transform(pictures()), fitted.score_samples(pictures())
np.savez(Path(folder, f"{n_threads}.npz"), **found)
assert torch.get_num_threads() == n_threads
"""


def test_torch_threads_do_not_matter(tmp_path):
    """In phase B always, in phase A for affine maps and masks, and for tones of few pixels; see docs/faults.md."""
    joblib.dump(
        small(MimicGANProjector, surrogate="affine+convolution+mask").fit(pictures()), tmp_path / "fitted.joblib"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    for n_threads in ("1", "2"):
        subprocess.run([sys.executable, "-c", SCRIPT, n_threads, tmp_path], check=True, cwd=ROOT, env=environment)
    one, two = (np.load(tmp_path / f"{n_threads}.npz") for n_threads in (1, 2))
    assert len(one.files) > 10
    for name in one.files:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


class TestGlobalState:
    def state(self):
        kind, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002
        return {
            "torch random": torch.get_rng_state().tolist(),
            "numpy random": (kind, keys.tolist(), position),
            "dtype": torch.get_default_dtype(),
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "environment": dict(os.environ),
        }

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
    def test_is_untouched(self, cls, mode):
        with MODES[mode]():
            before = self.state()
            model = small(cls, **({"surrogate": gain_module} if cls in LEARNING else {})).fit(pictures())
            answer(model)
            model.adapt(pictures()) if cls in LEARNING else None
            after = self.state()
        changed = [name for name in before if before[name] != after[name] and name != "environment"]
        assert changed == []

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
    def test_the_default_dtype_of_the_user_does_not_matter(self, dtype):
        expected = answer(small(MimicGANProjector).fit(pictures()))
        torch.set_default_dtype(dtype)
        try:
            found = answer(small(MimicGANProjector).fit(pictures()))
        finally:
            torch.set_default_dtype(torch.float32)
        np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("requires_grad", [True, False])
    def test_the_users_module_is_left_as_it_is(self, training, requires_grad):
        module = torch.nn.Sequential(SmoothDecoder(), torch.nn.BatchNorm2d(1)).train(training)
        module.requires_grad_(requires_grad)
        before = {name: value.clone() for name, value in module.state_dict().items()}
        small(MimicGANProjector, Generator(module, latent_dim=4)).fit(pictures()).transform(pictures())
        small(MimicGANProjector, module[0]).fit(pictures()).transform(pictures())
        assert all(part.training == training for part in module.modules())
        assert all(value.requires_grad == requires_grad for value in module.parameters())
        assert all(value.grad is None for value in module.parameters())
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())

    def test_x_is_left_as_it_is(self):
        X = pictures().copy()
        answer(small(MimicGANProjector).fit(X), X)
        np.testing.assert_array_equal(X, pictures())


def product_loss(mimicked, observed):
    """Keeps its inputs for the backward pass, which tensors made in inference mode forbid."""
    return (mimicked - observed).square().flatten(1).sum(1) + (mimicked * observed * 0.0).flatten(1).sum(1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("solver", ["joint", "alternating"])
def test_answers_are_the_same_in_every_mode(mode, solver):
    expected = small(MimicGANProjector, solver=solver, loss=product_loss).fit(pictures())
    with MODES[mode]():
        model = small(MimicGANProjector, solver=solver, loss=product_loss).fit(pictures())
        found = model.transform(pictures()), model.inverse_transform(pictures()), model.project(pictures()).images
    np.testing.assert_array_equal(found[0], expected.transform(pictures()))
    np.testing.assert_array_equal(found[1], expected.inverse_transform(pictures()))
    np.testing.assert_array_equal(found[2], expected.project(pictures()).images)
