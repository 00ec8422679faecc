"""A handle is refused when it is made, with the cause and the cure, if no row could be projected onto its images."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.decomposition import NMF, PCA
from torch import nn
from torch.nn import functional

from skmimic.exceptions import DataRangeError, DataRangeWarning, GeneratorMismatchError
from skmimic.generators import Generator, as_generator, linear_generator, linear_generator_from_data, load_gan
from skmimic.generators._birth import RIGHT, STEPS, slope_ratio
from skmimic.generators.architectures import DCGANGenerator, DenseGenerator
from tests.helpers import SmoothDecoder


def seeded(make, *args, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(*args)


class Applied(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def dense(*middle, latent_dim=6, width=24, shape=(1, 9, 7), last=torch.tanh):
    """A dense network with layers of choice in its middle."""
    n_values = shape[0] * shape[1] * shape[2]
    head = nn.Linear(latent_dim, width), *middle
    return nn.Sequential(*head, nn.Linear(width, n_values), nn.Unflatten(1, shape), Applied(last))


def convolutional(norm=None, channels=3):
    layers = [nn.ConvTranspose2d(5, 8, 4), norm or nn.BatchNorm2d(8), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(8, channels, 4, 2, 1), nn.Tanh())


class Styled(nn.Module):
    """Upsampled blocks that a style modulates, noise fixed, as StyleGAN has them."""

    latent_dim = 8

    def __init__(self):
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, 6, 4, 4))
        self.style, self.mix = nn.Linear(8, 6), nn.Conv2d(6, 3, 3, padding=1)
        self.register_buffer("noise", 0.1 * torch.randn(8, 8))

    def forward(self, z):
        style = self.style(functional.normalize(z, dim=1))[:, :, None, None]
        maps = functional.interpolate(self.constant * (1 + style), scale_factor=2) + self.noise
        return torch.tanh(self.mix(functional.instance_norm(maps) * (1 + style)))


class Attentive(nn.Module):
    """Pixels that look at one another."""

    latent_dim = 4

    def __init__(self):
        super().__init__()
        self.tokens = nn.Linear(4, 36 * 8)
        self.attention, self.out = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 1)

    def forward(self, z):
        tokens = self.tokens(z).view(len(z), 36, 8)
        return torch.sigmoid(3 * self.out(self.attention(tokens, tokens, tokens)[0])).view(len(z), 1, 6, 6)


REGISTERED = {
    "dcgan": lambda: DCGANGenerator(12, (1, 16, 16), 8),
    "dcgan with batch norm": lambda: DCGANGenerator(12, (3, 20, 20), 8, batch_norm=True),
    "dense": lambda: DenseGenerator(10, (1, 16, 16), 64),
}
SOUND = {
    "dense": dense,
    "running statistics": lambda: dense(nn.BatchNorm1d(24)),
    "layer norm": lambda: dense(nn.LayerNorm(24), nn.GELU()),
    "dropout": lambda: dense(nn.Dropout(0.5)),
    "dead units": lambda: dense(nn.ReLU(), nn.Hardtanh(-0.1, 0.1)),
    "spectral": lambda: dense(nn.utils.parametrizations.spectral_norm(nn.Linear(24, 24))),
    "convolutional": convolutional,
    "group norm": lambda: convolutional(nn.GroupNorm(2, 8)),
    "instance norm": lambda: convolutional(nn.InstanceNorm2d(8)),
    "styled": Styled,
    "attentive": Attentive,
    "rows": lambda: nn.Sequential(nn.Linear(3, 64), nn.Tanh()),
    "vectors": lambda: nn.Sequential(nn.Linear(3, 2), nn.Tanh()),
    "vectors of fewer values than latents": lambda: nn.Sequential(nn.Linear(9, 5), nn.Sigmoid()),
    "smooth": SmoothDecoder,
    "double": lambda: dense().double(),
}


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")
@pytest.mark.parametrize("prior", ["uniform", "normal"])
@pytest.mark.parametrize("kind", SOUND)
def test_sound_networks_of_all_kinds_are_accepted(kind, prior):
    generator = Generator(seeded(SOUND[kind]), prior=prior)
    assert generator.fingerprint == Generator(seeded(SOUND[kind]), prior=prior).fingerprint


# -- rows that depend on one another ----------------------------------------------------------------------------------


class Deviation(nn.Module):
    """Minibatch statistics in groups of neighbours."""

    def forward(self, x):
        return x + x.view(-1, 2, x.shape[1]).std(1).repeat_interleave(2, 0)


COUPLED = {
    "batch statistics": (
        lambda: dense(nn.BatchNorm1d(24, track_running_stats=False)),
        r"layer '1', BatchNorm1d.*track_",
    ),
    "batch statistics of maps": (
        lambda: convolutional(nn.BatchNorm2d(8, track_running_stats=False)),
        r"layer '1', BatchNorm2d.*track_running_stats=True",
    ),
    "mean": (lambda: dense(Applied(lambda x: x - x.mean(0))), "layer '1', Applied"),
    "weak": (lambda: dense(Applied(lambda x: x + 1e-3 * x.mean(0))), "layer '1', Applied"),
    "softmax": (lambda: dense(nn.ReLU(), nn.Softmax(dim=0)), r"layer '2', Softmax.*LayerNorm"),
    "neighbour": (lambda: dense(Applied(lambda x: x + 0.1 * x.roll(1, 0))), "layer '1', Applied"),
    "attention over the batch": (
        lambda: dense(Applied(lambda x: functional.scaled_dot_product_attention(x, x, x))),
        "layer '1', Applied",
    ),
    "place": (lambda: dense(Applied(lambda x: x + torch.arange(len(x))[:, None])), "skmimic treats"),
    "size": (lambda: dense(Applied(lambda x: x * len(x))), "skmimic treats"),
    "at the end": (lambda: dense(last=lambda x: torch.tanh(x) / x.abs().max()), r"layer '\d', Applied"),
}


@pytest.mark.parametrize("kind", COUPLED)
def test_rows_that_depend_on_their_company_are_refused_with_the_layer(kind):
    make, layer = COUPLED[kind]
    with pytest.raises(GeneratorMismatchError, match=rf"Sequential: the image of a latent depends.*{layer}"):
        Generator(seeded(make))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")  # torch.jit itself
@pytest.mark.parametrize("compiler", [torch.jit.script, lambda module: torch.jit.trace(module, torch.randn(8, 6))])
@pytest.mark.parametrize("inside", [False, True])
def test_torchscript_with_batch_statistics_is_refused_with_the_layer(compiler, inside):
    network = seeded(lambda: dense(nn.BatchNorm1d(24, track_running_stats=False), last=None)[:-1]).eval()
    compiled = compiler(network)
    whole = nn.Sequential(nn.Linear(6, 6), compiled) if inside else compiled
    with pytest.raises(GeneratorMismatchError, match=r"depends on the others.*layer '(1\.)?1', BatchNorm1d.*track_"):
        Generator(whole, latent_dim=6, data_range=(-9, 9))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_that_hides_its_layers_is_refused_all_the_same():
    network = torch.jit.trace(seeded(lambda: dense(Applied(lambda x: x - x.mean(0)))), torch.randn(8, 6))
    with pytest.raises(GeneratorMismatchError, match=r"depends on the others.*Replace what looks at the batch"):
        Generator(network, latent_dim=6)


def test_neighbours_in_groups_are_refused():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.g = dense(Deviation())

        def forward(self, z):
            more = len(z) % 2
            return self.g(torch.cat([z, z[:more]]))[: len(z)]

    with pytest.raises(GeneratorMismatchError, match=r"layer 'g.1', Deviation"):
        Generator(seeded(Odd))


def test_what_stands_between_the_layers_is_the_forward_of_their_parent():
    class Between(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(5, 20), dense(latent_dim=20)

        def forward(self, z):
            x = self.first(z)
            return self.second(x / x.std(0))

    with pytest.raises(GeneratorMismatchError, match="in the forward of Between itself"):
        Generator(seeded(Between))


# -- gradients --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def without_gradient(x):
    return x * 1.0


DEAD = {
    "no_grad": (without_gradient, "have no gradient.*no_grad"),
    "detached": (lambda x: x.detach(), "have no gradient"),
    "numpy": (lambda x: torch.from_numpy(x.detach().numpy() * 1), "have no gradient"),
    "rounded": (lambda x: (x * 127.5).round() / 127.5, "zero everywhere.*rounding"),
    "compared": (lambda x: (x > 0).float() + 0 * x, "zero everywhere"),
    "root": (lambda x: torch.where(x > 0, x, 0 * x).sqrt(), "NaN or infinite"),
}


@pytest.mark.parametrize("kind", DEAD)
def test_images_without_gradient_are_refused(kind):
    function, problem = DEAD[kind]
    with pytest.raises(GeneratorMismatchError, match=f"Sequential: .*{problem}"):
        Generator(seeded(lambda: dense(Applied(function))))


class Parallel(nn.Module):
    """A function of two networks."""

    latent_dim = 6

    def __init__(self, function):
        super().__init__()
        self.a, self.b = (dense(last=lambda x: x) for _ in range(2))
        self.function = function

    def forward(self, z):
        return torch.tanh(self.function(self.a(z), self.b(z)))


class Stopped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x + 0

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


WRONG = {
    "mostly detached": lambda a, b: 3 * a.detach() + 0.01 * b,
    "half detached": lambda a, b: a.detach() + b,
    "reversed": lambda a, b: Stopped.apply(a + b),
    "scaled": lambda a, b: 0.1 * (a + b) + 0.9 * (a + b).detach(),
}
TRUE = {
    "kinks": lambda a, b: torch.relu(9 * a) - torch.relu(9 * b),
    "the larger": torch.maximum,
    "waves": lambda a, b: torch.sin(100 * a + b),
    "steep": lambda a, b: 1000 * a + b,
    "bfloat16": lambda a, b: (a.bfloat16() + b.bfloat16()).float(),
    "levels with a straight-through gradient": lambda a, b: a + b + (((a + b) * 20).round() / 20 - a - b).detach(),
    "clamped": lambda a, b: (a + b).clamp(-0.1, 0.1),
    "a faint detached part": lambda a, b: a + 0.01 * b.detach(),
}


@pytest.mark.parametrize("prior", ["uniform", "normal"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_gradient_that_is_not_that_of_the_images_is_refused(kind, prior):
    with pytest.raises(GeneratorMismatchError, match=r"Parallel: the gradient .* is wrong: .*Take \.detach\(\)"):
        Generator(seeded(Parallel, WRONG[kind]), prior=prior)


@pytest.mark.parametrize("prior", ["uniform", "normal", (0, 10)])
@pytest.mark.parametrize("kind", TRUE)
def test_true_gradients_are_accepted_however_rough_the_images(kind, prior):
    Generator(seeded(Parallel, TRUE[kind]), prior=prior)


@pytest.mark.parametrize("name", ["mnist16", "mnist", *REGISTERED])
def test_slopes_of_the_registry_and_the_bundled_agree_with_their_gradients(name):
    make = REGISTERED.get(name)
    generator = Generator(seeded(make), data_range=(-1, 1)) if make else load_gan(name)
    z = generator.prior.sample(4, generator.latent_dim, torch.Generator().manual_seed(0))
    ratios = [slope_ratio(generator.on("cpu").decode, z, step * z.std()) for step in STEPS]
    assert min(abs(ratio - 1) for ratio in ratios if ratio is not None) < RIGHT / 5


# -- images that are none ---------------------------------------------------------------------------------------------


def test_a_few_draws_that_are_not_finite_are_enough():
    rare = Applied(lambda x: torch.where(x[:, :1] > 0.3, float("nan"), 1.0) * x)
    with pytest.raises(GeneratorMismatchError, match=r"NaN or infinite pixels for \d+ of 256 draws"):
        Generator(seeded(lambda: dense(rare)))


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_constant_generator_is_refused(value):
    with pytest.raises(GeneratorMismatchError, match="same image for all 256 draws"):
        Generator(seeded(lambda: dense(last=lambda x: 0 * x + value)))


def zeroed(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return network


ROWS = np.full((10, 64), 0.1)
CONSTANT = {
    "linear": lambda: linear_generator(np.zeros((4, 64))),
    "linear with a mean": lambda: linear_generator(1e-17 * np.ones((4, 64)), np.full(64, 0.3)),
    "rows": lambda: linear_generator_from_data(ROWS),
    "a row many times": lambda: linear_generator_from_data(np.tile(np.random.default_rng(0).random(64), (37, 1))),
    "PCA": lambda: as_generator(PCA(2).fit(ROWS)),
    "NMF": lambda: as_generator(NMF(2).fit(0 * ROWS)),
    "registry": lambda: Generator(zeroed(REGISTERED["dcgan"]())),
    "registry, told": lambda: as_generator(zeroed(REGISTERED["dense"]()), data_range=(-1, 1)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # scikit-learn's own, of variances that are zero
@pytest.mark.parametrize("kind", CONSTANT)
def test_constant_generators_of_all_kinds_are_refused(kind):
    with pytest.raises(GeneratorMismatchError, match="the same image for all"):
        CONSTANT[kind]()


def test_small_differences_beside_a_large_mean_are_no_constant():
    assert linear_generator_from_data(1e9 + np.random.default_rng(0).random((20, 64))).is_linear


def test_training_may_pass_through_a_constant():
    assert Generator.from_modules(zeroed(REGISTERED["dcgan"]())).image_shape == (1, 16, 16)


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_a_decoder_of_maps_handed_vectors_is_refused_with_the_wrapper(channels):
    decoder = nn.Sequential(nn.ConvTranspose2d(channels, 1, 4, 2, 1), nn.Tanh())
    for latent_dim in (None, channels):
        with pytest.raises(
            GeneratorMismatchError, match=rf"shape \(1, 2, 2\).*decoder of maps \(n, {channels}, h, w\)"
        ):
            Generator(decoder, latent_dim=latent_dim)


@pytest.mark.parametrize("last", [nn.Tanh(), nn.Sequential(nn.Tanh(), nn.Flatten())])
@pytest.mark.parametrize("channels", [1, 4])
def test_a_decoder_of_grey_maps_that_keeps_their_size_is_refused_too(channels, last):
    layers = nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), last
    with pytest.raises(GeneratorMismatchError, match=rf"shape \(1, 1, 1\).*decoder of maps \(n, {channels}, h, w\)"):
        Generator(seeded(lambda: nn.Sequential(*layers)))


@pytest.mark.parametrize("length", [4, 9])
def test_vectors_of_maps_of_one_pixel_are_vectors(length):
    network = seeded(lambda: nn.Sequential(nn.ConvTranspose2d(4, 1, (1, length)), nn.Tanh()))
    assert Generator(network).image_shape == (1, 1, length)


def test_fewer_values_than_latents_are_refused_unless_the_shape_is_told():
    narrow = seeded(lambda: dense(latent_dim=30, shape=(1, 5, 5)))
    with pytest.raises(GeneratorMismatchError, match=r"30 latents as \(n, d\): gives images of shape \(1, 5, 5\)"):
        Generator(narrow)
    assert Generator(narrow, image_shape=(5, 5)).image_shape == (1, 5, 5)


# -- the range --------------------------------------------------------------------------------------------------------

RANGES = {
    "functional sigmoid": (lambda x: torch.sigmoid(9 * x), (0, 1)),
    "functional tanh": (lambda x: torch.tanh(9 * x), (-1, 1)),
    "clamped": (lambda x: (0.5 + 3 * x).clamp(0, 1), (0, 1)),
    "bytes": (lambda x: 255 * torch.sigmoid(9 * x), (0, 255)),
}


@pytest.mark.parametrize("kind", RANGES)
def test_the_range_is_that_of_the_images_whatever_the_last_layer_is_called(kind):
    last, expected = RANGES[kind]
    network = seeded(lambda: dense(nn.Sigmoid(), last=last))
    for generator in (Generator(network), as_generator(network), Generator(network, data_range=expected)):
        assert generator.data_range == expected


def test_a_sigmoid_that_is_registered_last_tells_nothing():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.main, self.gate = dense(), nn.Sequential(nn.Linear(6, 1), nn.Sigmoid())

        def forward(self, z):
            return self.main(z) * self.gate(z)[:, :, None, None]

    assert Generator(seeded(Gated), latent_dim=6).data_range == (-1, 1)


def test_logits_are_refused_with_the_cure():
    logits = seeded(lambda: dense(last=lambda x: 20 * x))
    for cure in ("torch.sigmoid", "data_range="):
        with pytest.raises(DataRangeError, match=cure):
            Generator(logits)
    assert Generator(logits, data_range=(-25, 25)).data_range == (-25, 25)


@pytest.mark.parametrize(
    ("last", "told"),
    [(torch.tanh, (0, 1)), (torch.sigmoid, (0, 255)), (lambda x: 9 * x, (-1, 1)), (torch.tanh, (2, 3))],
)
def test_a_range_that_the_images_contradict_is_refused(last, told):
    with pytest.raises(DataRangeError, match=r"Sequential gives values from .* but data_range="):
        Generator(seeded(lambda: dense(last=lambda x: last(4 * x))), data_range=told)


def test_images_without_dark_pixels_in_a_range_that_goes_below_are_warned_of():
    bright = seeded(lambda: dense(last=torch.sigmoid))
    with pytest.warns(DataRangeWarning, match=r"pass data_range=\(0, 1\)"):
        assert Generator(bright, data_range=(-1, 1)).data_range == (-1, 1)
    with pytest.warns(DataRangeWarning, match=r"could be in"):
        Generator(nn.Sequential(*bright, nn.Tanh()))


# -- discriminators and encoders --------------------------------------------------------------------------------------


class Minibatch(nn.Module):
    """A discriminator with the standard deviation of groups, as ProGAN and StyleGAN have it."""

    def __init__(self, group):
        super().__init__()
        self.group, self.last = group, nn.Linear(64, 1)

    def forward(self, images):
        x = images.flatten(1)
        group = min(self.group, len(x))
        spread = x.view(group, -1, x.shape[1]).std(0).mean(1, keepdim=True).repeat(group, 1)
        return self.last(torch.cat([x, spread], 1))


@pytest.mark.parametrize("group", [2, 3, 4, 5, 6, 8, 16, 999])
def test_a_discriminator_that_looks_at_the_batch_is_named_in_one_sentence(group):
    critic = seeded(lambda: Minibatch(group))
    with pytest.raises(
        GeneratorMismatchError, match=r"^discriminator Minibatch: .*depends on the others in its batch"
    ) as e:
        as_generator((seeded(dense), critic))
    assert "without its discriminator" in str(e.value)


def test_encoders_and_discriminators_with_batch_statistics_are_refused_with_the_layer():
    coupled = seeded(
        lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(63, track_running_stats=False), nn.Linear(63, 6))
    )
    with pytest.raises(GeneratorMismatchError, match=r"^encoder Sequential: .*layer '1', BatchNorm1d"):
        Generator(seeded(dense), encoder=coupled)


# -- other inputs -----------------------------------------------------------------------------------------------------


class More(nn.Module):
    def __init__(self, latent_dim=10):
        super().__init__()
        self.z_dim, self.g = latent_dim, dense(latent_dim=latent_dim)


class Conditional(More):
    def forward(self, z, label, psi=1.0):
        return self.g(z + label)


class Progressive(More):
    def forward(self, z, *, depth, alpha):
        return self.g(z)


class Listed(More):
    def forward(self, styles):
        return torch.stack([self.g(style) for style in styles]).mean(0)


class Layered(More):
    def forward(self, ws):
        n, layers, width = ws.shape
        return self.g(ws.reshape(n, layers * width))


class Halved(More):
    def forward(self, z):
        return self.g(z.half())


class Maps(More):
    def forward(self, z):
        if z.ndim != 4 or z.shape[-1] == 1:
            raise ValueError("maps")
        return self.g(z.flatten(1))


@pytest.mark.parametrize(
    ("make", "hint", "call"),
    [
        (Conditional, r"wants label as well \(labels, one for each row\)", r"self.g\(z, label=label\)"),
        (Progressive, "wants depth, alpha as well", r"self.g\(z, depth=depth, alpha=alpha\)"),
        (Listed, "takes a list of latents", r"self.g\(\[z\]\)"),
        (Layered, r"three axes, such as \(n, 2, 5\)", r"self.g\(z.view\(len\(z\), 2, 5\)\)"),
        (lambda: Maps(36), r"takes maps \(n, \d+, \d, \d\)", r"self.g\(z.view\(len\(z\), \d+, \d, \d\)\)"),
        (Halved, "computes in float32 throughout", r"z.half\(\)"),
    ],
)
def test_what_else_a_generator_wants_is_said_with_a_wrapper(make, hint, call):
    with pytest.raises(GeneratorMismatchError, match=rf"(?s){hint}.*{call}") as e:
        Generator(seeded(make))
    assert "Pass latent_dim" not in str(e.value)
    assert "Check latent_dim" not in str(e.value)


def test_the_wrapper_of_the_message_works():
    inner = seeded(lambda: Listed())
    with pytest.raises(GeneratorMismatchError) as e:
        Generator(inner)
    names = {"torch": torch}
    exec(str(e.value).split("Wrap it:\n")[1], names)
    assert Generator(names["Wrapped"](inner), latent_dim=10).image_shape == (1, 9, 7)


# -- exported programs ------------------------------------------------------------------------------------------------


def exported(**options):
    return torch.export.export(seeded(dense), (torch.zeros(3, 6),), **options)


@pytest.mark.slow  # torch.export takes seconds
@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, where it copies a program
def test_exported_programs_say_what_to_pass_instead():
    program = exported(dynamic_shapes=({0: torch.export.Dim("n", min=1)},))
    with pytest.raises(TypeError, match=r"got an ExportedProgram\. Pass the module that it was exported from"):
        Generator(program)
    generator = Generator(program.module(), latent_dim=6)
    with pytest.raises(pickle.PicklingError, match=r"cannot be pickled.*Pass the torch\.nn\.Module"):
        pickle.dumps(generator)
    with pytest.raises(GeneratorMismatchError, match=r"exported for batches of one size.*dynamic_shapes"):
        Generator(exported().module(), latent_dim=6)
