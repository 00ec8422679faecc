"""Modules of other people: found latent sizes, found shapes, unusual contents, clear refusals."""

import collections
import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.exceptions import GeneratorMismatchError
from skmimic.generators import Generator


class Returns(nn.Module):
    """Gives whatever a function makes of images (n, 3, 8, 8)."""

    def __init__(self, form, latent_dim=4):
        super().__init__()
        self.form, self.latent_dim = form, latent_dim
        self.layer = nn.Linear(latent_dim, 192)

    def forward(self, z):
        return self.form(torch.tanh(self.layer(z)).unflatten(1, (3, 8, 8)))


def dcgan(latent_dim=7, channels=3):
    return nn.Sequential(
        nn.ConvTranspose2d(latent_dim, 8, 4),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, channels, 4, 2, 1),
        nn.Tanh(),
    )


def images_of(module, z):
    return Generator(module).on("cpu").decode(z)


# -- latent sizes and layouts ---------------------------------------------------------------------------------------


def test_latents_of_a_first_linear_layer(make_dense):
    assert Generator(make_dense(latent_dim=9)).latent_dim == 9


def test_dcgan_style_latents_are_found_and_wrapped():
    module = dcgan()
    generator = Generator(module)
    assert (generator.latent_dim, generator.image_shape) == (7, (3, 8, 8))
    z = torch.randn(6, 7, generator=torch.Generator().manual_seed(0))
    expected = module.eval()(z[:, :, None, None])
    torch.testing.assert_close(generator.on("cpu").decode(z), expected)


@pytest.mark.parametrize("name", ["latent_dim", "nz", "z_dim", "d"])
def test_an_attribute_tells_the_latent_size(name):
    class Upsampled(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(1, 3, 3, padding=1)
            setattr(self, name, 64)

        def forward(self, z):
            return self.head(z.view(len(z), 1, 8, 8))

    assert Generator(Upsampled(), data_range=(-2, 2)).latent_dim == 64


def test_a_misleading_attribute_is_tried_and_dropped(make_dense):
    module = make_dense(latent_dim=5)
    module.d = 128
    assert Generator(module).latent_dim == 5


def test_no_hint_at_all_asks_for_latent_dim():
    class Free(nn.Module):
        def forward(self, z):
            return z.view(len(z), 1, 8, 8)

    with pytest.raises(GeneratorMismatchError, match=r"Free: cannot tell the number of latents. Pass latent_dim"):
        Generator(Free())
    assert Generator(Free(), latent_dim=64).image_shape == (1, 8, 8)


def test_a_wrong_latent_dim_says_what_was_tried(make_dense):
    with pytest.raises(GeneratorMismatchError, match=r"9 latents as \(n, d\).*Check latent_dim"):
        Generator(make_dense(), latent_dim=9)


@pytest.mark.parametrize("latent_dim", [0, -3, 2.0, "4", True])
def test_an_odd_latent_dim_is_refused(make_dense, latent_dim):
    with pytest.raises(ValueError, match="latent_dim must be a positive integer"):
        Generator(make_dense(), latent_dim=latent_dim)


def test_numpy_integers_are_integers(make_dense):
    generator = Generator(make_dense(), latent_dim=np.int64(4), image_shape=np.array([1, 8, 8]))
    assert type(generator.latent_dim) is int
    assert generator.image_shape == (1, 8, 8)


# -- outputs --------------------------------------------------------------------------------------------------------

Output = collections.namedtuple("Output", ["sample", "loss"])


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x,
        lambda x: (x, None),
        lambda x: [x],
        lambda x: {"sample": x},
        lambda x: collections.OrderedDict(sample=x, features=x.flatten(1)),
        lambda x: Output(x, x.mean()),
        lambda x: x.double(),
        lambda x: x.flatten(1),
    ],
)
def test_the_images_are_picked_out_of_what_a_module_returns(form):
    torch.manual_seed(0)
    module = Returns(form)
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.tanh(module.layer(z)).unflatten(1, (3, 8, 8))
    images = images_of(module, z)
    assert images.dtype == torch.float32
    torch.testing.assert_close(images, expected)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (lambda x: (x, x), r"expected one floating-point tensor.*a tuple with tensors of shapes \[\(5, 3, 8, 8\)"),
        (lambda x: {"a": x, "b": x}, "a dict with tensors"),
        (lambda x: None, "a NoneType"),
        (lambda x: x.detach().numpy(), "a ndarray"),
        (lambda x: (x * 9).long(), "torch.int64"),
        (lambda x: x[0], r"5 latents gave a tensor of shape \(3, 8, 8\)"),
        (lambda x: x[..., None], r"shape \(5, 3, 8, 8, 1\)"),
        (lambda x: x * float("nan"), "NaN or infinite"),
        (lambda x: x + torch.randn_like(x), "different images for the same latents"),
    ],
)
def test_other_outputs_are_refused_with_the_reason(form, problem):
    with pytest.raises(GeneratorMismatchError, match=problem):
        Generator(Returns(form))


def test_rows_and_maps_become_images():
    assert Generator(Returns(lambda x: x.flatten(1))).image_shape == (3, 8, 8)
    assert Generator(Returns(lambda x: x.flatten(1)), image_shape=(1, 16, 12)).image_shape == (1, 16, 12)
    assert Generator(Returns(lambda x: x[:, 0])).image_shape == (1, 8, 8)
    assert Generator(Returns(lambda x: x[:, 0]), image_shape=(8, 8)).image_shape == (1, 8, 8)


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 8, 9), (3, 64), (8, 8, 3)])
def test_an_image_shape_that_contradicts_the_module_is_refused(image_shape):
    with pytest.raises(GeneratorMismatchError, match=r"images of shape \(3, 8, 8\), 192 values, but image_shape="):
        Generator(Returns(lambda x: x), image_shape=image_shape)


@pytest.mark.parametrize("image_shape", [3, (3,), (1, 2, 3, 4), (1, 8.0, 8), (0, 8, 8), "abc", (True, 8, 8)])
def test_an_odd_image_shape_is_refused(make_dense, image_shape):
    with pytest.raises(ValueError, match="image_shape must be"):
        Generator(make_dense(), image_shape=image_shape)


@pytest.mark.parametrize("data_range", [(1, 0), (0, 0), 3, (0, np.inf), "01x"])
def test_an_odd_data_range_is_refused(make_dense, data_range):
    with pytest.raises(ValueError, match="data_range must be"):
        Generator(make_dense(), data_range=data_range)


@pytest.mark.parametrize("module", [None, "mnist", 3, nn.Linear, lambda z: z])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(TypeError, match=r"torch.nn.Module, got .*as_generator\(...\) accepts more"):
        Generator(module)


def test_a_module_whose_shape_depends_on_the_batch_is_refused(make_dense):
    class Greedy(nn.Module):
        latent_dim = 4

        def __init__(self):
            super().__init__()
            self.dense = make_dense()

        def forward(self, z):
            return self.dense(z) if len(z) == 5 else self.dense(z[:2])

    with pytest.raises(GeneratorMismatchError, match=r"Greedy: does not take \d+ rows at a time .*Use the length"):
        Generator(Greedy())


class Last(nn.Module):
    """Channels last, as networks that were carried over from TensorFlow give them."""

    latent_dim = 4

    def __init__(self, shape, rows=False):
        super().__init__()
        self.shape, self.rows = shape, rows
        self.layer = nn.Linear(4, shape[0] * shape[1] * shape[2])

    def forward(self, z):
        images = torch.tanh(self.layer(z))
        return images if self.rows else images.view(-1, *self.shape)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("shape", [(28, 28, channels) for channels in (1, 2, 3, 4)] + [(8, 8, 3), (20, 60, 4)])
def test_channels_last_are_refused_with_a_wrapper_that_works(shape, told):
    height, width, channels = shape
    for module in (Last(shape), Last(shape, rows=True)) if told else (Last(shape),):
        with pytest.raises(GeneratorMismatchError, match=r"channels first.*permute\(0, 3, 1, 2\)") as e:
            Generator(module, image_shape=shape if told else None)

        class Wrapped(nn.Module):
            latent_dim = 4

            def __init__(self, g, code):
                super().__init__()
                self.g, self.code = g, code

            def forward(self, z):
                return eval(self.code, {"images": self.g(z)})

        code = str(e.value).split("returns ")[1].rstrip(".")
        assert Generator(Wrapped(module, code)).image_shape == (channels, height, width)


@pytest.mark.parametrize("shape", [(3, 8, 8), (64, 9, 9), (1, 28, 4), (4, 28, 28), (1, 1, 30), (5, 5, 5)])
def test_channels_first_of_any_number_are_accepted(shape):
    assert Generator(Last(shape)).image_shape == shape


# -- contents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_computed_in_float32(make_dense, dtype):
    module = make_dense().to(dtype)
    generator = pickle.loads(pickle.dumps(Generator(module)))
    z = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    expected = copy.deepcopy(module).float()(z)
    torch.testing.assert_close(generator.on("cpu").decode(z), expected)
    assert all(parameter.dtype == dtype for parameter in module.parameters())


def test_half_precision_arrays_stay_small(make_dense):
    module = make_dense(latent_dim=60)
    assert len(pickle.dumps(Generator(module.half()))) < 0.6 * len(pickle.dumps(Generator(module.float())))


def test_shared_parameters_stay_shared():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)
            self.second.weight = self.first.weight

        def forward(self, z):
            return self.second(self.first(z)).view(-1, 1, 8, 8)

    generator = Generator(Tied())
    part = generator.__getstate__()["parts"]["generator"]
    assert sorted(part.arrays) == ["first.bias", "first.weight", "second.bias"]
    own = generator.on("cpu")._modules["generator"]
    assert own.first.weight is own.second.weight
    z = torch.rand(5, 64, generator=torch.Generator().manual_seed(0))
    module = Tied()
    torch.testing.assert_close(images_of(module, z), module(z))


def test_one_layer_used_twice_is_kept_once():
    layer = nn.Linear(64, 64)
    module = nn.Sequential(layer, nn.Tanh(), layer, nn.Unflatten(1, (1, 8, 8)))
    own = Generator(module).on("cpu")._modules["generator"]
    assert own[0] is own[2]


class Buffered(nn.Module):
    latent_dim = 2

    def __init__(self):
        super().__init__()
        self.register_buffer("gain", torch.tensor(0.5))
        self.register_buffer("order", torch.arange(8).flip(0))
        self.register_buffer("hidden", torch.full((8,), 0.25), persistent=False)
        self.register_buffer("absent", None)
        self.plain = torch.linspace(0, 1, 8)

    def forward(self, z):
        row = (self.plain + self.hidden)[self.order] * self.gain
        return (z.mean(1)[:, None, None, None] * row).expand(-1, 1, 8, 8)


def test_buffers_of_all_kinds_are_kept():
    module = Buffered()
    generator = pickle.loads(pickle.dumps(Generator(module)))
    z = torch.rand(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(generator.on("cpu").decode(z), module(z))
    assert set(generator.__getstate__()["parts"]["generator"].arrays) == {"gain", "order", "hidden", "plain"}


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm])
def test_parametrized_layers_are_frozen_to_plain_ones_that_pickle(make_dense, norm):
    module = make_dense()
    norm(module[0])
    module.train()
    module(torch.randn(5, 4))
    state = copy.deepcopy(module.state_dict())
    generator = pickle.loads(pickle.dumps(Generator(module)))
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    z = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(generator.on("cpu").decode(z), module.eval()(z).detach())


def test_old_style_spectral_norm_with_its_computed_weight_is_accepted(make_dense):
    module = make_dense()
    nn.utils.spectral_norm(module[0])
    module(torch.randn(5, 4))  # leaves a weight with a gradient graph, which deepcopy alone refuses
    z = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(images_of(module, z), module.eval()(z).detach())


def script(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(module)


def trace(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.trace(module, torch.zeros(2, 4))


@pytest.mark.parametrize("compiler", [script, trace])
def test_torchscript_modules_are_modules(make_dense, compiler):
    module = make_dense()
    compiled = compiler(module)
    generator = pickle.loads(pickle.dumps(Generator(compiled)))
    z = torch.rand(5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    images = generator.on("cpu").decode(z)
    torch.testing.assert_close(images, module(z))
    torch.autograd.grad(images.sum(), z)


def test_data_parallel_is_unwrapped(make_dense):
    assert Generator(nn.DataParallel(make_dense())).name == "Sequential"


def test_lazy_parameters_are_refused_until_they_exist():
    module = nn.Sequential(nn.LazyLinear(64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    with pytest.raises(TypeError, match=r"not initialised yet\. Run the module once"):
        Generator(module, latent_dim=4)
    module(torch.zeros(1, 4))
    assert Generator(module).latent_dim == 4


def test_modules_without_values_are_refused():
    with pytest.raises(TypeError, match="dense tensors with values are needed"):
        Generator(nn.Linear(4, 64, device="meta"))


def test_what_cannot_be_copied_is_refused_with_the_reason(make_dense):
    module = make_dense()
    module.log = (line for line in ())
    with pytest.raises(TypeError, match=r"Sequential cannot be copied.*generator"):
        Generator(module)


# -- discriminators and encoders ------------------------------------------------------------------------------------


def critic(*last):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 1), *last)


def with_discriminator(make_dense, discriminator, **facts):
    return Generator(make_dense(), discriminator=discriminator, **facts).on("cpu")


@pytest.mark.parametrize("last", [(), (nn.Flatten(0),), (nn.Unflatten(1, (1, 1, 1)),)])
def test_logits_are_squeezed_to_one_per_image(make_dense, last):
    module = critic(*last)
    loaded = with_discriminator(make_dense, module)
    images = loaded.decode(torch.rand(5, 4))
    torch.testing.assert_close(loaded.discriminate(images), module(images).detach().reshape(5))


def test_a_final_sigmoid_is_undone(make_dense):
    module = critic()
    loaded = with_discriminator(make_dense, nn.Sequential(module, nn.Sigmoid()))
    images = loaded.decode(torch.rand(5, 4))
    torch.testing.assert_close(loaded.discriminate(images), module(images).detach()[:, 0], atol=1e-4, rtol=1e-4)


class Ends(nn.Module):
    """A critic with a function at its end, and perhaps a layer that it uses elsewhere."""

    def __init__(self, function, *layers):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer, self.layers, self.function = nn.Linear(64, 1), nn.ModuleList(layers), function

    def forward(self, images):
        return self.function(self.layer(images.flatten(1)))


class Careful(nn.Module):
    """Refuses images that are none."""

    def __init__(self, last):
        super().__init__()
        self.critic = critic(last)

    def forward(self, images):
        if images.abs().max() > 2:
            raise ValueError("no image")
        return self.critic(images)


@pytest.mark.parametrize(
    "function", [torch.sigmoid, lambda x: x.sigmoid().clamp(1e-5, 1 - 1e-5), lambda x: 1 / (1 + torch.exp(-x))]
)
def test_a_sigmoid_of_a_forward_is_undone_as_a_layer_is(make_dense, function):
    loaded = with_discriminator(make_dense, Ends(function))
    images = loaded.decode(torch.rand(5, 4))
    logits = Ends(lambda x: x)(images).detach()[:, 0]
    torch.testing.assert_close(loaded.discriminate(images), logits, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "module",
    [
        Ends(lambda x: x / 1000 + 0.5),  # in (0, 1) on all usual images
        Ends(lambda x: x, nn.Sigmoid()),
        Ends(torch.tanh),
        Ends(torch.relu),
        Ends(lambda x: 0 * x),
        Ends(lambda x: 0.3 + 0.1 * torch.sin(x)),
        nn.Sequential(nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 1)),
    ],
)
def test_logits_are_left_alone_wherever_they_lie(make_dense, module):
    loaded = with_discriminator(make_dense, module)
    images = loaded.decode(torch.rand(5, 4))
    torch.testing.assert_close(loaded.discriminate(images), module(images).detach()[:, 0])


@pytest.mark.parametrize(("last", "undo"), [(nn.Sigmoid(), torch.logit), (nn.Identity(), lambda x: x)])
def test_a_critic_that_takes_no_extremes_is_known_by_its_last_layer(make_dense, last, undo):
    module = Careful(last)
    loaded = with_discriminator(make_dense, module)
    images = loaded.decode(torch.rand(5, 4))
    torch.testing.assert_close(loaded.discriminate(images), undo(module(images)).detach()[:, 0], atol=1e-4, rtol=1e-4)


def test_saturated_probabilities_give_finite_logits(make_dense):
    module = critic(nn.Sigmoid())
    nn.init.constant_(module[1].bias, 100.0)
    logits = with_discriminator(make_dense, module).discriminate(torch.zeros(4, 1, 8, 8))
    assert torch.isfinite(logits).all()
    assert (logits > 10).all()


def test_parts_for_rows_get_rows(make_dense):
    loaded = Generator(make_dense(), discriminator=nn.Linear(64, 1), encoder=nn.Linear(64, 4)).on("cpu")
    images = loaded.decode(torch.rand(5, 4))
    assert loaded.discriminate(images).shape == (5,)
    assert loaded.encode(images).shape == (5, 4)


def test_parts_see_images_in_the_range_of_the_generator(make_dense):
    class Mean(nn.Module):
        def forward(self, images):
            return images.mean((1, 2, 3))

    loaded = with_discriminator(make_dense, Mean(), data_range=(-3, 1))
    torch.testing.assert_close(loaded.discriminate(torch.full((4, 1, 8, 8), -1.0)), torch.full((4,), -3.0))
    torch.testing.assert_close(loaded.discriminate(torch.ones(4, 1, 8, 8)), torch.ones(4))


def test_gradients_reach_the_images_through_the_discriminator(make_dense):
    images = torch.zeros(4, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        with_discriminator(make_dense, critic(nn.Sigmoid())).discriminate(images).sum(), images
    )
    assert gradient.abs().sum() > 0


class MeanAndVariance(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.layer = nn.Linear(64, 2 * latent_dim)

    def forward(self, images):
        return self.layer(images.flatten(1)).chunk(2, dim=1)


def test_of_mean_and_variance_the_encoder_gives_the_mean(make_dense):
    module = MeanAndVariance(4)
    loaded = Generator(make_dense(), encoder=module).on("cpu")
    images = loaded.decode(torch.rand(5, 4))
    torch.testing.assert_close(loaded.encode(images), module(images)[0].detach())


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (
            {"discriminator": nn.Sequential(nn.Flatten(), nn.Linear(64, 2))},
            r"discriminator Sequential: expected 1 number",
        ),
        ({"discriminator": nn.Linear(63, 1)}, "accepts neither images of shape"),
        ({"encoder": MeanAndVariance(3)}, "encoder MeanAndVariance: expected 4 number"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make_dense, parts, problem):
    with pytest.raises(GeneratorMismatchError, match=problem):
        Generator(make_dense(), **parts)


def test_a_part_that_is_no_module_is_refused(make_dense):
    with pytest.raises(TypeError, match=r"torch.nn.Module, got str"):
        Generator(make_dense(), discriminator="D")
