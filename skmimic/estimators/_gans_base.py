"""What DCGAN, VAE and BiGAN have in common: all but the training itself."""

import os
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from ..generators import Generator, as_prior
from ..training import TrainingSettings
from ..utils import (
    BYTES,
    CANONICAL,
    Versioned,
    as_images,
    as_rows,
    infer_image_shape,
    is_vector,
    refuse_fork,
    resolve_device,
    shielded,
)
from ..utils._sklearn import Interval, StrOptions, _fit_context
from ._data import (
    canonical_images,
    check_image_shape,
    valid_rows,
)
from ._drafts import all_or_nothing
from ._gans_file import FITTED, described, restored
from ._huge import refuse_far
from ._layout import as_came, known_image_shape
from ._parameters import CheckedParameters
from ._ranges import RangeMemory, choose_data_range

__all__ = ["TrainedGenerator", "training_images"]

TRAINING = (
    "a generator is trained on whole images. Leave these rows out, or fill them in by a projector whose generator is "
    "trained already."
)


class TrainedGenerator(Versioned, CheckedParameters, metaclass=ABCMeta):
    """Base class of estimators that train a generator on X; its parameters are documented there."""

    _parameter_constraints: ClassVar[dict] = {
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "prior": [StrOptions({"auto", "uniform", "normal"})],
        "image_shape": "no_validation",  # by CheckedParameters
        "data_range": [StrOptions({"auto"}), "array-like"],
        "mixed_precision": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "device": [str, torch.device],
        "verbose": ["verbose"],
    }

    _default_prior = "uniform"

    def __init__(
        self,
        latent_dim=64,
        *,
        width=64,
        n_epochs=20,
        max_steps=None,
        batch_size=128,
        learning_rate=2e-4,
        ema_decay=0.999,
        prior="auto",
        image_shape=None,
        data_range="auto",
        mixed_precision=False,
        checkpoint=None,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.latent_dim = latent_dim
        self.width = width
        self.n_epochs = n_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ema_decay = ema_decay
        self.prior = prior
        self.image_shape = image_shape
        self.data_range = data_range
        self.mixed_precision = mixed_precision
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @abstractmethod
    def _train(self, images, *arguments, **options):
        """Return TrainedNetworks."""

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train on images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Images, at least two, or a list of arrays, tensors or pictures (PIL); rows hold their C*H*W values. The last
            axis holds the channels if it has at most four entries and the second axis has more, unless `image_shape`
            says otherwise. uint8, float32 or float64; other types are converted to float32.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If `image_shape` does not fit X.
        ValueError
            If X contains NaN or infinity.
        DataRangeError
            If `data_range` is "auto" and X is in no usual range.
        NotFiniteError
            If the training diverges.
        InvalidModelFileError
            If the file that `checkpoint` names is damaged, or is no checkpoint.

        Warns
        -----
        CollapseWarning
            If the trained generator gives nearly one image.
        ConvergenceWarning
            If its images are noise or blank beside X, as after few steps.
        DataRangeWarning
            If X leaves `data_range`, or some of its rows look as if they were in another range.
        """
        refuse_fork()
        known = known_image_shape(self.image_shape, None)
        rows, form = valid_rows(self, X, reset=True, image_shape=known, whole=TRAINING)
        check_array(rows, dtype=None, ensure_min_samples=2, estimator=self)
        names = getattr(self, "feature_names_in_", None)
        told = check_image_shape(type(self).__name__, self.image_shape, form, rows, names)
        self.image_shape_ = told or infer_image_shape(rows.shape[1])
        is_open = is_vector(self.image_shape_)
        self.data_range_ = choose_data_range(type(self).__name__, self.data_range, rows, is_open=is_open)
        self._sample_shape = form.shape
        refuse_far(type(self).__name__, rows, self.data_range_)
        if not is_open:
            RangeMemory.of(self.data_range_, rows).check_mixed(type(self).__name__, rows)
        settings = TrainingSettings(
            self.n_epochs, self.max_steps, self.batch_size, self.learning_rate, self.ema_decay, self.mixed_precision
        )
        description = described(self)  # before the training, which an error in it must not cost
        images = training_images(rows, self.image_shape_, self.data_range_)
        prior = as_prior(self._default_prior if self.prior == "auto" else self.prior)
        networks = self._train(images, self.latent_dim, self.width, prior, settings, **self._run_options())
        self.generator_ = Generator.from_modules(
            networks.generator,
            networks.discriminator,
            networks.encoder,
            prior=prior,
            name=type(self).__name__,
            notes={FITTED: {**description, "n_iter": networks.n_steps}},
        )
        self.loss_curve_ = networks.losses.numpy()
        self.n_iter_ = networks.n_steps
        return self

    def sample(self, n, random_state=None):
        """Draw images from the trained generator.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n, n_features) or (n, ...)
            float32, in the form and in the range of the X of `fit`.
        """
        check_is_fitted(self)
        images = CANONICAL.convert(self.generator_.sample(n, random_state), self.data_range_)
        return as_came(as_rows(images), self._sample_shape, self.image_shape_)

    def save(self, path, *, half=False):
        """Write the fitted generator as one file, which `load` and `Generator.load` read.

        Parameters
        ----------
        path : str or path-like
        half : bool, default=False
            Store the weights as float16, half the size.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If nothing was trained yet.
        ValueError
            If `path` is the file that `checkpoint` names, which would be lost.
        """
        check_is_fitted(self)
        both = path, self.checkpoint
        if self.checkpoint is not None and all(map(os.path.exists, both)) and os.path.samefile(*both):
            raise ValueError(
                f"{type(self).__name__}.save: {path} is the checkpoint, from which the training can go on. Save the "
                "generator under another name."
            )
        self.generator_.save(path, half=half)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote: a fitted estimator. Nothing in the file is imported or executed.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        estimator
            Of this class, with the parameters that shaped the training; without `loss_curve_` and the names of the
            features, which the file does not hold.

        Raises
        ------
        InvalidModelFileError
            If the file is damaged, hostile, or holds something else.
        FileNotFoundError
            If there is none.
        """
        return restored(cls, path)

    def _run_options(self):
        resuming = self.checkpoint is not None and Path(self.checkpoint).exists()
        fresh = self.random_state is not None or not resuming
        return {
            "device": resolve_device(self.device),
            "seed": int(check_random_state(self.random_state).randint(2**31 - 1)) if fresh else None,
            "checkpoint": self.checkpoint,
            "verbose": self.verbose,
        }


@shielded()
def training_images(rows, image_shape, data_range):
    """Turn rows into images as training wants them; bytes stay bytes, a quarter of the memory of floats."""
    if rows.dtype == np.uint8 and data_range == BYTES:
        return torch.tensor(as_images(rows, image_shape))
    return canonical_images(rows, image_shape, data_range, torch.float64).float()
