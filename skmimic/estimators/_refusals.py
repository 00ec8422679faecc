"""What is no array of images is refused with the line that makes one of it."""

import os
from collections.abc import Iterator, Mapping

from torch.utils.data import DataLoader, Dataset

__all__ = ["is_opaque", "is_picture", "listed", "n_axes", "refuse_items", "refuse_source", "with_article"]

OPEN = 'PIL.Image.open({}).convert("L")'
COLOUR = 'or convert("RGB") for images in colour'


def refuse_source(subject, X):
    """Refuse what holds images without being an array or a list of them.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : object

    Raises
    ------
    TypeError
        If X is one picture, a file name, a dict of columns, a data set, a loader or an iterator.
    """
    if is_picture(X):
        raise TypeError(f"{subject}: X is one picture, expected an array or a list of images. Pass [X].")
    if isinstance(X, (str, os.PathLike)):
        raise TypeError(f"{subject}: X is {_text(X)}, expected an array or a list of images. {_load_one(X)}")
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # sparse matrices by keys have one
        raise TypeError(f"{subject}: X is {with_article(X)} of columns, expected images. {_of_columns(X)}")
    if _is_table_of_rows(X):
        raise TypeError(
            f"{subject}: X is {with_article(X)}, a table of rows, expected an array or a list of images. "
            f"{_of_rows(next(iter(X), {}))}"
        )
    if isinstance(X, (Dataset, DataLoader, Iterator)):
        raise TypeError(f"{subject}: X is {with_article(X)}, expected an array or a list of images. {_of_loader(X)}")


def refuse_items(subject, X):
    """Refuse lists of what is no image: pairs with labels, file names, rows of a table.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : list or tuple, not empty

    Raises
    ------
    TypeError
    """
    first = X[0]
    if isinstance(first, Mapping):
        raise TypeError(f"{subject}: X[0] is {with_article(first)}, expected an image. {_of_rows(first)}")
    if isinstance(first, (str, os.PathLike)):
        raise TypeError(f"{subject}: X[0] is {_text(first)}, expected an image. {_load_each(first)}")
    if isinstance(first, bytes):
        cure = f"[{OPEN.format('io.BytesIO(item)')} for item in X], {COLOUR}"
        raise TypeError(f"{subject}: X[0] is bytes, expected an image. If these are files of pictures, pass {cure}.")
    if _is_labelled(first):
        cure = f"X holds images with their labels, {type(first).__name__}s. Pass [item[0] for item in X]"
        raise TypeError(f"{subject}: {cure}.")
    if len(X) == 2 and n_axes(first) >= 2 and (X[1] is None or n_axes(X[1]) == 1):
        cure = "X is a pair of images and labels, (X, y). Pass X[0], and X[1] as y where labels are wanted"
        raise TypeError(f"{subject}: {cure}.")


def is_opaque(item):
    """Whether the first item of an array of objects tells that these are no numbers but items of a list."""
    return isinstance(item, (Mapping, str, bytes, os.PathLike)) or _is_labelled(item)


def is_picture(item):
    """Whether an item is a picture of Pillow, which need not be installed."""
    return hasattr(item, "getbands") and hasattr(item, "mode")


def _is_labelled(item):
    """Whether an item of a list is a pair of an image and a label."""
    is_pair = isinstance(item, (list, tuple)) and len(item) > 1
    return is_pair and n_axes(item[0]) >= 1 and not isinstance(item[0], (list, tuple)) and n_axes(item[1]) == 0


def n_axes(item):
    """How many axes an item has; lists are looked into, a picture has two."""
    if isinstance(item, (list, tuple)):
        return 1 + (n_axes(item[0]) if len(item) else 0)
    return 2 if is_picture(item) else getattr(item, "ndim", 0)


def _is_table_of_rows(X):
    """Whether X is a data set of Hugging Face, which need not be installed; tables that numpy reads are none."""
    return hasattr(X, "column_names") and hasattr(X, "__iter__") and not hasattr(X, "__array__")


def _of_rows(row):
    """Say how to take the images out of rows that have keys."""
    key = _image_key(row)
    if key is None:
        return f"Its keys are {listed(row)}. Pass [row[key] for row in X] with the key that holds the images."
    return f"Its key {key!r} holds the image: pass [row[{key!r}] for row in X]."


def _of_columns(columns):
    """Say which column holds the images."""
    key = _image_key(columns, fewest_axes=2)
    if key is None:
        return f"Its keys are {listed(columns)}. Pass X[key] with the key that holds the images."
    return f"Its key {key!r} holds images: pass X[{key!r}]."


def _image_key(items, fewest_axes=1):
    """The key whose item is most like images: pictures or arrays, of most axes; None where none has enough axes."""
    enough = [key for key in items if n_axes(items[key]) >= fewest_axes]
    return max(enough, key=lambda key: (_holds_pictures(items[key]), n_axes(items[key])), default=None)


def _holds_pictures(item):
    """Whether an item is, or lists, pictures or arrays of two axes; boxes and outlines are lists of numbers."""
    while isinstance(item, (list, tuple)) and len(item):
        item = item[0]
    return n_axes(item) >= 2


def listed(names, most=5):
    """Name the first of several things."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def with_article(item):
    """Name the class of an object: "a list", "an ndarray"."""
    name = type(item).__name__
    return f"{'an' if name[0].lower() in 'aeio' or name.startswith('nd') else 'a'} {name}"


def _text(path):
    return f"the {'text' if isinstance(path, str) else 'path'} {str(path)!r}"


def _load_one(path):
    if _suffix(path) in (".npy", ".npz"):
        return f"If it names a file, pass np.load(X){'[name]' if _suffix(path) == '.npz' else ''}."
    if not _suffix(path):
        each = OPEN.format("path")
        return f"If it names a folder, pass [{each} for path in sorted(pathlib.Path(X).iterdir())], {COLOUR}."
    return f"If it names a picture, pass [{OPEN.format('X')}], {COLOUR}."


def _load_each(path):
    if _suffix(path) == ".npy":
        return "If these are file names, pass [np.load(path) for path in X]."
    return f"If these are file names, load the pictures: pass [{OPEN.format('path')} for path in X], {COLOUR}."


def _suffix(path):
    return os.path.splitext(os.fspath(path))[1].lower()


def _of_loader(X):
    if isinstance(X, DataLoader):
        return "Pass torch.cat([batch[0] for batch in loader]), or without [0] where batches are tensors."
    if isinstance(X, Dataset):
        return "Pass torch.stack([item[0] for item in dataset]), or without [0] where items are tensors."
    return "Pass list(X), or [item[0] for item in X] where its items are pairs."  # to look would take one away
