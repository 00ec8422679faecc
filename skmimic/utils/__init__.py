"""Floor 0: devices, images, batching, randomness, files."""

from ._aligned import align_layers, aligned_linear, squared_distances
from ._archives import UNREADABLE, open_archive, read_array_header
from ._batching import RowRunner, padded_size
from ._blocks import block_size, in_blocks
from ._blur import gaussian_blur
from ._byte_cache import ByteCache
from ._device import has_fast_bfloat16, is_out_of_memory, resolve_device
from ._extras import import_extra
from ._files import atomic_write, check_replaceable, naming_errors, replacing, replacing_folder
from ._folding import fold_convolutions
from ._forks import refuse_fork
from ._frozen import FrozenModule
from ._images import (
    BYTES,
    CANONICAL,
    FAINT,
    UNIT,
    Bounds,
    as_images,
    as_rows,
    background_of,
    infer_image_shape,
    is_centred,
    n_values,
)
from ._last_tensor import LastTensor
from ._layout import MOST_CHANNELS, channels_axis, is_one_picture, is_vector
from ._messages import first_line
from ._random import seeded_globally, torch_generator
from ._shield import shielded
from ._units import check_canonical, ends_of, is_far_outside, steps_of
from ._vectors import in_whole_vectors
from ._versions import Versioned, checked_state, stamped_state
from ._warnings import warn_user

__all__ = [
    "BYTES",
    "CANONICAL",
    "FAINT",
    "MOST_CHANNELS",
    "UNIT",
    "UNREADABLE",
    "Bounds",
    "ByteCache",
    "FrozenModule",
    "LastTensor",
    "RowRunner",
    "Versioned",
    "align_layers",
    "aligned_linear",
    "as_images",
    "as_rows",
    "atomic_write",
    "background_of",
    "block_size",
    "channels_axis",
    "check_canonical",
    "check_replaceable",
    "checked_state",
    "ends_of",
    "first_line",
    "fold_convolutions",
    "gaussian_blur",
    "has_fast_bfloat16",
    "import_extra",
    "in_blocks",
    "in_whole_vectors",
    "infer_image_shape",
    "is_centred",
    "is_far_outside",
    "is_one_picture",
    "is_out_of_memory",
    "is_vector",
    "n_values",
    "naming_errors",
    "open_archive",
    "padded_size",
    "read_array_header",
    "refuse_fork",
    "replacing",
    "replacing_folder",
    "resolve_device",
    "seeded_globally",
    "shielded",
    "squared_distances",
    "stamped_state",
    "steps_of",
    "torch_generator",
    "warn_user",
]
