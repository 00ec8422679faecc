"""Everything that can be an array of images, made one: tensors, and lists of arrays, tensors or pictures."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..exceptions import DataRangeError, GeneratorMismatchError

__all__ = ["as_array"]

MODES = ("L", "RGB", "1", "F", "I", "I;16")  # of Pillow's pictures, whose values are brightness


def as_array(subject, X):
    """Stack lists of images; what is no list of images is returned itself, for scikit-learn to judge.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : array-like, tensor, sequence or series of arrays, tensors or pictures (PIL)

    Returns
    -------
    array-like

    Raises
    ------
    GeneratorMismatchError
        If images of a list differ in shape or mode, or have a mode that is no brightness. The first is named.
    TypeError
        If X is a data set, a loader, an iterator or one picture, or holds labels beside its images.
    """
    X = _unmasked(X)
    if _is_picture(X):
        raise TypeError(f"{subject}: X is one picture, expected an array or a list of images. Pass [X].")
    if isinstance(X, (Dataset, DataLoader, Iterator)):
        raise TypeError(_refusal(subject, X))
    if torch.is_tensor(X):
        return _of_tensor(X)
    if getattr(X, "ndim", 1) == 1 and hasattr(X, "to_numpy"):  # a series
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1 and len(X):
        X = list(X) if _is_image(X[0]) or _is_labelled(X[0]) else X
    if isinstance(X, (list, tuple)) and len(X):
        _refuse_labels(subject, X)
    if isinstance(X, (list, tuple)) and len(X) and _is_image(X[0]):
        return _stacked(subject, X)
    return np.asarray(X) if len(getattr(X, "shape", ())) > 2 else X  # images of other array libraries


def _unmasked(X):
    """Put NaN where a masked array masks; integers then become float32."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if not np.ma.is_masked(X):
        return X.data
    return (X if X.dtype.kind == "f" else X.astype(np.float32)).filled(np.nan)


def _refusal(subject, X):
    """Say how to make an array of what is none."""
    if isinstance(X, DataLoader):
        cure = "torch.cat([batch[0] for batch in loader]), or without [0] where batches are tensors"
    elif isinstance(X, Dataset):
        cure = "torch.stack([item[0] for item in dataset]), or without [0] where items are tensors"
    else:
        cure = "list(X), or [item[0] for item in X] where its items are pairs"  # to look would take one away
    return f"{subject}: X is a {type(X).__name__}, expected an array or a list of images. Pass {cure}."


def _refuse_labels(subject, X):
    """Say where the images are in a list of pairs (image, label), and in a pair (X, y)."""
    if _is_labelled(X[0]):
        cure = f"X holds images with their labels, {type(X[0]).__name__}s. Pass [item[0] for item in X]"
    elif len(X) == 2 and _n_axes(X[0]) >= 2 and (X[1] is None or _n_axes(X[1]) == 1):
        cure = "X is a pair of images and labels, (X, y). Pass X[0], and X[1] as y where labels are wanted"
    else:
        return
    raise TypeError(f"{subject}: {cure}.")


def _is_labelled(item):
    """Whether an item of a list is a pair of an image and a label."""
    is_pair = isinstance(item, (list, tuple)) and len(item) > 1
    return is_pair and _n_axes(item[0]) >= 1 and not isinstance(item[0], (list, tuple)) and _n_axes(item[1]) == 0


def _n_axes(item):
    """How many axes an item has; lists are looked into, a picture has two."""
    if isinstance(item, (list, tuple)):
        return 1 + (_n_axes(item[0]) if len(item) else 0)
    return 2 if _is_picture(item) else getattr(item, "ndim", 0)


def _of_tensor(tensor):
    """Copy a tensor into an array, without its gradient; numpy has no bfloat16."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _is_image(item):
    """Whether an item of a list is a picture, a tensor, or has more than one axis."""
    if _is_picture(item) or torch.is_tensor(item):
        return True
    is_nested = isinstance(item, (list, tuple)) and len(item) and isinstance(item[0], (list, tuple, np.ndarray))
    return is_nested or (isinstance(item, np.ndarray) and item.ndim > 1)


def _is_picture(item):
    """Whether an item is a picture of Pillow, which need not be installed."""
    return hasattr(item, "getbands") and hasattr(item, "mode")


def _stacked(subject, items):
    """Stack images of one shape."""
    for index, item in enumerate(items):
        if _is_picture(item):
            _check_mode(subject, index, item, items[0])
    arrays = [_as_image(subject, index, item) for index, item in enumerate(items)]
    for index, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise GeneratorMismatchError(
                f"{subject}: X[{index}] has the shape {array.shape}, X[0] {arrays[0].shape}. Bring all images to one "
                "shape, for instance with skmimic.datasets.resize_images."
            )
        if array.dtype.kind != arrays[0].dtype.kind:
            raise DataRangeError(
                f"{subject}: X[{index}] is {array.dtype}, X[0] {arrays[0].dtype}, which usually means other values of "
                "black and white. Bring all images to one type and range."
            )
    return np.stack(arrays)


def _check_mode(subject, index, picture, first):
    """Refuse pictures whose values are no brightness, and mixtures of modes."""
    if picture.mode not in MODES:
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is a picture of mode {picture.mode!r}, whose values are not grey or RGB. Convert "
            f'all pictures, picture.convert("RGB") or picture.convert("L").'
        )
    if _is_picture(first) and picture.mode != first.mode:
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is a picture of mode {picture.mode!r}, X[0] of mode {first.mode!r}. Convert all "
            f"pictures to one, picture.convert({first.mode!r})."
        )


def _as_image(subject, index, item):
    """Make an array of one image."""
    try:
        return _of_tensor(item) if torch.is_tensor(item) else np.asarray(_unmasked(item))
    except ValueError as error:  # of a list whose parts have different lengths
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is no image: {error}. Pass arrays (H, W), (C, H, W) or (H, W, C)."
        ) from error
