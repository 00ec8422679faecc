"""Height, width and colours that a folder of pictures has by itself."""

from ._console import CommandError
from ._pictures import decoded, import_pillow, pictures_in

__all__ = ["shape_of_pictures"]


def shape_of_pictures(folder, size=None):
    """Tell the shape to which all pictures of a folder are brought.

    Parameters
    ----------
    folder : pathlib.Path
    size : tuple (H, W) or None, default=None
        None takes that of the pictures.

    Returns
    -------
    tuple (C, H, W)
        Grey if all are grey, else RGB.

    Raises
    ------
    CommandError
        If a picture cannot be read, or they differ in size and none is given.
    """
    pillow, sizes, n_channels = import_pillow(), {}, 1
    for path in pictures_in(folder)[0]:
        values = decoded(pillow, path)[0].values
        sizes.setdefault(values.shape[:2], path.name)
        n_channels = max(n_channels, 1 if values.ndim == 2 else 3)
    if size is None and len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise CommandError(
            f"{folder}: its pictures differ in size, {first} has {one[0]}x{one[1]} pixels (height x width), {second} "
            f"{other[0]}x{other[1]}. Pass --size HEIGHTxWIDTH, to which all are brought."
        )
    return (n_channels, *(size or next(iter(sizes))))
