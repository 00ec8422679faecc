"""Which axis of an image holds the channels."""

import itertools

import pytest

from skmimic.utils import MOST_CHANNELS, channels_axis, is_vector

FEW, MANY = range(1, MOST_CHANNELS + 1), (MOST_CHANNELS + 1, 9, 16)


@pytest.mark.parametrize("channels", FEW)
def test_few_entries_are_channels(channels):
    for height, width in itertools.product(MANY, MANY):
        assert channels_axis((channels, height, width)) == 0
        assert channels_axis((height, width, channels)) == -1


def test_many_channels_are_told_by_a_square_only():
    for shape in itertools.product(MANY, MANY, MANY):
        assert channels_axis(shape) == (0 if shape[1] == shape[2] else None)


def test_a_vector_has_one_line():
    assert is_vector((1, 1, 9))
    assert is_vector((3, 9, 1))
    assert not is_vector((1, 2, 2))
