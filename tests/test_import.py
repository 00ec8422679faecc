"""`import skmimic` is light, and every public name is there."""

import importlib
import subprocess
import sys

import pytest

import skmimic
from skmimic.exceptions import MissingExtraError
from skmimic.utils import import_extra

LIGHT = """
import sys
import {module}
heavy = {{"torch", "sklearn", "scipy", "matplotlib", "pandas", "polars"}} & set(sys.modules)
print(sorted(heavy))
"""


def modules_loaded_by(module):
    result = subprocess.run(
        [sys.executable, "-c", LIGHT.format(module=module)], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.mark.parametrize("module", ["skmimic", "skmimic.metrics"])
def test_import_is_light(module):
    assert modules_loaded_by(module) == "[]"


def test_asking_for_the_listing_loads_nothing_more():
    assert modules_loaded_by("skmimic; dir(skmimic); skmimic.__version__; hasattr(skmimic, 'no_such_name')") == "[]"


@pytest.mark.parametrize("name", skmimic.__all__)
def test_every_public_name_resolves(name):
    value = getattr(skmimic, name)
    assert name in dir(skmimic)
    assert getattr(value, "__name__", name) == name


def test_the_lazy_table_is_the_public_list():
    assert {*skmimic._HOME_OF, "__version__"} == set(skmimic.__all__)


@pytest.mark.parametrize("package", sorted(skmimic._SUBPACKAGES))
def test_every_subpackage_resolves_and_keeps_its_word(package):
    module = getattr(skmimic, package)
    assert module is importlib.import_module(f"skmimic.{package}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'skmimic' has no attribute 'MimicGun'"):
        _ = skmimic.MimicGun


def test_star_import_gives_the_public_names():
    namespace = {}
    exec("from skmimic import *", namespace)
    assert set(skmimic.__all__) <= set(namespace)


def test_a_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"A picture needs no_such_library.*pip install 'skmimic\[plot\]'"):
        import_extra("no_such_library.sub", extra="plot", purpose="A picture")
    with pytest.raises(ImportError):
        import_extra("no_such_library", extra="plot", purpose="A picture")


def test_an_installed_extra_is_returned():
    import json.decoder

    assert import_extra("json.decoder", extra="plot", purpose="A picture") is json.decoder
