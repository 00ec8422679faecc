"""Gain and bias under a linear generator, by the likelihood with the latents integrated out."""

import torch

from ...surrogates import Composition, Mask, Photometric
from .._closed_form import unit_of
from .._unseen import seen_pixels

__all__ = ["fit_tone", "has_linear_tone"]

N_ITERATIONS = 100  # of L-BFGS at most, in three to five numbers
FIRST_NOISE = 0.1  # standard deviation, in [-1, 1]
LEAST_NOISE = 1e-3  # the same; an eighth of a step of bytes, lest exact rows divide by zero


def has_linear_tone(bench, surrogate):
    """Whether a surrogate has a gain to learn of which the likelihood is known: none that loses pixels of each row."""
    tone = surrogate.part(Photometric)
    is_learned = tone is not None and tone.gain.requires_grad and tone.bias.requires_grad
    return is_learned and bench.problem.generator.is_linear and surrogate.missing is None


def fit_tone(bench, surrogate):
    """Put the likeliest gain and bias of the rows into a surrogate whose other parts are held.

    The likeliest latents alone say nothing of a gain, as twice the gain halves them all. With the latents z integrated
    out, rows are Gaussian around ``gain * mean + bias`` with the covariance ``gain^2 C + noise^2``, C that of the
    images under the other parts; gain, bias of each channel and noise are those of the highest likelihood. One gain
    serves all channels. Pixels that a mask hides and rows with unseen pixels are left out.

    Parameters
    ----------
    bench : Bench
        Of a linear generator.
    surrogate : Composition
        Changed in place; the sign of its gain is kept.

    References
    ----------
    M. E. Tipping, C. M. Bishop, "Probabilistic Principal Component Analysis", J. R. Stat. Soc. B 61, 1999.
    """
    rows = bench.observed[: bench.policy.n_rows]
    seen = seen_pixels(rows)
    rows = rows if seen is None else rows[seen.flatten(1).all(1)]
    if len(rows) < 2:
        return
    tone, likelihood = surrogate.part(Photometric), _Likelihood(bench.problem.generator, surrogate, rows)
    sign = 1.0 if tone.gain.mean() >= 0 else -1.0
    gain, bias = likelihood.maximise(sign, tone.bias.detach().double())
    with torch.no_grad():
        tone.gain.fill_(gain)
        tone.bias.copy_(bias)


class _Likelihood:
    """The likelihood of rows as a function of gain, bias of each channel, and noise."""

    @torch.no_grad()
    def __init__(self, generator, surrogate, rows):
        prior, size = generator.prior, generator.latent_dim
        mask = surrogate.part(Mask)
        others = Composition([part for part in surrogate.parts if not isinstance(part, (Mask, Photometric))])
        live = torch.ones(rows.shape[1:], dtype=torch.bool, device=rows.device)
        live = live if mask is None else mask.weight > 0.5
        centre = prior.mean(size).to(rows)
        latents = torch.cat([centre[None], centre + unit_of(prior, size) * torch.eye(size).to(rows)])
        images = others(generator.decode(latents)).double()[:, live]
        mean, spread = images[0], images[1:] - images[0]
        _, sizes, axes = torch.linalg.svd(spread, full_matrices=False)
        channels = torch.zeros(rows.shape[1:], dtype=torch.float64, device=rows.device)
        ones = torch.stack([channels.index_fill(0, index, 1.0)[live] for index in torch.arange(len(channels))])
        self.variances, self.rows, self.n_pixels = sizes.square(), rows.double()[:, live], int(live.sum())
        self.axes, self.mean, self.ones = axes, mean, ones

    def _negative_log(self, gain, bias, noise):
        """Compute minus the logarithm, of one row on average."""
        left = self.rows - gain * self.mean - bias @ self.ones
        along = (left @ self.axes.T).square().mean(0)
        across = left.square().sum(1).mean() - along.sum()
        spread, noise = gain**2 * self.variances + noise**2, noise**2
        volume = spread.log().sum() + (self.n_pixels - len(spread)) * noise.log()
        return 0.5 * (volume + (along / spread).sum() + across / noise)

    def maximise(self, sign, bias):
        """Find the likeliest gain, of a sign, and biases (c,)."""
        numbers = torch.cat([torch.zeros(1), torch.tensor([FIRST_NOISE]).log(), bias.cpu()]).double().to(bias.device)
        numbers.requires_grad_()
        optimiser = torch.optim.LBFGS([numbers], max_iter=N_ITERATIONS, line_search_fn="strong_wolfe")

        def closure():
            optimiser.zero_grad()
            value = self._negative_log(sign * numbers[0].exp(), numbers[2:], numbers[1].exp() + LEAST_NOISE)
            value.backward()
            return value

        optimiser.step(closure)
        found = numbers.detach()
        return float(sign * found[0].exp()), found[2:].float()
