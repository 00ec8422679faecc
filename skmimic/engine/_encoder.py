"""A small encoder, trained at test time on pairs that the learned corruption makes for free."""

import math

import numpy as np
import torch
from torch import nn

from ..surrogates import N_DEVIATIONS, RowAffine, part_of
from ..utils import Versioned, align_layers, has_fast_bfloat16, shielded
from ._descent import check_finite
from ._problem import Latents
from ._unseen import completed, seen_pixels, with_holes

__all__ = ["Encoder", "FittedEncoder", "train_encoder"]

DEVIATION_UNIT = 0.1
FIRST_CHANNELS, MOST_CHANNELS, N_HIDDEN = 64, 256, 512
BATCH, N_OBSERVED = 256, 128
N_STEPS = 1500
OBSERVED_FROM = 0.2  # fraction of the steps after which the observations join
NOISE, LATENT_WEIGHT = 0.05, 40.0


def _layer(kind, *sizes, random, **keywords):
    """Make a layer initialised from its own random generator."""
    layer = nn.utils.skip_init(kind, *sizes, dtype=torch.float32, **keywords)
    bound = 1 / math.sqrt(layer.weight[0].numel())
    nn.init.uniform_(layer.weight, -bound, bound, generator=random)
    nn.init.uniform_(layer.bias, -bound, bound, generator=random)
    return layer


class Encoder(nn.Module):
    """Stride-2 convolutions down to 4 to 7 pixels a side, then two linear layers.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    latent_dim : int
    prior : Prior
        Squashes the output into the allowed latents.
    with_deviations : bool
        Whether to predict the six affine deviations too.
    random : torch.Generator
        Of the initial weights.
    """

    def __init__(self, image_shape, latent_dim, prior, with_deviations, random):
        super().__init__()
        self.latent_dim, self.prior = latent_dim, prior
        channels, height, width = image_shape
        layers, size = [], FIRST_CHANNELS
        while max(height, width) > 7 or not layers:
            layers += [_layer(nn.Conv2d, channels, size, 4, random=random, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels, size = size, min(2 * size, MOST_CHANNELS)
            height, width = max(height // 2, 1), max(width // 2, 1)
        n_out = latent_dim + (N_DEVIATIONS if with_deviations else 0)
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Sequential(
            _layer(nn.Linear, channels * height * width, N_HIDDEN, random=random),
            nn.LeakyReLU(0.2),
            _layer(nn.Linear, N_HIDDEN, n_out, random=random),
        )

    def forward(self, observed):
        """Predict the latents of observed images (n, c, h, w)."""
        output = self.head(self.features(observed)).float()
        z = self.prior.squash(output[:, : self.latent_dim])
        rest = output[:, self.latent_dim :]
        return Latents(z, rest * DEVIATION_UNIT if rest.shape[1] else None)


class FittedEncoder(Versioned):
    """Frozen handle of a trained encoder; its state is sizes and numpy arrays.

    Parameters
    ----------
    encoder : Encoder
    image_shape : tuple (C, H, W)
    with_deviations : bool
    """

    def __init__(self, encoder, image_shape, with_deviations):
        self.image_shape, self.latent_dim = tuple(image_shape), encoder.latent_dim
        self.with_deviations = with_deviations
        self.arrays = {name: value.detach().cpu().numpy().copy() for name, value in encoder.state_dict().items()}

    def to_torch(self, prior, device="cpu"):
        """Rebuild the network, frozen, on a device."""
        with shielded():
            random = torch.Generator().manual_seed(0)
            encoder = Encoder(self.image_shape, self.latent_dim, prior, self.with_deviations, random)
            encoder.load_state_dict({name: torch.tensor(np.asarray(value)) for name, value in self.arrays.items()})
            return align_layers(encoder.requires_grad_(False).eval().to(device))


def train_encoder(problem, observed, settings, random, report=None):
    """Train an encoder for the present, frozen corruption.

    Every step draws latents z and deviations from their priors and regresses them from f^(G(z)) plus noise, with the
    objective itself as a second loss; after a fifth of the steps the observations join through the objective. Computes
    in bfloat16 where the processor does so natively: the encoder only gives the start of the rows.

    Parameters
    ----------
    problem : Problem
        Its surrogate is held.
    observed : tensor (n, c, h, w)
    settings : Settings
    random : torch.Generator
    report : callable or None, default=None
        Called with a sentence every 250 steps.

    Returns
    -------
    FittedEncoder

    Raises
    ------
    NotFiniteError
        If the training diverges.
    """
    generator, device = problem.generator, observed.device
    n_steps = settings.encoder_steps or N_STEPS
    encoder = Encoder(generator.image_shape, generator.latent_dim, generator.prior, problem.has_deviations, random)
    optimiser = torch.optim.Adam(encoder.to(device).parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps, 2e-5)
    half = torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device))
    seen = seen_pixels(observed)
    for step in range(n_steps):
        with half:
            loss = _synthetic_loss(problem, encoder, seen, random, device)
            if step >= OBSERVED_FROM * n_steps:
                rows = observed[torch.randint(len(observed), (N_OBSERVED,), generator=random).to(device)]
                own = problem.for_rows(rows)
                loss = loss + own.objective(rows, encoder(completed(rows))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if report is not None and (step + 1) % 250 == 0:
            report(f"encoder: step {step + 1} of {n_steps}")
    check_finite(loss.detach()[None], settings, "encoder of the amortized solver")
    return FittedEncoder(encoder, generator.image_shape, problem.has_deviations)


def _synthetic_loss(problem, encoder, seen, random, device):
    """Latent regression and objective on a batch of prior samples that went through the surrogate, seen as rows are."""
    generator, reads = problem.generator, part_of(problem.surrogate, RowAffine)
    if reads is not None:
        problem = problem.with_(offsets=reads.draw_offsets(BATCH, random))
    z = generator.prior.sample(BATCH, generator.latent_dim, random).to(device)
    truth = problem.latents(z)
    if truth.deviations is not None:
        spread = 0.75 * problem.deviation_sd
        truth = Latents(z, spread * torch.randn(truth.deviations.shape, generator=random, dtype=z.dtype).to(device))
    with torch.no_grad():
        clean = problem.mimic(truth).float()
        observed = clean + NOISE * torch.randn(clean.shape, generator=random, dtype=clean.dtype).to(device)
        if problem.surrogate.missing is not None:
            observed = problem.surrogate.missing.lose(observed, random)
        observed = with_holes(observed, seen, random)
    guess = encoder(completed(observed))
    regression = ((guess.z - z) / generator.prior.scale).square().mean() / 3
    return 0.5 * problem.objective(observed, guess).mean() + LATENT_WEIGHT * regression
