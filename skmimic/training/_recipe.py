"""What a method of training consists of; the loop knows nothing else."""

from abc import ABC, abstractmethod
from contextlib import nullcontext

import torch

from ..generators.architectures import build
from ._ema import WeightAverage

__all__ = ["Recipe"]

BETAS = (0.5, 0.999)


class Recipe(ABC):
    """Networks, their optimisers, and one step.

    Parameters
    ----------
    networks : dict of str to (architecture, config)
        By role, in the order in which their weights are drawn.
    averaged : tuple of str
        Roles whose running average is returned.
    settings : TrainingSettings
    seed : int
    device : torch.device
    prior : Prior
        Of the latents.

    Attributes
    ----------
    modules : dict of str to torch.nn.Module
    averages : dict of str to WeightAverage
    optimisers : dict of str to torch.optim.Optimizer
    """

    name: str
    loss_names: tuple

    def __init__(self, networks, averaged, settings, seed, device, prior):
        draws = torch.Generator().manual_seed(seed)
        self.settings, self.device, self.prior = settings, device, prior
        self.modules = {role: build(*network, draws).to(device) for role, network in networks.items()}
        self.averages = {role: WeightAverage(self.modules[role], settings.ema_decay) for role in averaged}
        self.optimisers = {role: self._adam(parameters) for role, parameters in self.blocks().items()}
        self.options = {"prior": prior.config}

    @abstractmethod
    def blocks(self):
        """Return the parameters that each optimiser moves, by name."""

    @abstractmethod
    def step(self, images, draws):
        """Take one step.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            Canonical range, on the device.
        draws : torch.Generator
            On the CPU, the only source of randomness.

        Returns
        -------
        tensor (n_losses,)
            Detached.
        """

    @abstractmethod
    def finished(self, images):
        """Return the frozen (generator, discriminator, encoder), None for those that are not trained, on the CPU.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            Some training images, canonical range, on the CPU.
        """

    def average(self, step):
        """Update the running averages after a step."""
        for role, average in self.averages.items():
            average.update(self.modules[role], step)

    def descend(self, block, loss):
        """Move one block of parameters down a loss; return the loss, detached."""
        optimiser = self.optimisers[block]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    def latents(self, n, draws):
        """Draw latents (n, latent_dim) of the prior."""
        latent_dim = self.modules["generator"].config["latent_dim"]
        return self.prior.sample(n, latent_dim, draws).to(self.device)

    def precision(self):
        """Return the context in which networks run forward."""
        if not self.settings.mixed_precision:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def state(self):
        """Return all that moves, as a flat dict of tensors."""
        tensors = {}
        for role, module in self.modules.items():
            tensors |= {f"module/{role}/{key}": value for key, value in module.state_dict().items()}
        for role, average in self.averages.items():
            tensors |= {f"average/{role}/{key}": value for key, value in average.module.state_dict().items()}
        for role, optimiser in self.optimisers.items():
            for index, slots in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser/{role}/{index}/{key}": value for key, value in slots.items()}
        return tensors

    def load_state(self, tensors):
        """Take over what `state` returned."""
        for role, module in self.modules.items():
            module.load_state_dict(_below(tensors, f"module/{role}/"))
        for role, average in self.averages.items():
            average.module.load_state_dict(_below(tensors, f"average/{role}/"))
        for role, optimiser in self.optimisers.items():
            optimiser.load_state_dict(
                {**optimiser.state_dict(), "state": _slots(_below(tensors, f"optimiser/{role}/"))}
            )

    def _adam(self, parameters):
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.Adam(parameters, self.settings.learning_rate, BETAS, fused=fused)


def _below(tensors, prefix):
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _slots(tensors):
    """Group "index/slot" keys by index, as torch's optimisers want them."""
    slots = {}
    for key, value in tensors.items():
        index, slot = key.split("/")
        slots.setdefault(int(index), {})[slot] = value
    return slots
