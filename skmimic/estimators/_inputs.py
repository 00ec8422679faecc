"""Everything that can be an array of images, made one: tensors, and lists of arrays, tensors or pictures."""

import numpy as np
import torch
from torch.masked import MaskedTensor

from ..exceptions import DataRangeError, GeneratorMismatchError
from ..utils import first_line
from ._refusals import is_opaque, is_picture, n_axes, refuse_items, refuse_source

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
    DataRangeError
        If images of a list are of several types, such as bytes and floats.
    GeneratorMismatchError
        If images of a list differ in shape or mode, or have a mode that is no brightness. The first is named.
    TypeError
        If X is a data set, a loader, an iterator, a table or one picture, holds labels beside its images, names files,
        holds times, or is a tensor without values or with most of them left out.
    """
    X = _unmasked(X)
    refuse_source(subject, X)
    if torch.is_tensor(X):
        return _of_tensor(subject, X)
    if getattr(X, "ndim", 1) == 1 and hasattr(X, "to_numpy") and not hasattr(X, "columns"):  # a series, no frame
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.dtype.kind in "OSU" and X.ndim == 1 and len(X):
        X = list(X) if n_axes(X[0]) or is_opaque(X[0]) else X
    if isinstance(X, (list, tuple)) and len(X):
        refuse_items(subject, X)
        X = _stacked(subject, X) if _is_image(X[0]) else _even(subject, X)
    _refuse_times(subject, X)
    return np.asarray(X) if len(getattr(X, "shape", ())) > 2 else X  # images of other array libraries


def _refuse_times(subject, X):
    """Refuse times and spans of time, which scikit-learn takes for numbers."""
    kinds = {getattr(dtype, "kind", "") for dtype in getattr(X, "dtypes", (getattr(X, "dtype", None),))}
    if kinds and kinds <= {"m", "M"}:
        name = getattr(X, "dtype", None) or next(iter(X.dtypes))
        raise TypeError(f"{subject}: X is {name}, times, expected the values of pixels. Pass numbers.")


def _even(subject, X):
    """Return lists of numbers, whose lengths must be the same."""
    lengths = [len(row) if isinstance(row, (list, tuple)) else None for row in X]
    for index, length in enumerate(lengths):
        if None not in (length, lengths[0]) and length != lengths[0]:
            raise GeneratorMismatchError(
                f"{subject}: X[{index}] has {length} values, X[0] {lengths[0]}. Bring all rows to one length."
            )
    return X


def _unmasked(X):
    """Put NaN where a masked array masks; integers then become float32."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if not np.ma.is_masked(X):
        return X.data
    return (X if X.dtype.kind == "f" else X.astype(np.float32)).filled(np.nan)


def _of_tensor(subject, tensor, name="X"):
    """Copy a tensor into an array, without its gradient, whatever its layout and type, or say how to make it one."""
    if tensor.is_nested:  # its images may differ in shape, which is told as of a list
        return _stacked(subject, list(tensor.unbind()))
    if tensor.layout not in (torch.strided, torch.jagged, torch._mkldnn):
        raise TypeError(
            f"{subject}: {name} is a sparse tensor, but dense data is required. Pass {name}.to_dense(), in which every "
            "value that is not stored is 0."
        )
    if tensor.is_meta:
        raise TypeError(f"{subject}: {name} is a tensor on the device 'meta', which holds no values. Load them first.")
    try:
        return _plain(tensor)
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(
            f"{subject}: {name} is a tensor that numpy cannot hold ({first_line(error)}). Pass a dense tensor of "
            "float32 or uint8, or an array."
        ) from error


def _plain(tensor):
    """Bring a tensor into a form that numpy shares."""
    if isinstance(tensor, MaskedTensor):
        data, mask = tensor.get_data().detach().cpu().numpy(), tensor.get_mask().cpu().numpy()
        return _unmasked(np.ma.masked_array(data, ~mask))
    tensor = tensor.detach().cpu()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy()


def _is_image(item):
    """Whether an item of a list is a picture, a tensor, an array with axes, or a list of lists."""
    if is_picture(item) or torch.is_tensor(item):
        return True
    is_nested = isinstance(item, (list, tuple)) and len(item) and isinstance(item[0], (list, tuple, np.ndarray))
    return is_nested or (isinstance(item, np.ndarray) and item.ndim > 0)


def _stacked(subject, items):
    """Stack images of one shape."""
    for index, item in enumerate(items):
        if is_picture(item):
            _check_mode(subject, index, item, items[0])
    arrays = [_as_image(subject, index, item) for index, item in enumerate(items)]
    for index, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise GeneratorMismatchError(
                f"{subject}: X[{index}] has the shape {array.shape}, X[0] {arrays[0].shape}. Bring all images to one "
                "shape, for instance with skmimic.datasets.resize_images."
            )
        if not _is_of_one_type(array.dtype, arrays[0].dtype):
            raise DataRangeError(
                f"{subject}: X[{index}] is {array.dtype}, X[0] {arrays[0].dtype}, which usually means other values of "
                "black and white. Bring all images to one type and range."
            )
    return np.stack(arrays)


def _is_of_one_type(first, second):
    """Whether two dtypes have the same black and white: integers of one width, or floats of any."""
    return first.kind == second.kind and (first.kind not in "iu" or first.itemsize == second.itemsize)


def _check_mode(subject, index, picture, first):
    """Refuse pictures whose values are no brightness, and mixtures of modes."""
    if picture.mode not in MODES:
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is a picture of mode {picture.mode!r}, whose values are not grey or RGB. Convert "
            f'all pictures, picture.convert("RGB") or picture.convert("L").'
        )
    if is_picture(first) and picture.mode != first.mode:
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is a picture of mode {picture.mode!r}, X[0] of mode {first.mode!r}. Convert all "
            f"pictures to one, picture.convert({first.mode!r})."
        )


def _as_image(subject, index, item):
    """Make an array of one image."""
    try:
        return _of_tensor(subject, item, f"X[{index}]") if torch.is_tensor(item) else np.asarray(_unmasked(item))
    except ValueError as error:  # of a list whose parts have different lengths
        raise GeneratorMismatchError(
            f"{subject}: X[{index}] is no image: {error}. Pass arrays (H, W), (C, H, W) or (H, W, C)."
        ) from error
