"""Blocks of one size for networks of which nothing is known."""

import pytest
import torch
from torch import nn

from skmimic.generators import Generator
from skmimic.generators._linear import LinearDecoder
from skmimic.utils import align_layers, block_size, in_blocks


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x):
        return x @ self.weight


class Scaled(nn.Sequential):
    def __init__(self, gain, *layers):
        super().__init__(*layers)
        self.gain = gain


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 40])
def test_all_calls_have_one_shape_and_all_rows_come_back(n_rows, size):
    sizes, rows = [], torch.arange(2.0 * n_rows).view(n_rows, 2).requires_grad_()

    def doubled(part):
        sizes.append(len(part))
        return 2 * part

    found = in_blocks(doubled, rows, size)
    assert set(sizes) == {size}
    assert torch.equal(found, 2 * rows)
    (gradient,) = torch.autograd.grad(found.sum(), rows)
    assert (gradient == 2).all()


KNOWN = {
    "layers": lambda: (nn.Linear(3, 3), nn.Unflatten(1, (1, 1, 3)), nn.Conv2d(1, 1, 1), nn.PReLU(), nn.GroupNorm(1, 1)),
    "folded": lambda: (
        nn.ConvTranspose2d(1, 1, 2),
        nn.BatchNorm2d(1),
        nn.Upsample(4),
        nn.PixelShuffle(1),
        nn.Dropout(),
    ),
    "containers": lambda: (nn.ModuleList([nn.Tanh()]), nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 2))})),
    "ours": lambda: (align_layers(nn.Sequential(nn.Linear(3, 3))), LinearDecoder(2, (1, 2, 2))),
    "a gain": lambda: (Scaled(nn.Parameter(torch.ones(1)), nn.Linear(3, 3)),),
}
UNKNOWN = {
    "a weight": Bare,
    "a vector, which rows can be multiplied by": lambda: Scaled(nn.Parameter(torch.ones(3))),
    "a tensor that is no parameter": lambda: Scaled(torch.ones(3, 3)),
    "TorchScript": lambda: torch.jit.script(Bare()),
    "LSTM": lambda: nn.LSTM(3, 3),
    "GRU cell": lambda: nn.GRUCell(3, 3),
    "attention": lambda: nn.MultiheadAttention(4, 2),
    "transformer": lambda: nn.TransformerEncoderLayer(4, 2, 8),
    "bilinear": lambda: nn.Bilinear(3, 3, 3),
    "list of weights": lambda: nn.ParameterList([torch.ones(3, 3)]),
    "dictionary of weights": lambda: nn.ParameterDict({"a": torch.ones(3, 3)}),
    "a linear layer of one's own": lambda: type("Own", (nn.Linear,), {})(3, 3),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_layers_whose_bits_are_known_need_no_blocks(kind):
    assert block_size(nn.Sequential(*KNOWN[kind]())) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit itself
@pytest.mark.parametrize("kind", UNKNOWN)
def test_all_other_weights_are_unknown_however_deep(kind):
    found = block_size(nn.Sequential(nn.Linear(3, 3), nn.Sequential(UNKNOWN[kind]())))
    assert found == (32 if kind == "TorchScript" else 16)


class Recurrent(nn.Module):
    """Rows of images as the steps of an LSTM."""

    latent_dim = 32

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(32, 64, batch_first=True)

    def forward(self, z):
        return self.lstm(z[:, None].expand(-1, 5, -1))[0][:, None]


def test_a_row_of_a_recurrent_generator_has_the_same_bits_in_any_company():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decode = Generator(Recurrent()).on("cpu").decode
    z = torch.randn(40, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together = decode(z)
        for n in (1, 2, 5, 9, 17):
            assert torch.equal(decode(z[:n]), together[:n])


class Curve(nn.Module):
    """Sigmoids of an odd number of values."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, z):
        return torch.sigmoid((z @ self.weight)[:, :63].contiguous()).view(-1, 1, 7, 9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit itself
@pytest.mark.parametrize("is_scripted", [False, True])
def test_a_row_of_sigmoids_has_the_same_bits_in_any_company(is_scripted):
    network = torch.jit.script(Curve()) if is_scripted else Curve()
    decode = Generator(network, latent_dim=4, data_range=(0, 1)).on("cpu").decode
    z = torch.randn(2000, 4, generator=torch.Generator().manual_seed(1))

    def images_and_gradient(z):
        z = z.clone().requires_grad_()
        images = decode(z)
        return images.detach(), torch.autograd.grad(images.square().sum(), z)[0]

    for _ in range(3):  # TorchScript computes its first gradients in another way
        together = images_and_gradient(z)
    for skipped in (1, 2, 5):
        for found, whole in zip(images_and_gradient(z[skipped:]), together, strict=True):
            assert torch.equal(found, whole[skipped:])
