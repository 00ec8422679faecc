"""Errors of others in one short line."""

import pytest

from skmimic.utils import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (KeyError(), "KeyError"),
        (RuntimeError(" \n"), "RuntimeError"),
        (ValueError("x" * 1000), "x" * 160),
    ],
)
def test_the_first_line_or_the_class(error, line):
    assert first_line(error) == line
