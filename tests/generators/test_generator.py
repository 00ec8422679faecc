"""The handle: frozen, cheap to clone and pickle, the same bits everywhere."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from torch import nn

from skmimic.exceptions import FrozenGeneratorError, GeneratorMismatchError
from skmimic.generators import Generator, NormalPrior
from tests.helpers import assert_same


class Holder(BaseEstimator):
    def __init__(self, gan=None):
        self.gan = gan


def arrays_of(generator):
    return [array for part in generator.__getstate__()["parts"].values() for array in part.arrays.values()]


# -- frozen ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["latent_dim", "image_shape", "data_range", "prior", "name", "fingerprint", "new_", "_facts"]
)
def test_nothing_can_be_set_or_deleted(generator, name):
    with pytest.raises(FrozenGeneratorError, match=f"frozen: '{name}' cannot be set"):
        setattr(generator, name, 3)
    with pytest.raises(AttributeError, match="cannot be deleted"):
        delattr(generator, name)


def test_set_params_raises_but_accepts_nothing(generator):
    assert generator.set_params() is generator
    with pytest.raises(FrozenGeneratorError, match="latent_dim cannot be set"):
        generator.set_params(latent_dim=3)
    with pytest.raises(FrozenGeneratorError):
        Holder(generator).set_params(gan__name="other")


def test_get_params_shows_the_facts(generator):
    assert Holder(generator).get_params()["gan__latent_dim"] == 4
    assert set(generator.get_params()) == {"latent_dim", "image_shape", "data_range", "prior", "name"}


def test_clone_and_copies_are_the_handle_itself(generator):
    assert clone(generator) is generator
    assert clone(Holder(generator)).gan is generator
    assert copy.copy(generator) is generator
    assert copy.deepcopy({"gan": generator})["gan"] is generator


def test_arrays_are_read_only(registered):
    for array in arrays_of(registered):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_repr_is_one_short_line(registered):
    assert repr(registered) == "Generator('all parts', latent_dim=6, image_shape=(1, 12, 8))"
    assert len(repr(Holder(registered))) < 400
    assert "Generator" in Holder(registered)._repr_html_()
    assert "1, 12, 8" in registered._repr_html_()


# -- the module stays the user's ------------------------------------------------------------------------------------


def test_the_module_is_left_untouched(make_dense):
    module = nn.Sequential(*make_dense(), nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    before, flags = copy.deepcopy(module.state_dict()), [part.training for part in module.modules()]
    Generator(module).sample(3, random_state=0)
    assert [part.training for part in module.modules()] == flags
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_later_training_of_the_module_changes_nothing(make_dense):
    module = make_dense()
    generator = Generator(module)
    images = generator.sample(3, random_state=0)
    with torch.no_grad():
        module[0].weight.add_(1)
    np.testing.assert_array_equal(generator.sample(3, random_state=0), images)
    assert Generator(module).fingerprint != generator.fingerprint


def test_it_computes_what_the_module_computes_in_eval_mode(make_dense):
    module = nn.Sequential(*make_dense(), nn.BatchNorm2d(1), nn.Dropout(0.5))
    module[3].running_mean.fill_(0.3)
    generator = Generator(module.train(), data_range=(-2, 2))
    z = torch.randn(70, 4, generator=torch.Generator().manual_seed(0))
    expected = module.eval()(z).detach().numpy()
    np.testing.assert_allclose(generator.decode(z), expected, atol=1e-6)


# -- sample and decode ----------------------------------------------------------------------------------------------


def test_sample_has_shape_type_range_and_seed(generator):
    images = generator.sample(5, random_state=1)
    assert images.shape == (5, 1, 8, 8)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    np.testing.assert_array_equal(images, generator.sample(5, random_state=1))
    assert not np.array_equal(images, generator.sample(5, random_state=2))
    assert generator.sample(0).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("n", [-1, 2.0, "3", None, True])
def test_sample_refuses_odd_numbers(generator, n):
    with pytest.raises(ValueError, match="n must be an integer"):
        generator.sample(n)


@given(st.integers(1, 150), st.integers(0, 2**31))
def test_rows_give_the_same_bits_in_any_company(n, seed):
    generator = shared()
    Z = np.random.RandomState(seed).uniform(-1, 1, (n, 4))
    images = generator.decode(Z)
    order = np.random.RandomState(seed).permutation(n)
    np.testing.assert_array_equal(generator.decode(Z[order]), images[order])
    np.testing.assert_array_equal(generator.decode(Z[:1]), images[:1])


def shared(cache=[]):  # noqa: B006 - hypothesis does not mix with function-scoped fixtures
    if not cache:
        cache.append(Generator(nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))))
    return cache[0]


@pytest.mark.parametrize(
    "Z", [np.zeros(4), np.zeros((2, 5)), np.zeros((2, 4, 1)), np.full((1, 4), np.nan), [[np.inf] * 4]]
)
def test_decode_refuses_latents_that_do_not_fit(generator, Z):
    with pytest.raises(GeneratorMismatchError, match=r"expected latents \(n, 4\)|NaN or infinity"):
        generator.decode(Z)


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64, list, torch.tensor])
def test_decode_takes_any_array_of_numbers(generator, kind):
    Z = np.array([[0, 1, 0, -1], [1, 1, 1, 1]])
    latents = kind(Z.tolist()) if kind in (list, torch.tensor) else Z.astype(kind)
    np.testing.assert_array_equal(generator.decode(latents), generator.decode(Z.astype(np.float32)))


def test_decode_does_not_touch_its_argument_or_ask_for_gradients(generator):
    z = torch.zeros(2, 4, requires_grad=True)
    generator.decode(z)
    Z = np.zeros((2, 4), dtype=np.float32)
    Z.setflags(write=False)
    generator.decode(Z)
    assert z.grad is None


def test_images_are_given_in_the_range_of_the_module(make_dense):
    module = make_dense(last=nn.Sigmoid)
    generator = Generator(module, data_range=(0, 1))
    z = generator.prior.sample(6, 4, torch.Generator().manual_seed(0))
    plain = module(z).detach()
    np.testing.assert_allclose(generator.decode(z), plain.numpy(), atol=1e-6)
    torch.testing.assert_close(generator.on("cpu").decode(z), plain * 2 - 1, atol=1e-6, rtol=0)


# -- global state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_can_be_made_and_used_in_any_grad_mode_and_differentiated_afterwards(make_dense, mode):
    module = nn.Sequential(*make_dense(), nn.BatchNorm2d(1))
    expected = Generator(module).sample(3, random_state=0)
    with mode():
        generator = Generator(module)
        images = generator.sample(3, random_state=0)
        loaded = generator.on("cpu")
        inside = loaded.decode(torch.zeros(4, 4))
    np.testing.assert_array_equal(images, expected)
    assert not inside.requires_grad
    z = torch.zeros(4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(loaded.decode(z).sum(), z)
    assert gradient.abs().sum() > 0


def test_a_module_made_in_inference_mode_is_as_good(make_dense):
    with torch.inference_mode():
        module = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    z = torch.zeros(4, 4, requires_grad=True)
    torch.autograd.grad(Generator(module).on("cpu").decode(z).sum(), z)


def test_global_state_is_untouched(make_dense):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    torch_state, numpy_state = torch.get_rng_state(), np.random.mtrand._rand.get_state()[1].copy()
    generator = pickle.loads(pickle.dumps(Generator(make_dense(), discriminator=discriminator)))
    generator.sample(3, random_state=0)
    generator.on("cpu").discriminate(torch.zeros(4, 1, 8, 8))
    assert torch.equal(torch_state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.mtrand._rand.get_state()[1])
    assert torch.is_grad_enabled()


def test_another_default_dtype_changes_nothing(registered):
    images = registered.sample(3, random_state=0)
    torch.set_default_dtype(torch.float64)
    try:
        again = pickle.loads(pickle.dumps(registered)).sample(3, random_state=0)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(images, again)


# -- pickle, joblib, threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["generator", "registered", "linear"])
def test_pickle_keeps_bits_and_fingerprint(request, kind):
    generator = request.getfixturevalue(kind)
    generator.on("cpu")
    again = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(again.sample(5, random_state=0), generator.sample(5, random_state=0))
    assert again.fingerprint == generator.fingerprint
    assert again.get_params() == generator.get_params()
    assert again.notes == generator.notes
    with pytest.raises(FrozenGeneratorError):
        again.name = "x"
    assert all(not array.flags.writeable for array in arrays_of(again))


def test_pickles_are_the_same_before_and_after_use(registered):
    before = pickle.dumps(registered)
    registered.sample(3)
    assert pickle.dumps(registered) == before
    assert joblib.hash(pickle.loads(before)) == joblib.hash(registered)


class RefusesTensors(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, torch.Tensor) and not value.is_meta:
            raise AssertionError("a tensor with values is pickled")


@pytest.mark.parametrize("kind", ["generator", "registered", "linear"])
def test_no_tensor_with_values_is_pickled(request, kind):
    generator = request.getfixturevalue(kind)
    generator.on("cpu")
    RefusesTensors(io.BytesIO()).dump(generator)


def test_the_loaded_generator_is_not_pickled(generator):
    with pytest.raises(TypeError, match="Pickle the Generator"):
        pickle.dumps(generator.on("cpu"))


@pytest.fixture(scope="module")
def heavy():
    """20 MB of weights."""
    module = nn.Sequential(nn.Linear(64, 2200), nn.ReLU(), nn.Linear(2200, 2200), nn.Linear(2200, 64))
    return Generator(nn.Sequential(*module, nn.Unflatten(1, (1, 8, 8))))


def test_pickling_a_heavy_generator_twice_hands_out_the_same_arrays(heavy):
    assert sum(array.nbytes for array in arrays_of(heavy)) > 20e6
    first = arrays_of(heavy)
    heavy.sample(1)
    assert all(one is two for one, two in zip(first, arrays_of(clone(heavy)), strict=True))
    buffers = []
    head = pickle.dumps([heavy, Holder(heavy), clone(Holder(heavy))], protocol=5, buffer_callback=buffers.append)
    assert len(head) < 20_000
    assert sum(len(buffer.raw()) for buffer in buffers) == sum(array.nbytes for array in first)


def test_workers_share_the_arrays_as_memory_maps(heavy, tmp_path):
    Z = np.random.RandomState(0).uniform(-1, 1, (6, 64))
    with joblib.parallel_config("loky", n_jobs=2, temp_folder=str(tmp_path), max_nbytes="100K"):
        results = joblib.Parallel()(joblib.delayed(decode_by_value)(heavy, Z) for _ in range(4))
    for images, kinds, fingerprint in results:
        assert_same(images, heavy.decode(Z))
        assert "memmap" in kinds
        assert fingerprint == heavy.fingerprint


def decode_by_value(generator, Z):
    parts = generator.__getstate__()["parts"].values()
    kinds = {type(array).__name__ for part in parts for array in part.arrays.values()}
    return generator.decode(Z), kinds, generator.fingerprint


def test_a_memory_mapped_dump_works(heavy, tmp_path):
    joblib.dump(heavy, tmp_path / "heavy.joblib")
    again = joblib.load(tmp_path / "heavy.joblib", mmap_mode="r")
    assert any(isinstance(array, np.memmap) for array in arrays_of(again))
    np.testing.assert_array_equal(again.sample(3, random_state=0), heavy.sample(3, random_state=0))


def test_hashes_follow_the_content(generator, make_dense):
    other = make_dense(latent_dim=5)
    assert joblib.hash(generator) == joblib.hash(pickle.loads(pickle.dumps(generator)))
    assert joblib.hash(generator) != joblib.hash(Generator(other, name="tiny"))


def test_threads_get_one_copy_and_the_same_bits(make_dense):
    generator = Generator(make_dense())
    Z = np.random.RandomState(0).uniform(-1, 1, (130, 4))
    expected = generator.decode(Z)
    fresh = pickle.loads(pickle.dumps(generator))
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: fresh.on("cpu"), range(32)))
        images = list(pool.map(lambda _: fresh.decode(Z), range(16)))
    assert len({id(one) for one in loaded}) == 1
    for one in images:
        np.testing.assert_array_equal(one, expected)


def test_a_class_without_an_importable_name_works_and_reaches_workers():
    class Local(nn.Module):
        latent_dim = 3

        def forward(self, z):
            return z.mean(1)[:, None, None, None].expand(-1, 1, 8, 8)

    generator = Generator(Local())
    Z = np.ones((2, 3))
    with joblib.parallel_config("loky", n_jobs=2):
        images = joblib.Parallel()(joblib.delayed(generator.decode)(Z) for _ in range(2))
    np.testing.assert_array_equal(images[1], np.ones((2, 1, 8, 8)))


# -- devices --------------------------------------------------------------------------------------------------------


def test_on_is_cached_per_device_and_describes_itself(registered):
    loaded = registered.on("cpu")
    assert loaded is registered.on(torch.device("cpu"))
    assert (loaded.latent_dim, loaded.image_shape, loaded.prior) == (6, (1, 12, 8), registered.prior)
    assert loaded.device == torch.device("cpu")
    assert "image_shape=(1, 12, 8)" in repr(loaded)
    with pytest.raises(ValueError, match="device='nowhere'"):
        registered.on("nowhere")


def test_loaded_networks_are_frozen_and_in_eval_mode(registered):
    loaded = registered.on("cpu")
    for module in loaded._modules.values():
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_loaded_decode_checks_latents(registered):
    with pytest.raises(GeneratorMismatchError, match=r"expected latents \(n, 6\)"):
        registered.on("cpu").decode(torch.zeros(2, 5))


def test_loaded_decode_takes_double_latents_and_gives_float32_with_gradients(registered):
    z = torch.zeros(4, 6, dtype=torch.float64, requires_grad=True)
    images = registered.on("cpu").decode(z)
    assert images.dtype == torch.float32
    (gradient,) = torch.autograd.grad(images.sum(), z)
    assert gradient.dtype == torch.float64


def test_discriminator_and_encoder_are_optional(generator, registered):
    assert not generator.has_discriminator
    assert not generator.has_encoder
    assert generator.on("cpu").discriminate(torch.zeros(4, 1, 8, 8)) is None
    assert generator.on("cpu").encode(torch.zeros(4, 1, 8, 8)) is None
    images = registered.on("cpu").decode(torch.zeros(5, 6))
    assert registered.on("cpu").discriminate(images).shape == (5,)
    assert registered.on("cpu").encode(images).shape == (5, 6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(registered):
    z = registered.prior.sample(8, 6, torch.Generator().manual_seed(0))
    on_gpu = registered.on("cuda").decode(z.cuda()).cpu()
    torch.testing.assert_close(on_gpu, registered.on("cpu").decode(z), atol=1e-3, rtol=0)
    assert registered.on("cuda") is registered.on("cuda:0")


# -- fingerprint ----------------------------------------------------------------------------------------------------


def test_fingerprint_is_16_digits_and_ignores_the_name(make_dense):
    one, two = Generator(make_dense(), name="one"), Generator(make_dense(), name="two")
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 16
    int(one.fingerprint, 16)


@pytest.mark.parametrize(
    "change", [{"prior": "normal"}, {"prior": NormalPrior(0.9)}, {"data_range": (-2, 2)}, {"discriminator": True}]
)
def test_fingerprint_follows_every_fact(make_dense, change):
    if "discriminator" in change:
        change = {"discriminator": nn.Sequential(nn.Flatten(), nn.Linear(64, 1))}
    assert Generator(make_dense(), **change).fingerprint != Generator(make_dense()).fingerprint


def test_fingerprint_sees_what_only_the_code_says():
    class Scaled(nn.Module):
        latent_dim = 2

        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, z):
            return (self.factor * z).mean(1)[:, None, None, None].expand(-1, 1, 8, 8)

    assert Generator(Scaled(0.5)).fingerprint != Generator(Scaled(0.6)).fingerprint


def test_from_modules_keeps_notes_and_refuses_what_json_cannot_hold(registered, make_dense):
    assert registered.notes == {"trained_on": "nothing", "n_images": 0}
    registered.notes["trained_on"] = "changed"
    assert registered.notes["trained_on"] == "nothing"
    with pytest.raises(ValueError, match="JSON"):
        Generator.from_modules(make_dense(), notes={"when": object()})
    with pytest.raises(ValueError, match="JSON"):
        Generator.from_modules(make_dense(), notes={"loss": float("nan")})
