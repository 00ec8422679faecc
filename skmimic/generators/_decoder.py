"""Frozen convolutional decoders with channels last: of colours in float32, of all in bfloat16, for rough walks."""

import torch
import torch.nn.functional as F
from torch import nn

from ..utils import aligned_linear
from .architectures import DCGANGenerator

__all__ = ["FrozenDecoder", "frozen_decoder"]

GEOMETRY = {"stride": 2, "padding": 1}  # of all its convolutions


class FrozenDecoder(nn.Module):
    """A trained `DCGANGenerator` as walks need it: on a processor, differentiable in the latents alone.

    Parameters
    ----------
    decoder : DCGANGenerator
        Frozen, in float32, without batch normalisation.
    dtype : torch.dtype
        Of the maps. In bfloat16 the first layer, and the last one forward, stay in float32: the gradient of the first
        would depend on the number of rows, and the rounding of the last would be most of the noise of an objective
        (docs/design.md).
    """

    def __init__(self, decoder, dtype):
        super().__init__()
        self.dtype, self.image_size = dtype, decoder.config["image_shape"][1:]
        first, (*middle, last) = decoder.first, decoder.doublings
        self.base = (*decoder.layout.base, decoder.layout.channels[0])
        self.first_weight = _outputs_last(first.weight, self.base).flatten(0, 2)
        self.first_bias = _outputs_last(first.bias, self.base).flatten()
        self.middle = [(_channels_last(layer.weight.to(dtype)), layer.bias.to(dtype)) for layer in middle]
        self.last_rows = last.weight.flatten(1).T.contiguous()
        self.last_weight, self.last_bias = _channels_last(last.weight.to(dtype)), last.bias[:, None, None]

    def forward(self, z):
        """Map latents (n, latent_dim) to images (n, c, h, w) in [-1, 1], float32."""
        maps = torch.relu(aligned_linear(z, self.first_weight, self.first_bias).to(self.dtype))
        maps = maps.unflatten(1, self.base).permute(0, 3, 1, 2)
        for weight, bias in self.middle:
            maps = torch.relu(F.conv_transpose2d(maps, weight, bias, **GEOMETRY))
        images = _LastDoubling.apply(maps, self.last_rows, self.last_weight) + self.last_bias
        return torch.tanh(_cropped(images, self.image_size))


class _LastDoubling(torch.autograd.Function):
    """A transposed convolution to few channels, whose gradient has the dtype of the maps.

    Forward a matrix product for each image, folded, is the fastest way, backward the library's convolution.
    """

    generate_vmap_rule = True  # so that torch.func can differentiate generators, too

    @staticmethod
    def forward(maps, rows, weight):
        """Map (n, c_in, h, w) to (n, c_out, 2 h, 2 w), float32; `rows` is the weight as (c_out * 16, c_in)."""
        n, _, height, width = maps.shape
        columns = torch.bmm(rows.expand(n, -1, -1), maps.flatten(2).float())  # (n, c_out * 16, h * w)
        return F.fold(columns, (2 * height, 2 * width), 4, **GEOMETRY)

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep what the gradient needs."""
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx, gradient):
        """Convolve the gradient of the images."""
        (weight,) = ctx.saved_tensors
        gradient = _channels_last(gradient.to(weight.dtype))
        return F.conv2d(gradient, weight, **GEOMETRY), None, None


def frozen_decoder(module, dtype=torch.float32):
    """Make the frozen copy of a network.

    Parameters
    ----------
    module : torch.nn.Module
    dtype : torch.dtype, default=torch.float32

    Returns
    -------
    FrozenDecoder or None
        None for networks of which nothing is known, and for those that have nothing to gain: one of a single doubling,
        and in float32 one of grey images, of which few rows take 1.04 to 1.19 of the network's time (docs/design.md).
    """
    is_known = type(module) is DCGANGenerator and not module.config["batch_norm"] and len(module.doublings) > 1
    pays = is_known and (dtype != torch.float32 or module.config["image_shape"][0] > 1)
    return FrozenDecoder(module, dtype) if pays else None


def _outputs_last(parameter, base):
    """Order the outputs (c * h * w, ...) of the first layer as (h, w, c, ...)."""
    height, width, channels = base
    return parameter.detach().unflatten(0, (channels, height, width)).movedim(0, 2).contiguous()


def _channels_last(maps):
    """Copy (n, c, h, w) with channels last in memory; unlike `contiguous` where there is one channel, too."""
    return maps.movedim(1, -1).clone(memory_format=torch.contiguous_format).movedim(-1, 1)


def _cropped(images, size):
    top, left = ((have - want) // 2 for have, want in zip(images.shape[2:], size, strict=True))
    return images[:, :, top : top + size[0], left : left + size[1]]
