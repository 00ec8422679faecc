"""Algorithm 1 as the paper's text reads: whole batch, the generator run again in every surrogate step. For timing."""

import time

import torch

from skmimic.losses import adversarial
from skmimic.surrogates import paper_surrogate

__all__ = ["plain_algorithm_1"]


def plain_algorithm_1(gan, images, T=20, T1=25, T2=25, lr_surrogate=1e-2, lr_latent=1e-2, lambda_adv=1e-4, seed=0):
    """Run the plain loop with torch's own RMSprop.

    Parameters
    ----------
    gan : Generator
    images : ndarray (n, c, h, w)
        Observations in [-1, 1].

    Returns
    -------
    dict
        ``images`` G(z) (n, c, h, w), ``loss`` of the last step a row, ``seconds``.
    """
    start = time.perf_counter()
    generator, observed = gan.on("cpu"), torch.as_tensor(images)
    surrogate = paper_surrogate(gan.image_shape, seed)
    draws = generator.prior.sample(1000, gan.latent_dim, torch.Generator().manual_seed(seed))
    z = draws.mean(0).repeat(len(observed), 1).requires_grad_()
    surrogate_optimiser = torch.optim.RMSprop(surrogate.parameters(), lr_surrogate)
    latent_optimiser = torch.optim.RMSprop([z], lr_latent)

    def loss():
        clean = generator.decode(z)
        fidelity = (observed - surrogate(clean)).abs().sum()
        logits = generator.discriminate(clean)
        return fidelity if logits is None else fidelity + lambda_adv * adversarial(logits).sum()

    for _ in range(T):
        for _ in range(T1):
            surrogate_optimiser.zero_grad()
            value = loss()
            value.backward()
            surrogate_optimiser.step()
        for _ in range(T2):
            latent_optimiser.zero_grad()
            value = loss()
            value.backward()
            latent_optimiser.step()
            with torch.no_grad():
                z.clamp_(-1, 1)
    with torch.no_grad():
        clean = generator.decode(z)
    return {"images": clean.numpy(), "loss": value.item() / len(observed), "seconds": time.perf_counter() - start}
