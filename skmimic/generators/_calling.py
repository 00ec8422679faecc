"""How a module wants to be called: found by one probe each, then repeated exactly."""

import functools
from collections.abc import Mapping

import torch
from torch import nn

from ..exceptions import GeneratorMismatchError
from ..utils import as_images, first_line, infer_image_shape, n_values
from ._company import check_alone, name_of
from ._hints import hint_for, list_hint, map_hint
from ._range import ends_in

__all__ = [
    "call_discriminator",
    "call_encoder",
    "call_generator",
    "probe_discriminator",
    "probe_encoder",
    "probe_generator",
]

N_INWARD = 8  # images; a size that chunks of rows have
LEAST_SIDE = 4  # pixels; no smaller image is worth a generator
MOST_CHANNELS, LEAST_SIDE_LAST = 4, 8  # of (h, w, c): grey, with alpha, RGB, RGBA; of the smallest usual image
N_PROBES = 5  # rows: no usual number of channels, so a missing batch axis shows
LATENT_ATTRIBUTES = ("latent_dim", "z_dim", "nz", "dim_z", "zdim", "latent_size", "n_latent", "n_z", "d")
REPEATS = 1e-5  # of the largest value; a compiled module may compute its second pass otherwise than its first
N_DRAWS, SCALES = 16, (1.0, 30.0, 1000.0)  # images, and by what they are enlarged, to tell probabilities from logits
SPREAD = 0.5  # of the probabilities of all these; those of a sigmoid go from near 0 to near 1
LOGIT_EPS = 1e-6  # a float32 probability cannot tell more


def probe_generator(module, latent_dim, image_shape, prior):
    """Find the latent size, the layout of the latents and the shape of the images.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode, on the CPU.
    latent_dim : int or None
        None tries what attributes and first layer suggest.
    image_shape : tuple of int or None
    prior : Prior

    Returns
    -------
    latent_dim : int
    layout : {"flat", "map"}
        Latents as (n, d) or as (n, d, 1, 1).
    images : tensor (n, c, h, w)
        Of the probe.

    Raises
    ------
    GeneratorMismatchError
        If no latents of the tried sizes give images.
    """
    candidates = [latent_dim] if latent_dim is not None else _latent_candidates(module)
    if not candidates:
        raise GeneratorMismatchError(f"{name_of(module)}: cannot tell the number of latents. Pass latent_dim=...")
    reasons = {}
    for candidate in candidates:
        z = prior.sample(N_PROBES, candidate, torch.Generator().manual_seed(0))
        for layout in ("flat", "map"):
            try:
                output = module(_laid_out(z, layout))
            except Exception as error:  # whatever the module's code raises: the next layout may be the right one
                reasons[(candidate, layout)] = first_line(error)
                continue
            images = _images_from(output, image_shape, module, z)
            if image_shape is None and _is_too_small(module, images, candidate, layout):
                reasons[(candidate, layout)] = f"gives images of shape {tuple(images.shape[1:])}"
                continue
            _check_repeatable(images, _images_from(module(_laid_out(z, layout)), image_shape, module, z), module)
            return candidate, layout, images
    raise GeneratorMismatchError(_no_images(module, z, reasons, given=latent_dim is not None))


def call_generator(module, z, layout, image_shape):
    """Map latents (n, d) to images (n, c, h, w) in the module's own range, float32."""
    output = module(_laid_out(z, layout))
    return _one_image_tensor(output, name_of(module)).float().reshape(len(z), *image_shape)


def _is_too_small(module, images, latent_dim, layout):
    """Whether this is what becomes of latents that were meant to be something else, such as maps.

    Vectors may be short, and so may images of a network that says itself which shape they have. But latents that were
    handed over as maps of one pixel are a vector only if the network made more of them.
    """
    channels, height, width = shape = tuple(images.shape[1:])
    n_pixels = channels * height * width
    is_vector = channels == 1 and 1 in (height, width)
    if layout == "map":
        is_vector = is_vector and n_pixels >= max(latent_dim, LEAST_SIDE)
    is_meant = is_vector or getattr(module, "image_shape", None) == shape
    return not is_meant and (min(height, width) < LEAST_SIDE or n_pixels < latent_dim)


def _check_channels_first(shape, name):
    """Refuse (h, w, c), which is no image of h channels and c columns."""
    height, width, channels = shape
    if channels <= MOST_CHANNELS and min(height, width) >= LEAST_SIDE_LAST:
        raise GeneratorMismatchError(
            f"{name}: gives images of shape {shape}, which looks like height, width, channels; skmimic has channels "
            "first. Wrap the module in one whose forward returns "
            f"images.reshape(-1, {height}, {width}, {channels}).permute(0, 3, 1, 2)."
        )


def probe_discriminator(module, images):
    """Find how a discriminator takes images and what it gives.

    Parameters
    ----------
    module : torch.nn.Module
    images : tensor (n, c, h, w)
        At least 16, all different.

    Returns
    -------
    dict
        ``layout`` is "images" or "rows", ``probability`` says that it ends in a sigmoid.

    Raises
    ------
    GeneratorMismatchError
        If it does not give one number for each image, whatever the others are.
    """
    layout = _probe_inward(module, images, 1, "discriminator")
    return {"layout": layout, "probability": _gives_probabilities(module, layout, images)}


def _gives_probabilities(module, layout, images):
    """Whether all answers are in [0, 1], on draws and on images far beyond all that it can have been trained on.

    Logits grow with the images, or change their sign, so these leave [0, 1] there. What does neither, as a critic
    whose norms take the size of an image away, must moreover use the range as probabilities do, or end in a layer that
    is a sigmoid; such a layer alone says nothing, for a forward may use it elsewhere.
    """
    is_last = ends_in(module, nn.Sigmoid)
    try:
        answers = torch.cat([_answers(module, layout, 1, "", part) for part in _extremes(images).split(N_INWARD)])
    except Exception:  # whatever the module's code raises: it looks at the values that it is given
        return is_last
    answers = answers[~torch.isnan(answers)]  # of images too large for it
    if not len(answers) or answers.min() < 0 or answers.max() > 1:
        return False
    return is_last or bool(answers.max() - answers.min() >= SPREAD)


def _extremes(images):
    """Draws, their negatives, noise, and blank images, of their own size and up to a thousand times it."""
    draws, largest = images[:N_DRAWS], images.abs().max()
    noise = torch.randn(draws.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float32)
    blank = torch.ones_like(draws[:N_INWARD]) * torch.linspace(-1, 1, N_INWARD)[:, None, None, None]
    shapes = torch.cat([draws, -draws, largest * noise, largest * blank])
    return torch.cat([shapes * scale for scale in SCALES])


def call_discriminator(module, images, layout, probability):
    """Map images (n, c, h, w) to logits (n,), float32."""
    values = _rows_from(module(_inward(images, layout)), len(images), 1)[:, 0].float()
    return torch.logit(values, eps=LOGIT_EPS) if probability else values


def probe_encoder(module, images, latent_dim):
    """Find how an encoder takes images, at least 16: {"layout": "images"} or {"layout": "rows"}."""
    return {"layout": _probe_inward(module, images, latent_dim, "encoder")}


def call_encoder(module, images, layout, latent_dim):
    """Map images (n, c, h, w) to latents (n, latent_dim), float32. Of several outputs the first that fits is taken."""
    return _rows_from(module(_inward(images, layout)), len(images), latent_dim).float()


def _latent_candidates(module):
    attributes = [getattr(module, name, None) for name in LATENT_ATTRIBUTES]
    layers = [getattr(part, name, None) for part in module.modules() for name in ("in_features", "in_channels")]
    first_layer = [size for size in layers if isinstance(size, int)][:1]
    weights = [tensor for tensor in module.parameters() if tensor.ndim in (2, 4)][:1]
    first_weight = [weight.shape[1 if weight.ndim == 2 else 0] for weight in weights]
    sizes = [size for size in (*attributes, *first_layer, *first_weight) if _is_size(size)]
    return list(dict.fromkeys(sizes))


def _is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 65536


def _laid_out(z, layout):
    return z if layout == "flat" else z[:, :, None, None]


def _inward(images, layout):
    return images if layout == "images" else images.flatten(1)


def _tensors_of(output):
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    return [value for value in values if isinstance(value, torch.Tensor)]


def _one_image_tensor(output, name):
    """The images in what a module returned: the tensor itself, or the only 4-D one of a tuple, list or mapping."""
    tensors = _tensors_of(output)
    if len(tensors) > 1:
        tensors = [tensor for tensor in tensors if tensor.ndim == 4]
    if len(tensors) != 1 or not tensors[0].is_floating_point():
        raise GeneratorMismatchError(
            f"{name}: expected one floating-point tensor of images (n, c, h, w), got {_describe(output)}. "
            "Wrap the module in one whose forward returns the images alone."
        )
    return tensors[0]


def _images_from(output, image_shape, module, z):
    """Images (n, c, h, w) of a probe, checked; maps (n, h, w) are grey, rows take the wished or the likely shape."""
    name = name_of(module)
    images = _one_image_tensor(output, name).detach().float()
    if len(images) != N_PROBES or images.ndim not in (2, 3, 4):
        raise GeneratorMismatchError(
            f"{name}: {N_PROBES} latents gave a tensor of shape {tuple(images.shape)}; expected ({N_PROBES}, c, h, w). "
            + list_hint(module, z)
        )
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim == 2 and (image_shape is None or n_values(image_shape) == images.shape[1]):
        images = as_images(images, image_shape or infer_image_shape(images.shape[1]))
    shape = tuple(images.shape[1:])
    _check_channels_first(shape, name)
    if image_shape is not None and shape != image_shape:
        raise GeneratorMismatchError(
            f"{name}: gives images of shape {shape}, {n_values(shape)} values, but image_shape={image_shape}. "
            "Leave image_shape out, or pass the shape the module gives."
        )
    return images


def _check_repeatable(images, again, module):
    if (images - again).abs().max() > REPEATS * images.abs().max():
        raise GeneratorMismatchError(
            f"{name_of(module)}: gives different images for the same latents. Fix the noise that its forward draws, so "
            "that the latents alone decide."
        )


def _probe_inward(module, images, width, what):
    name, reasons = f"{what} {name_of(module)}", {}
    for layout in ("images", "rows"):
        try:
            output = module(_inward(images[:N_INWARD], layout))
        except Exception as error:  # whatever the module's code raises: the next layout may be the right one
            reasons[layout] = first_line(error)
            continue
        _rows_from(output, N_INWARD, width, name)
        answer = functools.partial(_answers, module, layout, width, name)
        check_alone(module, answer, images, name, "what it says of an image", _way_out(what))
        return layout
    n_taken = next((n for n in range(N_INWARD - 1, 0, -1) if _takes(module, images[:n], width)), None)
    if n_taken is not None:
        raise GeneratorMismatchError(
            f"{name}: takes batches of {n_taken} but not of {N_INWARD} ({reasons['images']}), so what it says of an "
            f"image depends on the others in its batch, and skmimic treats every row alone. {_way_out(what)}"
        )
    raise GeneratorMismatchError(
        f"{name} accepts neither images of shape {tuple(images.shape[1:])} ({reasons['images']}) nor "
        f"rows ({reasons['rows']}). Pass one made for the generator's images."
    )


def _way_out(what):
    return f"Or pass the generator without its {what}."


def _answers(module, layout, width, name, images):
    return _rows_from(module(_inward(images, layout)), len(images), width, name)


def _takes(module, images, width):
    """Whether a module that refuses larger batches gives one row for each of some images."""
    for layout in ("images", "rows"):
        try:
            _answers(module, layout, width, "", images)
        except Exception:  # whatever the module's code raises
            continue
        return True
    return False


def _rows_from(output, n, width, name="module"):
    for tensor in _tensors_of(output):
        if tensor.numel() == n * width and len(tensor) == n:
            return tensor.reshape(n, width)
    raise GeneratorMismatchError(
        f"{name}: expected {width} number(s) for each of {n} images, got {_describe(output)}. "
        "Wrap it in a module that returns them alone."
    )


def _describe(output):
    if isinstance(output, torch.Tensor):
        return f"a {output.dtype} tensor of shape {tuple(output.shape)}"
    return f"a {type(output).__name__} with tensors of shapes {[tuple(tensor.shape) for tensor in _tensors_of(output)]}"


def _no_images(module, z, reasons, given):
    layouts = {"flat": "(n, d)", "map": "(n, d, 1, 1)"}
    tried = "; ".join(f"{size} latents as {layouts[layout]}: {why}" for (size, layout), why in reasons.items())
    if len(set(reasons.values())) == 1 < len(reasons):  # the same for all
        sizes = " or ".join(dict.fromkeys(str(size) for size, _ in reasons))
        tried = f"{sizes} latents as {layouts['flat']} or {layouts['map']}: {next(iter(reasons.values()))}"
    small = [size for (size, layout), why in reasons.items() if layout == "map" and why.startswith("gives images")]
    hint = map_hint(small[0]) if small else hint_for(module, z, list(reasons.values()), given)
    return f"{name_of(module)}: no images from any latents tried ({tried}). {hint}"
