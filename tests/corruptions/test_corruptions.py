"""Laws of every corruption, and what each one does."""

import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.nn import functional as F

from skmimic.corruptions import (
    Affine,
    BlockLoss,
    Compose,
    GaussianBlur,
    Invert,
    MissingPixels,
    Noise,
    Normal,
    PerImage,
    Photometric,
    Rotation,
    Zoom,
)
from skmimic.surrogates import describe_affine

ALL = [
    Rotation(35),
    Zoom(0.8),
    Zoom(1.4),
    Affine(rotation=-20, zoom=0.9, shift=(1.5, -2)),
    Affine(rotation=10, shear=-15),
    MissingPixels(1 / 3),
    MissingPixels(0.5, fill=0, shared=False, random_state=3),
    BlockLoss(0.4),
    Invert(),
    Photometric(gain=1.5, bias=-0.3),
    GaussianBlur(1.2),
    Noise(0.3),
    Compose(Rotation(35), Zoom(0.8), MissingPixels(1 / 3)),
    Rotation(25, crop=True),
    PerImage(Rotation, degrees=Normal(20, 5)),
    PerImage(GaussianBlur, sigma=Normal(1.0, 0.3)),
    PerImage(MissingPixels, fraction=Normal(0.3, 0.1), fill=0),
    Compose(PerImage(Zoom, factor=Normal(0.8, 0.1)), PerImage(Photometric, gain=Normal(1, 0.2), bias=0.1)),
]
each = pytest.mark.parametrize("corruption", ALL, ids=repr)


def random_images(n=5, channels=3, side=16, seed=0, **kwargs):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed), **kwargs) * 2 - 1


def a_blob(side=33, x=0.5, y=0.0):
    """One bright spot at (x, y) of the sampling grid, y running down, on black."""
    axis = (torch.arange(side) + 0.5) / side * 2 - 1
    spot = torch.exp(-((axis[:, None] - y) ** 2 + (axis - x) ** 2) / 0.01)
    return (2 * spot - 1)[None, None]


def centre_of_mass(image):
    weight = image[0, 0] + 1
    axis = (torch.arange(len(weight)) + 0.5) / len(weight) * 2 - 1
    return [((weight.sum(dim) * axis).sum() / weight.sum()).item() for dim in (0, 1)]


@each
def test_keeps_shape_dtype_and_range(corruption):
    for dtype in (torch.float32, torch.float64):
        images = random_images(dtype=dtype)
        corrupted = corruption(images)
        assert corrupted.shape == images.shape
        assert corrupted.dtype == dtype
        assert corrupted.abs().max() <= 1 + 1e-6


@each
def test_is_one_fixed_function_that_leaves_its_input_and_the_global_state_alone(corruption):
    images, state = random_images(), torch.get_rng_state()
    before = images.clone()
    first = corruption(images)
    assert torch.equal(first, corruption(images))
    assert torch.equal(first, pickle.loads(pickle.dumps(corruption))(images))
    assert torch.equal(images, before)
    assert torch.equal(state, torch.get_rng_state())


@each
def test_changes_something(corruption):
    assert not torch.allclose(corruption(random_images()), random_images(), atol=1e-2)


@each
def test_gradient_agrees_with_finite_differences(corruption):
    images = random_images(n=2, channels=1, side=6, dtype=torch.float64).mul(0.4).requires_grad_()
    assert torch.autograd.gradcheck(corruption, (images,))


@pytest.mark.parametrize("corruption", [c for c in ALL if c.is_affine_in_images], ids=repr)
def test_what_says_it_is_affine_maps_mixtures_to_mixtures(corruption):
    first, second = (random_images(seed=seed, dtype=torch.float64) for seed in (1, 2))
    mixture = 0.3 * corruption(first) + 0.7 * corruption(second)
    torch.testing.assert_close(corruption(0.3 * first + 0.7 * second), mixture)


def test_clipping_noise_and_masks_per_image_are_not_affine():
    for corruption in (Noise(0.3), Photometric(2.0), MissingPixels(0.5, shared=False), Compose(Invert(), Noise(0.3))):
        assert not corruption.is_affine_in_images
    assert Compose(Rotation(3), Invert()).is_affine_in_images


@each
def test_takes_an_empty_batch_and_every_prefix(corruption):
    images = random_images()
    assert corruption(images[:0]).shape == (0, 3, 16, 16)
    torch.testing.assert_close(corruption(images[:2]), corruption(images)[:2])


@each
def test_is_a_parameter_that_clones(corruption):
    copy = clone(corruption, safe=False)
    assert copy == corruption
    assert copy is not corruption


def test_repr_is_short_and_compares():
    assert repr(Affine(zoom=0.8)) == "Affine(zoom=0.8)"
    assert repr(MissingPixels(0.25)) == "MissingPixels(fraction=0.25)"
    assert repr(Compose(Invert(), Noise(0.5))) == "Compose(Invert(), Noise(sigma=0.5))"
    assert Compose(Invert()) == Compose(Invert()) != Compose(Noise(0.5))
    assert len({Rotation(3), Rotation(3), Rotation(4), Compose(Invert()), Compose(Invert())}) == 3


@pytest.mark.parametrize(("degrees", "zoom"), [(35, 0.8), (-60, 1), (0, 1.3)])
def test_affine_is_the_sampling_grid_of_its_definition(degrees, zoom):
    cosine, sine = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom
    theta = torch.tensor([[[cosine, -sine, 0], [sine, cosine, 0]]]).expand(5, 2, 3)
    images = random_images()
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    expected = F.grid_sample(images + 1, grid, align_corners=False) - 1
    assert torch.equal(Affine(rotation=degrees, zoom=zoom)(images), expected)


def test_identity_arguments_are_the_identity():
    images = random_images()
    for corruption in (Rotation(0), Zoom(1), Affine(), MissingPixels(0), BlockLoss(0), Photometric(), Noise(0)):
        torch.testing.assert_close(corruption(images), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [20, 90, -45])
def test_positive_rotation_turns_the_content_counter_clockwise(degrees):
    angle = math.radians(degrees)
    x, y = centre_of_mass(Rotation(degrees)(a_blob()))
    assert (x, y) == pytest.approx((0.5 * math.cos(angle), -0.5 * math.sin(angle)), abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.4])
def test_zoom_moves_the_content_from_the_centre_by_the_factor(factor):
    assert centre_of_mass(Zoom(factor)(a_blob()))[0] == pytest.approx(0.5 * factor, abs=0.01)


def test_a_quarter_turn_of_an_oblong_image_keeps_its_pixels():
    images = random_images()[..., :8, :]
    torch.testing.assert_close(
        Rotation(90)(images)[..., 4:12], torch.rot90(images[..., 4:12], 1, (2, 3)), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("shape", [(16, 16), (10, 24), (24, 10)])
@pytest.mark.parametrize("degrees", [0, 10, 45, -60, 90, 135])
def test_crop_hides_the_corners(degrees, shape):
    white = torch.ones(1, 1, *shape, dtype=torch.float64)
    torch.testing.assert_close(Rotation(degrees, crop=True)(white), white, atol=1e-6, rtol=0)


@pytest.mark.parametrize("degrees", [10, 45, -60, 135])
def test_crop_is_the_smallest_zoom_that_does(degrees):
    angle = math.radians(degrees)
    zoom = abs(math.cos(angle)) + abs(math.sin(angle))
    images, white = random_images(dtype=torch.float64), torch.ones(1, 1, 16, 16)
    torch.testing.assert_close(Rotation(degrees, crop=True)(images), Affine(degrees, zoom)(images))
    assert Affine(degrees, 0.98 * zoom)(white).min() < 0.9


def test_shift_moves_right_and_down_by_pixels():
    images = random_images(side=9)
    shifted = Affine(shift=(2, 1))(images)
    torch.testing.assert_close(shifted[..., 1:, 2:], images[..., :-1, :-2], atol=1e-5, rtol=0)
    assert torch.all(shifted[..., :1, :] == -1)


def test_shift_comes_after_rotation_and_zoom():
    together = Affine(rotation=30, zoom=0.8, shift=(3, -2))(a_blob())
    in_turn = Affine(shift=(3, -2))(Affine(rotation=30, zoom=0.8)(a_blob()))
    assert centre_of_mass(together) == pytest.approx(centre_of_mass(in_turn), abs=0.005)


def test_rotation_and_zoom_are_affine():
    images = random_images()
    assert torch.equal(Rotation(25)(images), Affine(rotation=25)(images))
    assert torch.equal(Zoom(0.7)(images), Affine(zoom=0.7)(images))


@pytest.mark.parametrize("fraction", [0, 0.1, 1 / 3, 1])
def test_missing_pixels_loses_exactly_the_fraction_in_all_channels(fraction):
    lost = MissingPixels(fraction, fill=0.5)(random_images()) == 0.5
    assert torch.equal(lost.sum((-2, -1)), torch.full((5, 3), round(fraction * 256)))
    assert torch.equal(lost[:, :1].expand_as(lost), lost)


def test_missing_pixels_are_shared_or_drawn_per_image():
    shared, own = (MissingPixels(0.5, shared=s)(torch.ones(4, 1, 16, 16)) for s in (True, False))
    assert torch.equal(shared[:1].expand_as(shared), shared)
    assert len({tuple(image.flatten().tolist()) for image in own}) == 4


@pytest.mark.parametrize("make", [lambda seed: MissingPixels(0.5, random_state=seed), lambda seed: Noise(1, seed)])
def test_seeds_differ(make):
    assert not torch.equal(make(0)(random_images()), make(1)(random_images()))


def test_block_loss_fills_one_block_and_nothing_else():
    images = random_images(side=10)
    lost = BlockLoss(0.4, centre=(0.2, 0.7), fill=0)(images)
    assert torch.all(lost[..., 5:9, 0:4] == 0)
    changed = (lost != images)[0, 0]
    assert changed.sum() == 16
    assert torch.all(changed[5:9, 0:4])


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_give_what_tensors_give(corruption, dtype):
    """In their own form and dtype; the array that came is left as it is."""
    images = random_images(channels=1).numpy().astype(dtype)
    images.setflags(write=False)
    expected = corruption(torch.tensor(images)).numpy()
    found = corruption(images)
    assert isinstance(found, np.ndarray)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(corruption(images[:, 0]), expected[:, 0])


@each
@pytest.mark.parametrize("shape", [(6, 16, 16, 3), (6, 16, 16, 1), (16, 16, 3), (16, 20, 1)])
def test_channels_that_are_last_are_refused(corruption, shape):
    for images in (np.zeros(shape), torch.zeros(shape)):
        with pytest.raises(ValueError, match=r"\(n, c, h, w\).*Pass np\.moveaxis"):
            corruption(images)


@each
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 16, 16), (6, 8, 16, 12), (6, 3, 16, 3), (2, 5, 4)])
def test_other_forms_are_taken_as_documented(corruption, shape):
    assert corruption(np.zeros(shape)).shape == shape


@each
@pytest.mark.parametrize("scale", [255, -255, 16])
def test_arrays_in_other_units_are_refused(corruption, scale):
    images = np.linspace(0, scale, 512).reshape(2, 1, 16, 16)
    images[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"values in \[-1, 1\], got .*images / 127\.5 - 1"):
        corruption(images)


@each
def test_no_value_of_a_tensor_is_read(corruption):
    assert corruption(255 * random_images(2)).shape == (2, 3, 16, 16)


def test_a_fill_tells_the_units():
    images = np.linspace(0, 255, 512).reshape(2, 1, 16, 16)
    turned = PerImage(Rotation, degrees=Normal(20, 5), fill=255)
    for corruption in (Rotation(20, fill=255), turned, Compose(lambda x: x, Compose(turned))):
        assert corruption(images).max() > 200
    with pytest.raises(ValueError, match="values in"):
        turned(10 * images)


def test_invert_twice_is_the_identity():
    assert torch.equal(Compose(Invert(), Invert())(random_images()), random_images())


def test_blur_keeps_the_mean_of_a_centred_spot_and_lowers_the_variance():
    blob = a_blob(x=0)
    blurred = GaussianBlur(2)(blob)
    torch.testing.assert_close(blurred.mean(), blob.mean())
    assert blurred.var() < blob.var()


def test_blur_is_the_convolution_of_its_definition():
    images = random_images(side=20, dtype=torch.float64)[..., :11]
    offsets = torch.arange(-4, 5, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / 1.2) ** 2)
    kernel = (kernel[:, None] * kernel / kernel.sum() ** 2).expand(3, 1, 9, 9)
    expected = F.conv2d(F.pad(images, [4] * 4, mode="replicate"), kernel, groups=3)
    torch.testing.assert_close(GaussianBlur(1.2)(images), expected)


def test_noise_has_its_standard_deviation():
    assert Noise(0.1)(torch.zeros(20, 1, 32, 32)).std().item() == pytest.approx(0.1, rel=0.02)


def test_compose_takes_any_callable_and_works_from_left_to_right():
    images = random_images()
    assert torch.equal(Compose(lambda x: x / 2, Photometric(bias=0.5))(images), images / 2 + 0.5)
    assert torch.equal(Compose()(images), images)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Zoom(0), ValueError, r"Zoom: factor must be a finite number in \(0, inf\), got 0"),
        (lambda: Zoom("big"), TypeError, "factor must be a number, got 'big'"),
        (lambda: Rotation(math.nan), ValueError, "degrees must be a finite number"),
        (lambda: Affine(shift=(1, 2, 3)), ValueError, "pair"),
        (lambda: MissingPixels(1.2), ValueError, r"fraction must be a finite number in \[0, 1\], got 1.2"),
        (lambda: MissingPixels(0.5, random_state=None), TypeError, "random_state must be an integer"),
        (lambda: BlockLoss(0.5, centre=(0.5, 2)), ValueError, "centre"),
        (lambda: BlockLoss(0.5, centre=(0.5,)), ValueError, "centre must be a pair"),
        (lambda: GaussianBlur(-1), ValueError, "sigma"),
        (lambda: Noise(0.1, random_state=0.5), TypeError, "random_state"),
        (lambda: Compose(Invert(), 3), TypeError, "Compose: every corruption must be callable, got 3"),
        (lambda: Invert()([[0.5]]), TypeError, "tensor or an array of floats .*got list"),
        (lambda: Invert()(np.zeros((1, 1, 4, 4), int)), TypeError, r"got int64.*images / 127\.5 - 1"),
        (lambda: Invert()(torch.zeros(1, 1, 4, 4, dtype=torch.uint8)), TypeError, "got torch.uint8"),
        (lambda: Invert()(torch.zeros(4, 16)), ValueError, r"shape \(n, c, h, w\) or \(n, h, w\), got \(4, 16\)"),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("make", [Rotation, Zoom, lambda value, **more: Affine(rotation=20, zoom=value, **more)])
def test_the_fill_follows_the_units_of_the_images(make):
    images = torch.rand(3, 2, 8, 8, dtype=torch.float64)
    turned = make(0.6, fill=0.0)(images)
    assert turned.min() >= 0
    torch.testing.assert_close(make(0.6)(2 * images - 1), 2 * turned - 1)
    torch.testing.assert_close(make(0.6, fill=255)(255 - 255 * images), 255 - 255 * turned)


def test_an_affine_map_is_described_by_its_own_numbers():
    f = Affine(rotation=-35, zoom=0.8, shear=12, shift=(2, -1))
    told = describe_affine(torch.tensor(f._sampling(28, 28)), (1, 28, 28))
    assert told["rotation_deg"] == pytest.approx(-35, abs=1e-3)
    assert told["scale"] == pytest.approx((0.8, 0.8), rel=1e-4)
    assert told["shear_deg"] == pytest.approx(12, abs=1e-3)
    assert told["shift_px"] == pytest.approx((2, -1), abs=1e-4)


@pytest.mark.parametrize("shear", [90, -81, math.nan, "ten"])
def test_a_shear_out_of_range_is_refused(shear):
    with pytest.raises((TypeError, ValueError), match="Affine: shear"):
        Affine(shear=shear)
