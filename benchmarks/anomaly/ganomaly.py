"""GANomaly (Akcay, Atapour-Abarghouei and Breckon, 2018), written from its description.

An encoder, a decoder and a second encoder, against a discriminator whose features are matched. Images are 32x32 in
[-1, 1], weights 1 (adversarial), 50 (context), 1 (encoding), Adam 2e-4 with beta 0.5. The score is the squared distance
of the two encodings. Where the published code normalises by the batch at test time, the running statistics are used
here, so that the score of a row does not depend on the rows beside it.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.anomaly.budgets import kept
from benchmarks.anomaly.data import as_images
from benchmarks.anomaly.learned import Learned
from skmimic.datasets import resize_images

__all__ = ["Discriminator", "EncoderDecoderEncoder", "ganomaly", "train_ganomaly"]

SIDE, N_LATENTS = 32, 100
ADVERSARIAL, CONTEXT, ENCODING = 1.0, 50.0, 1.0
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
ROWS_TOGETHER = 500


def encoder(channels, width, n_outputs):
    """32x32 images to (n, n_outputs, 1, 1)."""
    layers = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for n in (width, 2 * width):
        layers += [nn.Conv2d(n, 2 * n, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * n), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * width, n_outputs, 4, bias=False))


def decoder(channels, width):
    """(n, N_LATENTS, 1, 1) to 32x32 images."""
    layers = [nn.ConvTranspose2d(N_LATENTS, 4 * width, 4, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU()]
    for n in (2 * width, width):
        layers += [nn.ConvTranspose2d(2 * n, n, 4, 2, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh())


class EncoderDecoderEncoder(nn.Module):
    """Images to their reconstruction, and the encodings of both."""

    def __init__(self, channels, width):
        super().__init__()
        self.first, self.second = (encoder(channels, width, N_LATENTS) for _ in range(2))
        self.decoder = decoder(channels, width)

    def forward(self, images):
        """Return reconstruction, its latents' first encoding, and the encoding of the reconstruction."""
        latents = self.first(images)
        found = self.decoder(latents)
        return found, latents, self.second(found)


class Discriminator(nn.Module):
    """Images to a logit, by features that the generator is to match."""

    def __init__(self, channels, width):
        super().__init__()
        *features, last = encoder(channels, width, 1)
        self.features, self.last = nn.Sequential(*features), last

    def forward(self, images):
        """Return features and logits (n,)."""
        features = self.features(images)
        return features, self.last(features).flatten()


def train_ganomaly(images, width, steps, batch, seed):
    """Train on images (n, c, 32, 32) in [-1, 1]; return the generator, which is the detector.

    Parameters
    ----------
    images : tensor (n, c, 32, 32)
    width, steps, batch, seed : int

    Returns
    -------
    EncoderDecoderEncoder
        In eval mode.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = EncoderDecoderEncoder(images.shape[1], width), Discriminator(images.shape[1], width)
        generator, judge = (part.apply(_drawn) for part in parts)
        moves = [torch.optim.Adam(part.parameters(), LEARNING_RATE, BETAS) for part in parts]
        for chosen in _batches(len(images), steps, batch):
            _step(generator, judge, moves, images[chosen])
    return generator.eval()


def _step(generator, judge, moves, real):
    """Move the generator, then the discriminator."""
    found, latents, again = generator(real)
    matched = functional.mse_loss(judge(found)[0], judge(real)[0].detach())
    context, encoding = functional.l1_loss(found, real), functional.mse_loss(again, latents)
    _descend(moves[0], ADVERSARIAL * matched + CONTEXT * context + ENCODING * encoding)
    logits = torch.stack([judge(images)[1] for images in (real, found.detach())])
    truth = torch.ones_like(logits)
    truth[1] = 0
    _descend(moves[1], functional.binary_cross_entropy_with_logits(logits, truth))


def _descend(move, loss):
    move.zero_grad()
    loss.backward()
    move.step()


def _batches(n, steps, batch):
    """Indices of each step, pass by pass in a new order."""
    order = torch.randperm(n)
    for _ in range(steps):
        if len(order) < min(batch, n):
            order = torch.randperm(n)
        yield order[:batch]
        order = order[batch:]


def _drawn(layer):
    """Draw the weights of a layer as DCGAN does."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, 0.02)


def ganomaly(task, budget):
    """Score rows by the distance of the two encodings."""
    training = budget.training("ganomaly")
    steps, images = training.steps_for(len(task.normal)), _images(task.normal)

    def fit(path):
        trained = train_ganomaly(images, training.width, steps, training.batch, task.seed)
        torch.save(trained.state_dict(), path)

    def load(path):
        generator = EncoderDecoderEncoder(images.shape[1], training.width)
        generator.load_state_dict(torch.load(path, weights_only=True))
        return generator.eval()

    path = budget.cache / f"{task.name}_ganomaly_width_{training.width}_{steps}.pt"
    generator, seconds = kept(path, fit, load)
    return Learned(lambda rows: _scores(generator, rows), steps, seconds)


@torch.no_grad()
def _scores(generator, rows):
    pairs = [generator(part)[1:] for part in _images(rows).split(ROWS_TOGETHER)]
    return np.concatenate([(first - second).square().flatten(1).mean(1).numpy() for first, second in pairs])


def _images(rows):
    return 2 * as_images(resize_images(rows, SIDE)) - 1
