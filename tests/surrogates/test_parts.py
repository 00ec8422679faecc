"""The parts of a surrogate, and their composition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.corruptions import GaussianBlur
from skmimic.surrogates import (
    FAMILIES,
    Affine,
    Blur,
    Composition,
    Convolution,
    Identity,
    KnownCorruption,
    Mask,
    MissingPixels,
    Photometric,
    affine_matrix,
    build_family,
    name_of_family,
    paper_surrogate,
    resolve_surrogate,
)

SHAPES = [(1, 8, 8), (3, 8, 12)]
EVERYTHING = "affine+photometric+convolution+mask+missing"


def random_images(shape, n=3):
    return 2 * torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)) - 1


def moved(surrogate, scale=0.1):
    """The same surrogate, away from where it started."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in surrogate.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=random)
    return surrogate


@pytest.mark.parametrize("family", [*(family for family in FAMILIES if family != "paper"), EVERYTHING, "mask+affine"])
def test_a_family_is_named_as_it_is_built(family):
    assert name_of_family(build_family(family, (1, 8, 8))) == family


def test_a_surrogate_of_the_user_has_no_family():
    assert name_of_family(Composition([Affine((1, 8, 8)), KnownCorruption(torch.neg)])) == "user"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", [*FAMILIES, EVERYTHING, "mask+affine"])
def test_keeps_shape_and_dtype(family, shape):
    images = random_images(shape)
    mimicked = moved(build_family(family, shape))(images)
    assert mimicked.shape == images.shape
    assert mimicked.dtype == images.dtype
    assert torch.isfinite(mimicked).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", [*(family for family in FAMILIES if family not in ("paper", "blur")), EVERYTHING])
def test_starts_at_the_identity(family, shape):
    images = random_images(shape)
    torch.testing.assert_close(build_family(family, shape)(images), images)


@pytest.mark.parametrize("family", [*FAMILIES, EVERYTHING])
def test_treats_every_row_alone(family):
    images, surrogate = random_images((1, 8, 8), 5), moved(build_family(family, (1, 8, 8)))
    torch.testing.assert_close(surrogate(images)[[4, 1]], surrogate(images[[4, 1]]))


@pytest.mark.parametrize("family", [*FAMILIES, EVERYTHING])
def test_says_truly_whether_it_is_affine_in_the_images(family):
    surrogate = moved(build_family(family, (1, 8, 8)), scale=1.0).double()
    first, second = random_images((1, 8, 8), 2).double()[:, None]
    with torch.no_grad():
        mixed = surrogate(0.3 * first + 0.7 * second)
        gap = (mixed - 0.3 * surrogate(first) - 0.7 * surrogate(second)).abs().max()
    assert (gap < 1e-12) == surrogate.is_affine_in_images


@pytest.mark.parametrize("family", [*FAMILIES, EVERYTHING])
def test_recipe_and_state_rebuild_it(family):
    surrogate, images = moved(build_family(family, (3, 8, 8), seed=3)), random_images((3, 8, 8))
    make, keywords = surrogate.recipe()
    rebuilt = make(**keywords)
    rebuilt.load_state_dict(surrogate.state_dict())
    assert torch.equal(rebuilt(images), surrogate(images))
    assert rebuilt.takes_deviations == surrogate.takes_deviations


def test_random_starts_follow_the_seed_and_leave_the_global_state():
    before = torch.get_rng_state()
    first, same, other = (paper_surrogate((1, 8, 8), seed=seed) for seed in (1, 1, 2))
    images = random_images((1, 8, 8))
    assert torch.equal(first(images), same(images))
    assert not torch.equal(first(images), other(images))
    assert torch.equal(torch.get_rng_state(), before)


def test_paper_surrogate_is_figure_3():
    surrogate = paper_surrogate((3, 8, 8))
    assert [type(part) for part in surrogate.parts] == [Affine, Convolution, Mask]
    assert len(surrogate.part(Convolution).layers) == 4
    assert surrogate.part(Mask).weight.shape == (3, 8, 8)
    assert 0 <= surrogate.part(Mask).weight.min() < surrogate.part(Mask).weight.max() <= 1


def test_convolution_has_no_nonlinearity_after_the_shortcut():
    surrogate = moved(Convolution((1, 8, 8)), scale=0.5)
    images = random_images((1, 8, 8))
    change = surrogate(images) - images
    assert change.min() < 0 < change.max()


def test_convolution_describes_its_effect():
    surrogate = Convolution((1, 8, 8))
    assert surrogate.describe() == {"convolution_on_background": 0.0, "convolution_on_point": 0.0}
    with torch.no_grad():
        surrogate.layers[-1].bias.fill_(0.25)
    assert surrogate.describe()["convolution_on_background"] == pytest.approx(0.25)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_mask_blends_with_its_fill(fill, weight):
    mask, images = Mask((1, 2, 2), fill=fill), random_images((1, 2, 2))
    with torch.no_grad():
        mask.weight.fill_(weight)
        torch.testing.assert_close(mask(images), weight * images + (1 - weight) * fill)


def test_dead_pixels_show_what_was_seen():
    mask = Mask((1, 2, 2), learn=False)
    dead = torch.tensor([[[True, False], [False, False]]])
    mask.set_dead(dead, torch.full((1, 2, 2), -0.5))
    mimicked = mask(torch.ones(3, 1, 2, 2))
    assert torch.equal(mimicked[0, 0], torch.tensor([[-0.5, 1.0], [1.0, 1.0]]))
    assert mask.describe() == {"fraction_masked": 0.25}
    assert not list(mask.parameters())


def test_photometric_scales_and_shifts_each_channel():
    surrogate, images = Photometric((3, 8, 8)), random_images((3, 8, 8))
    with torch.no_grad():
        surrogate.gain.copy_(torch.tensor([-1.0, 0.5, 1.0]))
        surrogate.bias.copy_(torch.tensor([0.0, 0.0, 0.25]))
        mimicked = surrogate(images)
    torch.testing.assert_close(mimicked[:, 0], -images[:, 0])
    torch.testing.assert_close(mimicked[:, 1], 0.5 * images[:, 1])
    torch.testing.assert_close(mimicked[:, 2], images[:, 2] + 0.25)
    assert surrogate.describe() == {"gain": (-1.0, 0.5, 1.0), "bias": (0.0, 0.0, 0.25)}


def test_composition_applies_its_parts_in_order():
    mask, photometric = Mask((1, 8, 8)), Photometric((1, 8, 8))
    with torch.no_grad():
        mask.weight.zero_()
        photometric.bias.fill_(0.5)
    images = random_images((1, 8, 8))
    assert torch.equal(Composition([mask, photometric])(images), torch.full_like(images, 0.5))
    assert torch.equal(Composition([photometric, mask])(images), torch.zeros_like(images))


def test_composition_hands_deviations_to_the_part_that_takes_them():
    surrogate, images = build_family("photometric+affine+mask", (1, 8, 8)), random_images((1, 8, 8))
    deviations = (affine_matrix(30) - affine_matrix()).reshape(1, 6).expand(3, 6)
    alone = Affine((1, 8, 8))(images, deviations)
    torch.testing.assert_close(surrogate(images, deviations), alone)
    assert surrogate.takes_deviations
    assert not build_family("photometric+mask", (1, 8, 8)).takes_deviations


def test_composition_describes_all_of_its_parts_in_human_units():
    told = build_family(EVERYTHING, (1, 8, 8)).describe()
    assert {"rotation_deg", "scale", "shear_deg", "shift_px", "gain", "bias", "fraction_masked"} <= set(told)
    assert told["rotation_deg"] == 0
    assert told["scale"] == (1, 1)
    assert told["fraction_masked"] == 0


def test_part_finds_by_class():
    surrogate = build_family("affine+mask", (1, 8, 8))
    assert isinstance(surrogate.part(Mask), Mask)
    assert surrogate.part(Convolution) is None


@pytest.mark.parametrize("name", ["rotation", "affine+", "affine+smear", ""])
def test_unknown_families_are_named(name):
    with pytest.raises(ValueError, match=r"unknown.*Use 'auto', 'identity', 'paper'"):
        resolve_surrogate(name, (1, 8, 8))


def test_an_instance_is_rebuilt_with_its_values():
    mine = moved(Photometric((1, 8, 8)))
    fresh = resolve_surrogate(mine, (1, 8, 8))
    assert torch.equal(fresh.gain, mine.gain)
    with torch.no_grad():
        fresh.gain.fill_(9)
    assert not torch.equal(fresh.gain, mine.gain)


def test_identity_gives_the_images_themselves():
    images = random_images((1, 8, 8))
    assert Identity()(images) is images
    assert Identity().describe() == {"corruption": "none"}


def test_a_blur_starts_near_the_identity_and_keeps_flat_pictures():
    images, blur = random_images((1, 8, 8)), Blur((1, 8, 8))
    assert (blur(images) - images).abs().max() < (Blur((1, 8, 8), sigma=2.0)(images) - images).abs().max()
    torch.testing.assert_close(blur(torch.full((1, 1, 8, 8), 0.3)), torch.full((1, 1, 8, 8), 0.3))


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_a_blur_is_the_corruption_of_the_same_width(sigma):
    images = random_images((3, 16, 12))
    torch.testing.assert_close(Blur((3, 16, 12), sigma)(images), GaussianBlur(sigma)(images), atol=0.02, rtol=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_some_pixels_are_lost_but_not_all(fraction):
    with pytest.raises(ValueError, match=r"MissingPixels: fraction=.* must lie between 0 and 1"):
        MissingPixels((1, 4, 4), fraction=fraction)


def test_a_lost_pixel_hardly_asks_the_mimicked_image_to_change():
    missing = MissingPixels((1, 4, 4), value=-1.0, fraction=0.3)
    mimicked = torch.full((1, 1, 4, 4), 0.8)
    observed = mimicked.clone()
    observed[..., 0, 0], observed[..., 1, 1] = -1.0, -0.5
    mimicked.requires_grad_()
    gap = (missing.reconciled(mimicked, observed) - observed)[0, 0]
    torch.testing.assert_close(gap[1, 1], torch.tensor(1.3))
    assert gap.count_nonzero() == 2
    (pull,) = torch.autograd.grad(gap.sum(), mimicked)
    assert 0 <= pull[0, 0, 0, 0] < 0.02
    assert pull[0, 0, 1, 1] == 1


@given(fraction=st.floats(0.05, 0.95), nearer=st.floats(0.0, 2.0), farther=st.floats(0.0, 2.0))
def test_a_pixel_is_charged_more_the_farther_it_is_and_never_more_than_its_difference(fraction, nearer, farther):
    missing = MissingPixels((1, 1, 2), value=-1.0, fraction=fraction)
    observed = torch.full((1, 1, 1, 2), -1.0)
    gaps = torch.tensor([[[sorted([nearer, farther])]]])
    near, far = (missing.reconciled(observed + gaps, observed) - observed)[0, 0, 0]
    assert -1e-6 <= near <= far + 1e-6
    assert far <= gaps.max() + 1e-6


@pytest.mark.parametrize("n_channels", [1, 3])
def test_the_gradient_is_that_of_what_is_charged(n_channels):
    random = torch.Generator().manual_seed(0)
    missing = MissingPixels((n_channels, 3, 3), value=-1.0, fraction=0.3)
    observed = torch.rand((2, n_channels, 3, 3), generator=random, dtype=torch.float64)
    observed[:, :, :2] = -1.0
    mimicked = (torch.rand(observed.shape, generator=random, dtype=torch.float64) * 2 - 1).requires_grad_()
    torch.autograd.gradcheck(lambda images: missing.reconciled(images, observed), mimicked)


def test_a_pixel_that_agrees_is_not_taken_for_lost():
    missing = MissingPixels((1, 1, 2), value=-1.0, fraction=0.3)
    mimicked, observed = torch.tensor([[[[-0.95, 0.5]]]]), torch.full((1, 1, 1, 2), -1.0)
    mimicked.requires_grad_()
    (pull,) = torch.autograd.grad(missing.reconciled(mimicked, observed).sum(), mimicked)
    assert pull[0, 0, 0, 0] > 0.6
    assert pull[0, 0, 0, 1] < 0.05


@given(fraction=st.floats(0.05, 0.95))
def test_losing_pixels_loses_the_fraction_in_all_channels(fraction):
    missing = MissingPixels((2, 40, 40), value=0.25, fraction=fraction)
    lost = missing.lose(torch.ones(2, 2, 40, 40), torch.Generator().manual_seed(0)) == 0.25
    assert torch.equal(lost[:, 0], lost[:, 1])
    assert lost.float().mean().item() == pytest.approx(fraction, abs=0.06)


@pytest.mark.parametrize("family", ["affine", "photometric", "affine+photometric", "photometric+affine"])
def test_what_can_be_undone_comes_back(family):
    smooth = torch.nn.functional.avg_pool2d(random_images((1, 32, 40)), 9, stride=1, padding=4)
    smooth[..., :8, :] = smooth[..., -8:, :] = smooth[..., :8] = smooth[..., -8:] = -1.0  # all stays in the frame
    surrogate = build_family(family, (1, 32, 40))
    for part in surrogate.parts if isinstance(surrogate, Composition) else [surrogate]:
        if isinstance(part, Affine):
            part.theta.data.copy_(affine_matrix(20, 0.9, (0.05, -0.1)))
        else:
            part.gain.data.fill_(-0.5)
            part.bias.data.fill_(0.2)
    back = surrogate.undo(surrogate(smooth).detach())
    assert not back.requires_grad
    inside = (..., slice(10, -10), slice(10, -10))
    assert (back - smooth)[inside].abs().mean() < 0.2 * smooth[inside].std()  # resampled twice


def test_what_cannot_be_undone_says_so():
    images = random_images((1, 8, 8))
    flat, faint = Affine((1, 8, 8)), Photometric((1, 8, 8))
    flat.theta.data[0] = 0
    faint.gain.data.fill_(0.0)
    blind = Composition([Affine((1, 8, 8)), Mask((1, 8, 8)), Photometric((1, 8, 8))])
    assert all(surrogate.undo(images) is None for surrogate in (flat, faint, blind, Mask((1, 8, 8)), Blur((1, 8, 8))))
    assert Identity().undo(images) is images
