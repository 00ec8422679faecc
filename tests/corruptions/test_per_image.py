"""Parameters drawn for every image: by position, from their distribution, within what is legal."""

import pickle

import numpy as np
import pytest
import torch

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

TURNED = PerImage(Rotation, degrees=Normal(20, 5), random_state=3)
MOVED = {"rotation": Normal(20, 5), "zoom": Normal(0.8, 0.1), "shift": (Normal(1, 2), 0)}
ALL = [
    TURNED,
    PerImage(Zoom, factor=Normal(0.8, 0.1)),
    PerImage(Affine, **MOVED),
    PerImage(BlockLoss, size=Normal(0.4, 0.1), centre=(Normal(0.5, 0.1), 0.5), fill=0),
    PerImage(Photometric, gain=Normal(1, 0.3)),
    PerImage(GaussianBlur, sigma=Normal(1, 0.3)),
]
each = pytest.mark.parametrize("corruption", ALL, ids=repr)


def random_images(n=20, side=12):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


@each
def test_every_image_is_corrupted_as_its_parameters_say(corruption):
    images = random_images()
    drawn = {name: values.tolist() for name, values in corruption.parameters(20).items()}
    for i, corrupted in enumerate(corruption(images)):
        own = {name: tuple(value[i]) if isinstance(value[i], list) else value[i] for name, value in drawn.items()}
        fixed = {"fill": 0} if corruption.kind is BlockLoss else {}
        torch.testing.assert_close(corrupted, corruption.kind(**own, **fixed)(images[i : i + 1])[0])


@each
def test_draws_belong_to_positions(corruption):
    few, many = corruption.parameters(3), corruption.parameters(40)
    for name, values in few.items():
        np.testing.assert_array_equal(values, many[name][:3])
        assert len(np.unique(many[name], axis=0)) == 40


def test_draws_have_mean_and_standard_deviation():
    degrees = TURNED.parameters(4000)["degrees"]
    assert degrees.mean() == pytest.approx(20, abs=0.3)
    assert degrees.std() == pytest.approx(5, rel=0.05)


def test_parameters_of_one_image_and_of_two_corruptions_are_unrelated():
    moved = PerImage(Affine, **MOVED).parameters(2000)
    columns = [moved["rotation"], moved["zoom"], moved["shift"][:, 0]]
    columns += [
        PerImage(kind, **{name: Normal(1, 0.1)}).parameters(2000)[name]
        for kind, name in ((Rotation, "degrees"), (Zoom, "factor"))
    ]
    assert np.abs(np.corrcoef(columns) - np.eye(5)).max() < 0.1
    assert set(moved["shift"][:, 1]) == {0}


def test_only_what_differs_is_listed():
    assert list(PerImage(Affine, rotation=Normal(3, 1), zoom=0.5).parameters(2)) == ["rotation"]
    assert PerImage(Affine, zoom=0.5).parameters(2) == {}


def test_illegal_draws_are_drawn_again():
    factors = PerImage(Zoom, factor=Normal(0.1, 1)).parameters(500)["factor"]
    assert factors.min() > 0
    fractions = PerImage(MissingPixels, fraction=Normal(0.5, 1)).parameters(500)["fraction"]
    assert fractions.min() >= 0
    assert fractions.max() <= 1
    assert len(np.unique(fractions)) == 500  # drawn again, not clipped


def test_without_spread_it_is_the_corruption_itself():
    images = random_images()
    torch.testing.assert_close(PerImage(Affine, rotation=Normal(20, 0), zoom=0.8)(images), Affine(20, 0.8)(images))
    torch.testing.assert_close(PerImage(Invert)(images), -images)


@pytest.mark.parametrize("own", [PerImage(Noise, sigma=0.5), PerImage(MissingPixels, fraction=0.5)], ids=repr)
def test_kinds_with_a_seed_get_another_one_for_every_image(own):
    corrupted = own(torch.zeros(4, 1, 8, 8))
    assert len({tuple(image.flatten().tolist()) for image in corrupted}) == 4


@each
def test_is_a_value(corruption):
    copy = pickle.loads(pickle.dumps(corruption))
    assert copy == corruption
    assert hash(copy) == hash(corruption)
    assert eval(repr(corruption)) == corruption


def test_the_order_of_the_arguments_does_not_matter_but_all_else_does():
    assert PerImage(Affine, **MOVED) == PerImage(Affine, **dict(reversed(MOVED.items())))
    others = [PerImage(Rotation, degrees=Normal(20, 5)), PerImage(Rotation, degrees=Normal(20, 4), random_state=3)]
    assert len({TURNED, *others, PerImage(Rotation, degrees=20, random_state=3)}) == 4
    assert not torch.equal(TURNED(random_images()), others[0](random_images()))
    assert PerImage(BlockLoss, size=0.5, centre=[0.5, 0.5]) == PerImage(BlockLoss, size=0.5, centre=(0.5, 0.5))


def test_it_is_no_affine_map_of_rows():
    """Closed-form projection sends the generator's basis through f, so one map must hold for all rows."""
    assert Rotation.is_affine_in_images
    assert not TURNED.is_affine_in_images
    assert not Compose(TURNED, Invert()).is_affine_in_images


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PerImage(Rotation(20)), TypeError, r"PerImage: kind must be a class .*got Rotation\(degrees=20\)"),
        (lambda: PerImage(Normal), TypeError, "kind must be a class of corruptions"),
        (lambda: PerImage(Rotation, angle=Normal(20, 5)), TypeError, "angle"),
        (lambda: PerImage(Zoom, factor=Normal(0, 1)), ValueError, "Zoom: factor must be"),
        (lambda: PerImage(Rotation, degrees=20, random_state=-1), ValueError, "random_state"),
        (lambda: PerImage(Rotation, degrees=20, random_state=None), TypeError, "random_state must be an integer"),
        (lambda: PerImage(MissingPixels, fraction=Normal(0.5, 1e9)).parameters(1), ValueError, "Lower the standard"),
        (lambda: Normal(20, -1), ValueError, r"Normal: sd must be a finite number in \[0, inf\), got -1"),
        (lambda: Normal("a lot", 1), TypeError, "mean must be a number"),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
