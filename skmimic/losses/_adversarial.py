"""The adversarial term L_adv of the paper (section 3.1.2, b)."""

import torch.nn.functional as F

__all__ = ["adversarial"]


def adversarial(logits):
    """Compute ``log(1 - D(G(z)))`` of each row from the discriminator's logits.

    Parameters
    ----------
    logits : tensor (n,)
        ``D = sigmoid(logits)`` is the probability of being real.

    Returns
    -------
    tensor (n,)
        At most zero; the more real an image looks the lower.

    References
    ----------
    MimicGAN, section 3.1.2, L_adv. From logits ``log(1 - sigmoid(l)) = log sigmoid(-l)``, which is never infinite;
    unlike softplus it gives a row the same bits wherever it stands.
    """
    return F.logsigmoid(-logits)
