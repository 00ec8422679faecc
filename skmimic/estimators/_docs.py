"""Parameter descriptions that the estimators share, written once and put into their docstrings."""

__all__ = ["with_baseline_parameters", "with_shared_parameters"]

SHARED = """gan : Generator, torch.nn.Module, pair (G, D), DCGAN, VAE, BiGAN, decomposition, str or None, default=None
        Generator of clean images (paper: G, with discriminator D). An unfitted estimator is cloned and trained on the X
        of `fit`; a string is a bundled name, see `skmimic.load_gan`; None makes a linear generator of the X of `fit`.
    surrogate : str, Surrogate or callable, default="auto"
        Model of the corruption (paper: f^). "auto" takes the smallest family that explains the rows; a string such as
        "affine+photometric+convolution+mask" names parts in order, "identity" none (PGD, Eq. 3), "paper" Figure 3; a
        callable takes the image shape and returns a ``torch.nn.Module``. With "alternating", "auto" is "paper". Numbers
        of an instance that do not ask for gradients are held.
    solver : {"auto", "alternating", "joint", "amortized", "closed_form"}, default="auto"
        "alternating" is Algorithm 1; "joint" moves latents and surrogate together; "amortized" also trains an encoder
        on pairs that the learned corruption makes. "auto" is amortized from 500 rows on, from 5,000 for images of more
        than 32x32 pixels, else joint. "closed_form" is least squares, or the likeliest latents where the corruption
        hides much: linear generators are solved so whatever the solver, unless it is "alternating". No others can be.
    T : int, default=20
        Rounds. The joint and amortized solvers learn the surrogate in T * T1 steps.
    T1 : int, default=25
        Surrogate steps a round.
    T2 : int, default=25
        Latent steps a round. A row is projected in at most T * T2 steps, in T2 after an encoder start; see `optimizer`.
    lr_surrogate : float, default=1e-2
        Learning rate of the surrogate (paper: gamma_s).
    lr_latent : float, default=5e-2
        Learning rate of the latents (paper: gamma_g). "alternating" keeps it in `transform`, too, as Algorithm 1 does;
        elsewhere that of a first-order optimiser falls there to a twentieth.
    lambda_adv : float, default=0.0
        Weight of the adversarial term (Eq. 4; 1e-4 in the paper). Above 0 it costs a pass through the discriminator a
        step.
    loss : {"charbonnier", "l1", "l2"} or callable, default="charbonnier"
        Fidelity of a row (paper: l1). A callable takes two tensors (n, c, h, w) in [-1, 1] and returns (n,).
    n_init : int, default=1
        How often the corruption is estimated; the lowest objective wins.
    adapt_on : {"fit", "transform"} or None, default=%(adapt_on)s
        Which call estimates the corruption. None: only `adapt`.
    n_adapt : int, default=%(n_adapt)s
        Rows at most from which the corruption is estimated and the encoder trained, chosen by content.
    start : {"auto", "mean", "zero", "nearest", "random", "encoder"}, default="auto"
        First latents: the paper's mean of 1,000 draws, zero, the nearest of 4,000 draws under the present surrogate, a
        random draw, or a trained encoder. "auto" is "mean" for the alternating solver, "encoder" for the amortized
        one, else the generator's own encoder where it has one and the corruption can be undone, else "nearest".
    optimizer : {"auto", "lbfgs", "adam", "rmsprop", "rmsprop_tf"}, default="auto"
        "auto" is TensorFlow's RMSProp for the alternating solver, Adam with stochastic clipping, else L-BFGS with a
        memory for each row. With "lbfgs" a row takes at most T * T2 / 3 steps, T2 / 2 after an encoder, which go
        further, and what moves together with a surrogate moves by Adam.
    stochastic_clipping : bool, default=False
        Draw latent coordinates that leave their range anew instead of clipping them; not with ``optimizer="lbfgs"``.
    image_shape : tuple (C, H, W) or None, default=None
        Of the images in X; None takes it from the generator, else from the form of X. Images come as rows (n, C*H*W),
        as (n, H, W), (n, C, H, W) or (n, H, W, C), or as a list of arrays, tensors or pictures (PIL), in `fit` and
        after it; they must have this shape in all of these forms, and answers come in the form of X. Where nothing
        else tells, the last axis holds the channels if it has at most four entries and the second axis has more.
    data_range : "auto" or tuple (low, high), default="auto"
        Values of black and white in X. "auto": with a linear generator that was not told its range what X spans, as
        both are in the same units; otherwise 0 to 255 for uint8, else the one usual range that holds X (0 to 1, -1 to
        1, 0 to 255) or that of the generator, with a warning where both could be meant. Other values are refused.
    batch_size : int, default=256
        Rows projected at a time, at least 4. Results do not depend on the neighbours of a row.
    device : str or torch.device, default="auto"
        "auto" takes CUDA when there is one.
    n_jobs : int or None, default=None
        Workers that project rows, through joblib's present backend.
    random_state : int, RandomState or None, default=None
        Seed of all random draws. Tones, blurs, convolutions and encoders that are learned have other bits on another
        number of torch's threads, all else the same.
    verbose : int, default=0
        Whether to report progress on standard error."""

DATA = """image_shape : tuple (C, H, W) or None, default=None
    data_range : "auto" or tuple (low, high), default="auto"
    batch_size : int, default=%(batch_size)s
    device : str or torch.device, default="auto"
    n_jobs : int or None, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        As in `MimicGANProjector`."""

STEPS = f"""loss : {{"charbonnier", "l1", "l2"}} or callable, default="charbonnier"
    optimizer : {{"auto", "lbfgs", "adam", "rmsprop", "rmsprop_tf"}}, default="auto"
    stochastic_clipping : bool, default=False
    {DATA}"""

TEXTS = {
    "descent": f"""solver : {{"joint", "alternating", "amortized", "closed_form", "auto"}}, default="joint"
        As in `MimicGANProjector`; only the latents move.
    T, T2 : int, default=20 and 25
        At most T * T2 latent steps, a third of them with "lbfgs".
    lr_latent : float, default=5e-2
        Learning rate of the latents, with "lbfgs" the root mean square of the first step; 5e-3 in the paper.
    lambda_adv : float, default=0.0
    loss : {{"charbonnier", "l1", "l2"}} or callable, default="charbonnier"
    start : {{"auto", "mean", "zero", "nearest", "random", "encoder"}}, default="auto"
    optimizer : {{"auto", "lbfgs", "adam", "rmsprop", "rmsprop_tf"}}, default="auto"
    stochastic_clipping : bool, default=False
    {DATA}""",
    "refinement": f"""T2 : int, default=0
        Latent steps from where the encoder puts a row, half of them with "lbfgs"; 0 takes G(E(Y)), as in the paper.
    lr_latent : float, default=5e-2
        Learning rate of these steps, of which 0.4 is taken after an encoder.
    lambda_adv : float, default=0.0
    {STEPS}""",
    "attributes": """generator_ : Generator
    surrogate_ : FittedSurrogate
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
    trace_ : OptimizationTrace
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.""",
}


def with_baseline_parameters(batch_size="256"):
    """Decorate a baseline: put the shared texts where its docstring names them, such as ``%(descent)s``.

    Parameters
    ----------
    batch_size : str
        Default of this parameter.

    Returns
    -------
    callable
    """

    def decorate(cls):
        for name, text in TEXTS.items():
            if cls.__doc__ is not None:  # absent under python -OO
                cls.__doc__ = cls.__doc__.replace(f"%({name})s", text.replace("%(batch_size)s", batch_size))
        return cls

    return decorate


def with_shared_parameters(adapt_on, n_adapt="1000"):
    """Decorate an estimator: put the shared parameters where its docstring says ``%(shared)s``.

    Parameters
    ----------
    adapt_on, n_adapt : str
        Defaults of these parameters, as they read in Python.

    Returns
    -------
    callable
    """

    def decorate(cls):
        if cls.__doc__ is not None:  # absent under python -OO
            cls.__doc__ = cls.__doc__.replace("%(shared)s", SHARED % {"adapt_on": adapt_on, "n_adapt": n_adapt})
        return cls

    return decorate
