"""The knobs of the solvers, checked where the user sets them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SOLVERS", "STARTS", "Settings", "cosine"]

SOLVERS = ("auto", "alternating", "joint", "amortized", "closed_form")
STARTS = ("auto", "mean", "zero", "nearest", "random", "encoder")
QUASI_NEWTON_SHARE = 1 / 3  # steps of L-BFGS for one of Adam; measured in docs/design.md


@dataclass(frozen=True)
class Settings:
    """How the objective is minimised.

    Parameters
    ----------
    solver : {"auto", "alternating", "joint", "amortized", "closed_form"}, default="auto"
        The alternating solver keeps its rates in phase B, too, as Algorithm 1 does; with the others the rate of a
        first-order optimiser falls there along half a cosine.
    start : {"auto", "mean", "zero", "nearest", "random", "encoder"}, default="auto"
        First latents; "auto" is the paper's "mean" for the alternating solver, "encoder" for the amortized one,
        "nearest" for the joint one, in phase B the generator's own encoder where it has one and the corruption can be
        undone. With "lbfgs", "nearest" is two starts, from each half of the prior samples.
    T, T1, T2 : int
        Rounds, surrogate steps and latent steps a round. Phase A of the alternating solver runs T * (T1 + T2) steps, of
        the joint solver at most T * T1; phase B runs T * T2 latent steps, a third of that with "lbfgs"; after an
        encoder start T2, half of that with "lbfgs".
    lr_surrogate, lr_latent : float
    optimiser : {"lbfgs", "adam", "rmsprop", "rmsprop_tf"}, default="lbfgs"
        Of the latents in phase B. What moves together with a surrogate moves by Adam where this is "lbfgs".
    loss : str or callable, default="charbonnier"
    lambda_adv, latent_weight : float
        Weights of the adversarial term and of the latent prior.
    stochastic_clipping : bool, default=False
        Draw out-of-range coordinates anew instead of clipping them (Lipton and Tripathi 2017).
    tol : float, default=1e-4
        A row stops when its objective falls by less than this fraction in 25 steps.
    n_init : int, default=1
        Number of phase A runs, the lowest objective wins.
    encoder_steps : int or None, default=None
        Training steps of the amortized solver's encoder. None takes 1,500.
    record : bool, default=False
        Whether the alternating solver hands out the rows as they were after each round, `Adaptation.trajectory`.
    """

    solver: str = "auto"
    start: str = "auto"
    T: int = 20
    T1: int = 25
    T2: int = 25
    lr_surrogate: float = 1e-2
    lr_latent: float = 5e-2
    optimiser: str = "lbfgs"
    loss: str | Callable = "charbonnier"
    lambda_adv: float = 0.0
    latent_weight: float = 1.0
    stochastic_clipping: bool = False
    tol: float = 1e-4
    n_init: int = 1
    encoder_steps: int | None = None
    record: bool = False

    @property
    def n_latent_steps(self):
        """Steps of phase B from a start without an encoder."""
        return self.n_row_steps(self.T * self.T2)

    def rate_at(self, step, n_steps):
        """Return the share of `lr_latent` that a first-order optimiser takes in a step of phase B."""
        return 1.0 if self.solver == "alternating" else cosine(step, n_steps)

    @property
    def n_refinement_steps(self):
        """Steps of phase B from the encoder's start."""
        return (self.T2 + 1) // 2 if self.optimiser == "lbfgs" else self.T2

    def n_row_steps(self, n_first_order):
        """Return how many steps of rows alone stand for a number of steps of a first-order optimiser."""
        share = QUASI_NEWTON_SHARE if self.optimiser == "lbfgs" else 1
        return max(round(share * n_first_order), 1)


def cosine(step, n_steps):
    """Compute a rate that falls from 1 to 0.05 along half a cosine."""
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / max(n_steps, 1)))
