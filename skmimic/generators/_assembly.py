"""From modules and wishes to the state of a generator."""

import numpy as np
import torch

from ..utils import CANONICAL, Bounds, n_values, refuse_fork, shielded
from ._birth import check_finite, check_generator, check_varied, draw_images
from ._calling import call_generator, probe_discriminator, probe_encoder, probe_generator
from ._company import for_any_size, name_of
from ._facts import Facts, as_image_shape, fingerprint_of, is_positive_integer
from ._parts import take_apart
from ._priors import as_prior
from ._range import settle_range

__all__ = ["Wishes", "assemble"]


class Wishes:
    """Arguments of a user, checked as far as they can be without the module."""

    def __init__(self, latent_dim, image_shape, data_range, prior, name, is_declared=False):
        if latent_dim is not None and not is_positive_integer(latent_dim):
            raise ValueError(f"Generator: latent_dim must be a positive integer or None, got {latent_dim!r}.")
        self.latent_dim = None if latent_dim is None else int(latent_dim)
        self.image_shape = None if image_shape is None else as_image_shape(image_shape)
        self.data_range = None if data_range is None else Bounds.of(data_range)
        self.prior, self.name, self.is_declared = as_prior(prior), name, is_declared


def assemble(modules, wishes, notes):
    """Freeze modules, probe how they are called and whether rows can be projected: (facts, parts, fingerprint)."""
    refuse_fork()
    parts = {role: take_apart(module) for role, module in modules.items() if module is not None}
    if "generator" not in parts:
        raise TypeError("Generator: module must be a torch.nn.Module, got None. as_generator(...) accepts more.")
    with shielded(), torch.no_grad():
        cpu = torch.device("cpu")
        network = parts["generator"].load(cpu)
        latent_dim, layout, probe = probe_generator(network, wishes.latent_dim, wishes.image_shape, wishes.prior)
        parts["generator"] = parts["generator"].calling(layout=layout)
        images, bounds = _examined(network, latent_dim, layout, probe, wishes, parts["generator"].architecture)
        if "discriminator" in parts:
            part = parts["discriminator"]
            parts["discriminator"] = part.calling(**probe_discriminator(part.load(cpu), images))
        if "encoder" in parts:
            part = parts["encoder"]
            parts["encoder"] = part.calling(**probe_encoder(part.load(cpu), images, latent_dim))
    name = wishes.name or parts["generator"].architecture or parts["generator"].description["module"]
    facts = Facts(latent_dim, tuple(probe.shape[1:]), bounds, wishes.prior, str(name), notes)
    seen = b"" if parts["generator"].architecture else (np.round(probe.numpy(), 3) + 0.0).tobytes()
    return facts, parts, fingerprint_of(facts, parts, seen)


def _examined(network, latent_dim, layout, probe, wishes, architecture):
    """Some images of the prior and their range; networks of the registry treat rows alone and have gradients.

    After a few steps of training a network of the registry may be constant, of which the training itself warns.
    """
    image_shape, name = tuple(probe.shape[1:]), name_of(network)
    decode = for_any_size(lambda z: call_generator(network, z, layout, image_shape), name)
    z, images = draw_images(decode, wishes.prior, latent_dim, n_values(image_shape))
    check_finite(images, name)
    if architecture is None or not (wishes.is_declared or architecture == "linear"):
        check_varied(images, name)
    if architecture is None:
        check_generator(network, decode, z, images, name)
    if architecture == "linear":  # its values are what they are: nothing is clipped
        return images, wishes.data_range or CANONICAL
    told = wishes.data_range
    return images, told if told and wishes.is_declared else settle_range(told, images, network, name)
