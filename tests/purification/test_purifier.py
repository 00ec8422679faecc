"""A defence as a module: ranges, groups, pickles, gradients."""

import copy
import pickle

import pytest
import torch

from skmimic.exceptions import GeneratorMismatchError, MissingExtraError
from skmimic.purification import (
    DefenceModule,
    ManifoldMap,
    Purifier,
    PurifierSettings,
    art_preprocessor,
    straight_through,
)
from skmimic.utils import as_images
from tests.helpers import digits, pca_generator

SHAPE = (1, 8, 8)


def rows(n=12):
    return torch.from_numpy(as_images(digits()[:n].copy(), SHAPE))


def purifier(**settings):
    return Purifier(pca_generator(), torch.zeros(SHAPE).double(), PurifierSettings(**settings))


def module(bounds=(-1, 1), group_size=None, **settings):
    return DefenceModule(purifier(**settings), SHAPE, bounds, group_size)


def test_a_linear_generator_gives_the_nearest_image():
    project = ManifoldMap(pca_generator())
    nearest = project(rows())
    torch.testing.assert_close(project(nearest), nearest)
    left = (rows() - nearest).flatten(1)
    components = torch.from_numpy(pca_generator().linear_map()[0])
    torch.testing.assert_close(left @ components.T, torch.zeros(len(left), len(components)).double())


@pytest.mark.parametrize("n", [1, 3, 11])
def test_a_row_of_the_nearest_images_has_its_own_bits(n):
    project = ManifoldMap(pca_generator())
    assert torch.equal(project(rows())[:n], project(rows()[:n]))


def test_the_range_of_the_images_does_not_matter():
    canonical = module()(rows())
    in_bytes = module(bounds=(0, 255))((rows() + 1) * 127.5)
    torch.testing.assert_close(in_bytes / 127.5 - 1, canonical)


def test_groups_share_nothing():
    grouped = module(group_size=4)(rows())
    torch.testing.assert_close(grouped, torch.cat([module()(part) for part in rows().split(4)]))


def test_a_single_row_shares_nothing():
    one = module(row_rounds=0)(rows(1))
    torch.testing.assert_close(one, ManifoldMap(pca_generator())(rows(1)))


def test_a_known_offset_is_taken_off_and_rows_stand_alone():
    pattern = 0.1 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).double()
    known = Purifier(pca_generator(), torch.zeros(SHAPE).double(), PurifierSettings(), pattern)
    unshifted = Purifier(pca_generator(), torch.zeros(SHAPE).double(), PurifierSettings(), torch.zeros(SHAPE).double())
    torch.testing.assert_close(known(rows() + pattern), unshifted(rows()))
    assert torch.equal(known(rows())[3:4], known(rows()[3:4]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_it_can_be_copied(copied):
    one = module(bounds=(0, 16), group_size=5)
    other = copied(one)
    images = (rows() + 1) * 8
    assert torch.equal(one(images), other(images))
    assert not list(one.parameters())
    assert "group_size=5" in repr(other)


def test_nothing_comes_of_nothing():
    assert module()(rows()[:0]).shape == (0, *SHAPE)


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 1, 8, 9), torch.zeros(1, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.uint8)]
)
def test_other_images_are_refused(images):
    with pytest.raises(GeneratorMismatchError, match="expected images"):
        module()(images)


def test_an_unknown_centre_is_refused():
    with pytest.raises(ValueError, match="median"):
        PurifierSettings(offset="mode")


def test_straight_through_gives_the_answer_with_the_gradient_of_the_identity():
    images = rows().requires_grad_(True)
    answer = straight_through(torch.round)(images)
    assert torch.equal(answer, torch.round(rows()))
    answer.sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))


def test_the_toolbox_is_asked_for_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "art.preprocessing.preprocessing", None)
    with pytest.raises(MissingExtraError, match=r"skmimic\[attacks\]"):
        art_preprocessor(module())


def test_an_unknown_gradient_is_refused():
    with pytest.raises(ValueError, match="bpda"):
        art_preprocessor(module(), gradient="none")
