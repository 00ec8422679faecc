"""Units of work of the robustness benchmark: each projects one batch by one method and returns a dict for its JSON."""

import json
import math
import os
import platform
import warnings
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from adaptation_classifiers import nearest_neighbour_hits
from robustness_data import FIGURE_5, Level, generator_of, held_out, level_of, levels_of, same, training_digits
from robustness_methods import LEARNERS, STEPS_PER_ROUND, estimator_of, run_method

import skmimic
from skmimic.generators import LoadedGenerator
from skmimic.metrics import d_proj, psnr
from skmimic.utils import resolve_device

__all__ = [
    "N_KEPT",
    "POOL",
    "counted_gradients",
    "cross",
    "environment",
    "in_sight",
    "mask_right",
    "one_level",
    "one_subset",
    "one_time",
    "save_json",
]

N_KEPT = 10  # pictures of a unit that Figure 5 and 7 can draw
POOL = 128  # images of Figure 6a
PACKAGES = ("numpy", "torch", "scikit-learn")
VARIES, LOST = (
    0.05,
    0.5,
)  # standard deviation of a pixel over the images; the part of it below which it counts as masked


def environment():
    """Say what a number depends on besides the method: versions, processor or accelerator, threads and load."""
    versions = {"python": platform.python_version(), "skmimic": skmimic.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    machine = {"device": device, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "load": os.getloadavg()}
    return {**machine, "versions": versions}


def save_json(path, result):
    """Write a result in one go, so that an interruption leaves none rather than half of one."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(_plain(result), indent=1, allow_nan=False) + "\n")
    unfinished.replace(path)


def _plain(value):
    """Turn arrays, tuples and numbers that are not finite into what JSON has."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def mask_right(level, surrogate, images):
    """Compute the part of the pixels that a surrogate masks or leaves as the corruption does.

    A pixel counts as masked where less than half of its variation over the images is left. Pixels that hardly vary
    without the mask do not count: nobody can see whether they are masked.

    Parameters
    ----------
    level : Level
        With a mask.
    surrogate : FittedSurrogate
    images : ndarray (n, c, h, w)
        Clean.

    Returns
    -------
    float
        In [0, 1].
    """
    clean = torch.from_numpy(images)
    before, truly = (f(clean).std(0).numpy() for f in (level.unmasked, level.f))
    found, seen = surrogate.apply(images).std(0, ddof=1), before > VARIES
    return float(((found < LOST * before) == (truly < LOST * before))[seen].mean())


def in_sight(f, image_shape):
    """Tell which pixels of an image a corruption shows, be it weakly.

    Parameters
    ----------
    f : callable
        Differentiable.
    image_shape : tuple (c, h, w)

    Returns
    -------
    ndarray (c, h, w) of bool
    """
    image = torch.zeros(1, *image_shape, requires_grad=True)
    f(image).sum().backward()
    return (image.grad[0] != 0).numpy()


def _errors_in_sight(data, name, clean, projected):
    """Mean d_proj over the pixels that stay in sight at a rotation; without corruption at each of them."""
    turned = {
        one: level for one, level in levels_of(data).items() if level.group == "rotation" and name in ("none", one)
    }
    seen = {one: in_sight(level.f, clean.shape[1:]) for one, level in turned.items()}
    return {one: d_proj(clean * mask, projected * mask).mean() for one, mask in seen.items()}


def _digits_read(images, labels):
    """Tell the accuracy of 1-NN among the training digits."""
    X, y = training_digits()
    rows = (images.reshape(len(images), -1) + 1) * 127.5
    return float(nearest_neighbour_hits(X, y, rows, labels).mean())


def _learned(method, level, answer, clean):
    """Say what the surrogate became, and whether its mask is right."""
    if method not in LEARNERS:
        return {}
    right = None if level.unmasked is None else mask_right(level, answer.surrogate, clean)
    return {
        "surrogate": answer.surrogate.describe(),
        "identifiable": answer.identifiable,
        "mask_right": right,
    }


def _seconds(answer):
    fit, transform = answer.seconds_fit, answer.seconds_transform
    return {"seconds": fit + transform, "seconds_fit": fit, "seconds_transform": transform}


def _run(method, data, level, seed, rounds, X):
    """Make an estimator, run it and collect what it warned of."""
    estimator = estimator_of(method, data, level, seed, rounds, len(X))
    generator = generator_of(data, "bigan" if method == "bigan" else "gan")
    generator.on(resolve_device()).cache.clear()  # no method shall find the candidates that another has drawn
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = run_method(method, estimator, X)
    return estimator, answer, sorted({f"{one.category.__name__}: {one.message}" for one in caught})


def _told(data, method, seed, n_images, rounds, complaints):
    told = {"data": data, "method": method, "seed": seed, "n_images": n_images, "steps": rounds * STEPS_PER_ROUND}
    return {**told, "warnings": complaints, **environment()}


def one_level(data, name, method, seed, n_images, rounds):
    """Measure a method at one level of Figure 4.

    Parameters
    ----------
    data, name, method : str
        Name of the data, of the level, of the method.
    seed, n_images, rounds : int

    Returns
    -------
    result : dict
    kept : dict of ndarray or None
        Bytes of the first pictures at the levels of Figure 5: "clean", "observed", "projected".
    """
    level, batch = level_of(data, name), held_out(data, n_images, seed)
    X = batch.corrupted(level.f)
    _, answer, complaints = _run(method, data, level, seed, rounds, X)
    errors = d_proj(batch.images, answer.images)
    result = {
        "level": name,
        "corruption": repr(level.f) if level.f is not same else "none",
        "truth": level.truth,
        "d_proj": {"mean": errors.mean(), "sd": errors.std(ddof=1), "values": errors},
        "d_proj_in_sight": _errors_in_sight(data, name, batch.images, answer.images),
        "psnr": psnr(batch.images, answer.images).mean(),
        "accuracy": None if batch.labels is None else _digits_read(answer.images, batch.labels),
        "accuracy_clean": None if batch.labels is None else _digits_read(batch.images, batch.labels),
        **_learned(method, level, answer, batch.images),
        **_seconds(answer),
        **_told(data, method, seed, n_images, rounds, complaints),
    }
    if name not in FIGURE_5:
        return result, None
    return result, {"clean": _bytes(batch.images), "observed": _bytes(X), "projected": _bytes(answer.images)}


def _bytes(images):
    """Turn the first pictures into bytes."""
    return ((images[:N_KEPT] + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def one_subset(data, name, method, size, draw, rounds):
    """Measure a method that sees only some images of a pool (Figure 6a).

    Parameters
    ----------
    data, name, method : str
    size : int
        Number of images, of `POOL`; all of them are always the same.
    draw, rounds : int

    Returns
    -------
    dict
    """
    level, pool = level_of(data, name), held_out(data, POOL, 0)
    rows = np.sort(np.random.default_rng([size, draw]).choice(POOL, size, replace=False))
    X = pool.corrupted(level.f)[rows]
    _, answer, complaints = _run(method, data, level, draw, rounds, X)
    errors = d_proj(pool.images[rows], answer.images)
    learned = _learned(method, level, answer, pool.images[rows])
    about = {
        "level": name,
        "size": size,
        "draw": draw,
        "rows": rows,
        "d_proj": {"mean": errors.mean(), "values": errors},
    }
    return {**about, **learned, **_seconds(answer), **_told(data, method, draw, size, rounds, complaints)}


def _misfit(observed, mimicked):
    """Mean absolute difference, the loss of the paper per value."""
    return float(np.abs(observed - mimicked).mean())


@contextmanager
def counted_gradients():
    """Count the images that generators make with a gradient to their latents, the unit of work of all that walk.

    Yields
    ------
    list of int
        Numbers of images, one for each call.
    """
    counted, decode = [], LoadedGenerator.decode

    def counting(self, z):
        if z.requires_grad and torch.is_grad_enabled():
            counted.append(len(z))
        return decode(self, z)

    LoadedGenerator.decode = counting
    try:
        yield counted
    finally:
        LoadedGenerator.decode = decode


def one_time(data, name, method, seed, n_images, rounds):
    """Take the time of a method, and for learners and PGD the loss along the way (Figure 6c).

    Parameters
    ----------
    data, name, method : str
    seed, n_images, rounds : int

    Returns
    -------
    dict
        "gradients" counts images made with a gradient to their latents, per row; "path" lists latent steps and mean
        absolute misfits ``|Y - f^(G(z))|`` of a second, untimed run, but for the start by an encoder.
    """
    level, batch = level_of(data, name), held_out(data, n_images, seed)
    X = batch.corrupted(level.f)
    with counted_gradients() as counted:
        estimator, answer, complaints = _run(method, data, level, seed, rounds, X)
    path = []
    if method in ("ours", "equal", "mimicgan_paper", "pgd"):  # an encoder is not trained twice
        moments = estimator.project(X, trajectory=True).trajectory
        path = [[moment.step, _misfit(X, moment.mimicked)] for moment in moments]
    error = d_proj(batch.images, answer.images).mean()
    about = {"level": name, "d_proj": {"mean": error}, "gradients": sum(counted) / n_images, "path": path}
    return {**about, **_seconds(answer), **_told(data, method, seed, n_images, rounds, complaints)}


def cross(source, target, method, seed, n_images, rounds):
    """Project faces of one set onto the generator of another (Figure 7).

    Parameters
    ----------
    source, target, method : str
        Whose images, whose generator, which method.
    seed, n_images, rounds : int

    Returns
    -------
    result : dict
    kept : dict of ndarray
    """
    batch = held_out(source, n_images, seed)
    level = Level("none", 0, same, same)
    _, answer, complaints = _run(method, target, level, seed, rounds, batch.images)
    residual = d_proj(batch.images, answer.images)
    mimicked = answer.images if answer.surrogate is None else answer.surrogate.apply(answer.images)
    explained = d_proj(batch.images, mimicked)
    result = {
        "target": target,
        "residual": {"mean": residual.mean(), "sd": residual.std(ddof=1)},
        "residual_mimicked": {"mean": explained.mean(), "sd": explained.std(ddof=1)},
        **_learned(method, level, answer, batch.images),
        **_seconds(answer),
        **_told(source, method, seed, n_images, rounds, complaints),
    }
    return result, {"clean": _bytes(batch.images), "projected": _bytes(answer.images), "mimicked": _bytes(mimicked)}
