"""What a defence does: the encoder that it trains, rows through it, and tensors through it with their gradient."""

import math
from dataclasses import replace

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array

from ..engine import UnrolledProjection, computing
from ..exceptions import DataRangeError, GeneratorMismatchError
from ..purification import DefenceModule, Purifier, PurifierSettings, art_preprocessor
from ..training import TrainingSettings, train_denoising_encoder
from ..utils import as_images, is_vector, resolve_device
from ._base import MimicEstimator
from ._data import distinct_rows
from ._defence_job import PurifyingJob
from ._gans import VAE
from ._gans_base import training_images
from ._projection import project_rows
from ._reporting import Printer

__all__ = ["DefenceMethods"]

WHOLE = "a defence sees whole images. Fill these pixels in, for instance by MimicGANProjector, or leave the rows out."
SLACK = 0.05  # of the range, by which rows may leave it: overshoots of a resize, not another range
VAE_STEPS, VAE_BATCH = 2500, 128  # those of the VAEs of benchmarks/defence; more were not tried
FROM_NOTHING = 4  # times the steps, for an encoder that begins with random weights: a guess, not measured
N_RESIDUAL = 1000  # clean rows, whose mean residual is known to 3 % of a row's


class DefenceMethods(OneToOneFeatureMixin, TransformerMixin, MimicEstimator):
    """Methods of `MimicDefense`, which documents the parameters."""

    # -- fit ----------------------------------------------------------------------------------------------------------

    def _first_data(self, X):
        """Validate the X of `fit`, of two rows at least."""
        rows, form = super()._first_data(X)
        check_array(rows, dtype=None, ensure_min_samples=2, estimator=self)
        return rows, form

    def _trained(self, rows, image_shape):
        """The `gan` parameter, fitted; None is a small VAE."""
        if self.gan is not None:
            return super()._trained(rows, image_shape)
        vae = VAE(
            latent_dim=32,
            width=32,
            learning_rate=1e-3,
            batch_size=VAE_BATCH,
            n_epochs=math.ceil(VAE_STEPS / max(len(rows) // VAE_BATCH, 1)),
            max_steps=VAE_STEPS,
            data_range=self.data_range,
            checkpoint=None if self.checkpoint is None else f"{self.checkpoint}.generator",
            random_state=self.random_state,
            device=self.device,
            verbose=self.verbose,
        )
        return vae.fit(rows if image_shape is None else as_images(rows, image_shape))

    def _learn_to_see(self, rows):
        """Train the encoder, and measure what it leaves of clean rows."""
        if not self.generator_.is_linear:
            self._train_encoder(rows)
        chosen = distinct_rows(rows, N_RESIDUAL, self.data_range_)
        nothing = torch.zeros(self.image_shape_)
        with computing():
            found = self._purifying_job(Purifier(self.generator_, nothing, self._settings_of_rounds()), np.float64)
            self.residual_ = self._in_units(found.mean_residual(rows[chosen]))

    def _train_encoder(self, rows):
        own = self.generator_.registered_encoder()
        n_steps = self.encoder_steps * (1 if own is not None else FROM_NOTHING)
        if not n_steps:
            if not self.generator_.has_encoder:
                raise GeneratorMismatchError(
                    f"{type(self).__name__}: {self.generator_!r} has no encoder, and encoder_steps=0 trains none. "
                    "Raise encoder_steps, or pass a VAE or a BiGAN."
                )
            return
        trained = train_denoising_encoder(
            self.generator_,
            training_images(rows, self.image_shape_, self.data_range_),
            self.noise,
            TrainingSettings(n_steps, n_steps, learning_rate=1e-3),
            device=resolve_device(self.device),
            seed=self.seed_,
            checkpoint=self.checkpoint,
            verbose=self.verbose,
        )
        self.generator_ = self.generator_.with_encoder(trained.encoder)
        self.loss_curve_ = trained.losses.numpy()[:, 0]

    @property
    def encoder_(self):
        """The encoder as a module of its own, on the CPU; None without one."""
        return self.generator_.encoder_module()

    def _check_range(self, rows):
        """Refuse rows outside the range: an attack has a budget of pixels, which are in this range."""
        if not self._has_range() or not rows.size:
            return
        low, high = self.data_range_
        slack = SLACK * (high - low)
        is_out = (rows.min(axis=1) < low - slack) | (rows.max(axis=1) > high + slack)
        if is_out.any():
            row = int(is_out.argmax())
            raise DataRangeError(
                f"{type(self).__name__}: X goes from {rows[row].min():g} to {rows[row].max():g} in row {row}, outside "
                f"the range {tuple(self.data_range_)}. Clip it, or pass data_range=(low, high) and fit again."
            )

    def _has_range(self):
        """Whether X has a black and a white: rows that are no images have none unless somebody told them."""
        return not (is_vector(self.image_shape_) and isinstance(self.data_range, str))

    def _why_whole(self):
        return WHOLE

    # -- what rows share ----------------------------------------------------------------------------------------------

    def _adapt_to(self, rows, *others):
        """Find what the rows share, and keep it."""
        if self.method == "projection":
            return super()._adapt_to(rows, *others)
        self.shared_offset_ = self._in_units(self._offset_of(rows))
        self._was_adapted = True
        return None

    def _offset_of(self, rows):
        chosen = distinct_rows(rows, self.n_adapt, self.data_range_)
        with computing():
            return self._purifying_job(self._purifier(None)).shared_offset(rows[chosen])

    def _known_offset(self):
        """The perturbation that `adapt` found, or none where none may be looked for; None where each call looks."""
        if self._was_adapted:
            return self._canonical(self.shared_offset_)
        return None if self.adapt_on == "transform" else torch.zeros(self.image_shape_)

    def _purifier(self, offset):
        residual = self._canonical(self.residual_)
        settings = self._settings_of_rounds()
        return Purifier(self.generator_, residual, settings, offset)

    def _settings_of_rounds(self):
        return PurifierSettings(self.rounds, self.row_rounds, self.row_share, self.offset)

    def _purifying_job(self, purifier, dtype=np.float32, offset=None):
        device = resolve_device(self.device)
        return PurifyingJob(purifier, offset, self.data_range_, np.dtype(dtype), self.batch_size, device)

    def _canonical(self, difference):
        """Turn a difference of images in units of X into a tensor of one in [-1, 1]."""
        low, high = self.data_range_
        return torch.as_tensor(difference * (2 / (high - low)))

    def _in_units(self, difference):
        """Turn a tensor of a difference of images in [-1, 1] into an array of one in units of X."""
        low, high = self.data_range_
        return difference.double().numpy() * ((high - low) / 2)

    # -- rows and tensors through it ----------------------------------------------------------------------------------

    def transform(self, X):
        """Clean rows.

        Parameters
        ----------
        X : array-like, as in `fit`
            Attacked or clean images. What they share is found from the rows of this call, unless `adapt` was called or
            `adapt_on` says otherwise; nothing of it is kept.

        Returns
        -------
        ndarray of the form of X

        Raises
        ------
        DataRangeError
            If a row leaves the range of `fit` by more than a twentieth.
        ValueError
            If X contains NaN.
        """
        rows, form = self._new_data(X)
        images = self._projected(rows, form.dtype) if self.method == "projection" else self._cleaned(rows, form.dtype)
        return self._in_form(images, form)

    def _cleaned(self, rows, dtype):
        known = self._known_offset()
        offset = self._offset_of(rows) if known is None else known
        job = self._purifying_job(self._purifier(offset), dtype, offset)
        arrays, batch_size = project_rows(job, rows, self.n_jobs, say=Printer(self))
        self._keep_batch_size(batch_size)
        return arrays["images"]

    def _projected(self, rows, dtype):
        """Project rows; where nothing is learned, several times from random starts, the best of each row."""
        n_starts = self.n_init if isinstance(self.surrogate, str) and self.surrogate == "identity" else 1
        best = None
        for adaptation in self._restarts(rows, n_starts):
            found = self._project(rows, adaptation, ("images", "losses"), dtype)
            best = best or found
            is_better = found["losses"] < best["losses"]
            for name, values in best.items():
                values[is_better] = found[name][is_better]
        return best["images"]

    def _restarts(self, rows, n_starts):
        adaptation = self._adaptation_for(rows)
        return [replace(adaptation, seed=self.seed_ + number) for number in range(n_starts)]

    def clean(self, images):
        """Clean a tensor of images, with the gradient through every round.

        Parameters
        ----------
        images : tensor (n, C, H, W)
            In the range of X, on any device, of a float dtype. What they share is found from all of them, as in
            `transform`.

        Returns
        -------
        tensor (n, C, H, W)

        Raises
        ------
        ValueError
            If values are not finite.
        DataRangeError
            If they leave the range of X by more than a twentieth.
        GeneratorMismatchError
            If they have another shape.
        RuntimeError
            If a gradient is asked for where torch records none, as under ``torch.no_grad()``.
        """
        module, name = self.module(), type(self).__name__
        if not isinstance(images, torch.Tensor):
            raise TypeError(f"{name}.clean: expected a tensor, got {type(images).__name__}. transform takes arrays.")
        if images.requires_grad and not torch.is_grad_enabled():
            raise RuntimeError(
                f"{name}.clean: images ask for a gradient, but torch records none here (no_grad or inference_mode). "
                "Call it outside, or pass images.detach()."
            )
        if not bool(torch.isfinite(images).all()):
            raise ValueError(f"{name}.clean: images contain NaN or infinity. Look at the step that made them.")
        if len(images) and self._has_range():
            self._check_range(images.detach().flatten(1).cpu().numpy())
        return module(images)

    def module(self, group_size=None):
        """Return the defence as a module to put before a classifier.

        Parameters
        ----------
        group_size : int or None, default=None
            Rows that share a perturbation; None takes all rows of a call as one group.

        Returns
        -------
        torch.nn.Module
            Images (n, C, H, W) in the range of X to clean ones, differentiable, without parameters to train; works on
            the device of the images.
        """
        self._check_ready()
        core = self._unrolled() if self.method == "projection" else self._purifier(self._known_offset())
        return DefenceModule(core, self.image_shape_, self.data_range_, group_size)

    def _unrolled(self):
        """Algorithm 1 with a gradient; what `adapt` has learned is held."""
        settings, known = self._settings(), self._was_adapted or self.adapt_on != "transform"
        surrogate = self.surrogate_.to_torch().requires_grad_(False) if known else self.surrogate
        return UnrolledProjection(self.generator_, settings, surrogate, self.seed_)

    def to_art(self, gradient="exact", group_size=100):
        """Return the defence as a preprocessor of the Adversarial Robustness Toolbox (extra ``attacks``).

        Parameters
        ----------
        gradient : {"exact", "bpda"}, default="exact"
            How attacks of the toolbox differentiate it: through every round, or as if it were the identity, which
            flatters a defence.
        group_size : int or None, default=100
            Rows that share a perturbation. The toolbox hands over whole arrays when it predicts, batches when it
            attacks: attack with a ``batch_size`` that is a multiple of it.

        Returns
        -------
        art.preprocessing.preprocessing.PreprocessorPyTorch
            For ``preprocessing_defences`` of ``PyTorchClassifier``, whose `clip_values` must be the range of X.

        Raises
        ------
        MissingExtraError
            If the toolbox is not installed.
        """
        device = "gpu" if resolve_device(self.device).type == "cuda" else "cpu"
        return art_preprocessor(self.module(group_size), gradient, device)

    def __sklearn_tags__(self):
        """Say that NaN is refused."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags
