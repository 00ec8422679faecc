"""The paper's settings, exactly."""

__all__ = ["PRESETS", "from_paper"]

STEPS = {
    "solver": "alternating",
    "loss": "l1",
    "lambda_adv": 1e-4,
    "start": "mean",
    "optimizer": "rmsprop_tf",
    "T": 20,
}
COMMON = {**STEPS, "surrogate": "paper"}
PGD = {**STEPS, "T2": 25, "lr_latent": 5e-3}
CLEANING = {**STEPS, "method": "projection", "surrogate": "identity", "lr_latent": 8e-2, "loss": "l2", "T2": 20}
PRESETS = {
    "robustness": {**COMMON, "T1": 25, "T2": 25, "lr_surrogate": 1e-2, "lr_latent": 1e-2},
    "mnist->usps": {**COMMON, "T1": 15, "T2": 15, "lr_surrogate": 1e-2, "lr_latent": 9e-3},
    "usps->mnist": {**COMMON, "T1": 25, "T2": 75, "lr_surrogate": 1e-2, "lr_latent": 8e-2},
    "defense": {**COMMON, "T1": 10, "T2": 10, "lr_surrogate": 1e-2, "lr_latent": 8e-2},
    "defense-gan": {**CLEANING, "T": 10, "lambda_adv": 0.0, "n_init": 10, "start": "random"},
    "inc": {**CLEANING, "T": 10, "lambda_adv": 0.0, "start": "random"},
    "cowboy": {**CLEANING, "T": 10, "lambda_adv": 1e-3, "n_init": 10, "start": "random"},
    "anomaly:usps->mnist": {**COMMON, "T1": 25, "T2": 75, "lr_surrogate": 1e-2, "lr_latent": 8e-2},
    "anomaly:mnist->usps": {**COMMON, "T1": 15, "T2": 15, "lr_surrogate": 1e-2, "lr_latent": 9e-3},
    "pgd": PGD,
    "resnet_pgd": {**PGD, "features": "resnet50", "feature_weight": 1e-3},
    "igan": {"loss": "l2", "n_steps": 500, "T2": 0},
    "bigan": {"loss": "l2", "T2": 0},
}


def from_paper(experiment):
    """Return the paper's settings of an experiment as keyword arguments of an estimator.

    Those of "pgd" fit `PGDProjector` and `KnownCorruptionProjector`, which learn nothing; for PGD in projector,
    detector or aligner add ``surrogate="identity"``. Those of "resnet_pgd" fit `PerceptualProjector`, of "igan"
    `EncoderProjector`, of "bigan" `BiGANProjector`, of "defense-gan", "inc" and "cowboy" `MimicDefense`. All others fit
    projector, detector and aligner, "defense" also ``MimicDefense(method="projection")``. The paper never gives T; it
    is 20 here, which makes 500 latent steps a row for PGD and ResNet + PGD, and 500 training steps for iGAN's encoder,
    which sees all of up to 128 rows at each. RMSProp is TensorFlow's.

    Parameters
    ----------
    experiment : str
        "robustness" (section 4, figures 4 to 7), "mnist->usps" and "usps->mnist" (Table 1), "defense" (Figure 9b), and
        of the defences that it is compared with "defense-gan" (200 steps, 10 restarts), "inc" (one start), "cowboy"
        (the weight of the discriminator), "anomaly:mnist->usps" and "anomaly:usps->mnist" (Table 2 refers to
        section 5.1.2, which has both), "pgd", "resnet_pgd", "igan", "bigan" (section 4).

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the experiment is unknown.

    References
    ----------
    MimicGAN, sections 4, 5.1.2, 5.2, 5.3; open points in ``docs/paper/deviations.md``.

    Examples
    --------
    >>> from skmimic import MimicDomainAligner, from_paper
    >>> MimicDomainAligner(**from_paper("usps->mnist")).T2
    75
    >>> from skmimic import PGDProjector
    >>> PGDProjector(**from_paper("pgd")).lr_latent
    0.005
    """
    if experiment not in PRESETS:
        raise ValueError(f"from_paper: {experiment!r} is unknown. Use one of {sorted(PRESETS)}.")
    return dict(PRESETS[experiment])
