"""Algorithm 1 as a function with a gradient: how the answer moves when an observed pixel does."""

from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from ._estimation import fresh_surrogate
from ._initialisation import start_latents
from ._optimisers import TF_DECAY, TF_EPSILON, TF_SHARE
from ._rows import make_problem

__all__ = ["UnrolledProjection"]


class UnrolledProjection(nn.Module):
    """Project images as the alternating solver does, phases A and B, differentiable in the observed pixels.

    The gradient goes through every step. It is computed round by round, each once more on the way back, so that memory
    holds one round. The loss "l1" has a step that no small change of a pixel changes, and so a gradient of zero, which
    would hide the way from an attack; on the way back it is "charbonnier", which rounds its corner off.

    Parameters
    ----------
    generator : Generator
    settings : Settings
        Of the alternating solver, with TensorFlow's RMSProp.
    surrogate : str, Surrogate or factory
        Learned from the rows of each call, two at least, if it has anything to learn; held by one that is fitted.
    seed : int, default=0

    Raises
    ------
    ValueError
        If the settings ask for another solver, optimiser or start.
    """

    precision = torch.float32

    def __init__(self, generator, settings, surrogate, seed=0):
        super().__init__()
        wanted = {"solver": "alternating", "optimiser": "rmsprop_tf", "stochastic_clipping": False}
        found = {name: getattr(settings, name) for name in wanted}
        if found != wanted or settings.start not in ("auto", "mean", "zero", "random"):
            raise ValueError(
                f"UnrolledProjection: the gradient goes through Algorithm 1 with {wanted} and start 'mean', 'zero' or "
                f"'random', got {found} and start {settings.start!r}. Set these, or take the projection for the "
                "identity on the way back (BPDA)."
            )
        self.generator, self.settings, self.surrogate, self.seed = generator, settings, surrogate, seed

    def forward(self, observed):
        """Project images.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
            In [-1, 1].

        Returns
        -------
        tensor (n, c, h, w)
            G(z).
        """
        generator, settings = self.generator.on(observed.device), self.settings
        surrogate, _ = fresh_surrogate(self.surrogate, generator, self.seed)
        problem = make_problem(generator, surrogate, settings)
        names = [name for name, value in surrogate.named_parameters() if value.requires_grad]
        state = _State.at(self._start(problem, observed), [surrogate.get_parameter(name).detach() for name in names])
        if names and len(observed) > 1:
            learning = _Round(problem, names, settings, settings.T1, settings.T2)
            for _ in range(settings.T):
                state = state.after(learning, observed)
        state = _State.at(self._start(problem, observed), state.values)
        descending = _Round(problem, names, settings, 0, settings.T2)
        for _ in range(settings.T):
            state = state.after(descending, observed)
        return generator.decode(state.z)

    def _start(self, problem, observed):
        """First latents; phase B has one draw for all rows, and so has phase A here."""
        start = "mean" if self.settings.start == "auto" else self.settings.start
        random = torch.Generator().manual_seed(self.seed)
        return start_latents(start, problem, observed[:1], random).z.expand(len(observed), -1)


class _State(NamedTuple):
    """What moves, and what the optimisers remember of it."""

    z: torch.Tensor
    z_power: torch.Tensor
    values: list
    powers: list

    @classmethod
    def at(cls, z, values):
        """Begin: TensorFlow's accumulators start at one."""
        return cls(z, torch.ones_like(z), list(values), [torch.ones_like(value) for value in values])

    def after(self, one_round, observed):
        """Go on by one round."""
        z, z_power, *others = _Recomputed.apply(one_round, observed, self.z, self.z_power, *self.values, *self.powers)
        return _State(z, z_power, others[: len(self.values)], others[len(self.values) :])


class _Round:
    """Steps of the surrogate, then steps of the latents (Algorithm 1, lines 4 to 13)."""

    def __init__(self, problem, names, settings, n_surrogate_steps, n_latent_steps):
        self.problem, self.names, self.settings = problem, names, settings
        self.n_steps = n_surrogate_steps, n_latent_steps

    def __call__(self, tensors, keep_graph):
        """Map (observed, z, its power, values, their powers) to all but the first, one round later."""
        observed, z, z_power, *others = tensors
        problem = self.problem.with_(loss="charbonnier") if keep_graph and self.problem.loss == "l1" else self.problem
        values, powers = others[: len(self.names)], others[len(self.names) :]
        n_surrogate_steps, n_latent_steps = self.n_steps
        if n_surrogate_steps:
            images = self.problem.generator.decode(z)
            for _ in range(n_surrogate_steps):
                values, powers = self._surrogate_step(problem, observed, images, values, powers, keep_graph)
        for _ in range(n_latent_steps):
            z, z_power = self._latent_step(problem, observed, z, z_power, values, keep_graph)
        return z, z_power, *values, *powers

    def _surrogate_step(self, problem, observed, images, values, powers, keep_graph):
        values = [_open(value) for value in values]
        loss = self._with(problem, values).fidelity(observed, images).sum()
        gradients = torch.autograd.grad(loss, values, create_graph=keep_graph, retain_graph=True)
        moved = [_moved(*each, self.settings.lr_surrogate) for each in zip(values, powers, gradients, strict=True)]
        return [value for value, _ in moved], [power for _, power in moved]

    def _latent_step(self, problem, observed, z, power, values, keep_graph):
        z, problem = _open(z), self._with(problem, values)
        (gradient,) = torch.autograd.grad(
            problem.objective(observed, problem.latents(z)).sum(), z, create_graph=keep_graph
        )
        z, power = _moved(z, power, gradient, self.settings.lr_latent)
        return problem.generator.prior.project(z), power

    def _with(self, problem, values):
        return problem.with_(surrogate=_Bound(problem.surrogate, dict(zip(self.names, values, strict=True))))


class _Bound:
    """A surrogate with other values for its parameters, which keep their gradients."""

    missing, takes_deviations = None, False

    def __init__(self, surrogate, values):
        self.surrogate, self.values = surrogate, values

    def __call__(self, images, deviations=None):
        return functional_call(self.surrogate, self.values, (images,)) if self.values else self.surrogate(images)


def _moved(value, power, gradient, rate):
    """One step of `RMSPropTF`, nothing changed in place."""
    power = TF_DECAY * power + TF_SHARE * gradient.square()
    return value - rate * gradient / (power + TF_EPSILON).sqrt(), power


def _open(tensor):
    """A tensor that gradients can be asked of."""
    return tensor if tensor.requires_grad else tensor.detach().requires_grad_()


class _Recomputed(torch.autograd.Function):
    """A round whose steps are forgotten, and taken again on the way back.

    torch's own checkpoints don't allow for gradients inside.
    """

    @staticmethod
    def forward(ctx, one_round, *tensors):
        """Take the round without keeping what its gradient needs."""
        ctx.one_round = one_round
        ctx.save_for_backward(*tensors)
        with torch.enable_grad():
            found = one_round([tensor.detach() for tensor in tensors], False)
        return tuple(tensor.detach() for tensor in found)

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        """Take the round again, and differentiate it."""
        with torch.enable_grad():
            tensors = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
            found = ctx.one_round(tensors, True)
            moved = [pair for pair in zip(found, gradients, strict=True) if pair[0].requires_grad]
            outputs, weights = zip(*moved, strict=True)
            return None, *torch.autograd.grad(outputs, tensors, weights, allow_unused=True)
