"""Every public name has a numpydoc docstring that matches its signature."""

import dataclasses
import importlib
import inspect
import pkgutil
from functools import cached_property
from types import FunctionType

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import skmimic

# What is not asked for: an extended summary, See Also and examples everywhere; a sentence for every parameter whose
# type line says all; the layout of the quotes.
IGNORED = {
    "ES01",
    "EX01",
    "GL01",
    "GL02",
    "GL03",
    "PR07",
    "PR08",
    "PR09",
    "RT03",
    "RT04",
    "RT05",
    "SA01",
    "SA04",
    "SS06",
    "YD01",
}


def resolve(path):
    package, name, *attributes = path.split(".")
    value = importlib.import_module(f"{package}.{name}")
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def public_packages():
    """The subpackages with a public list."""
    names = [info.name for info in pkgutil.iter_modules(skmimic.__path__) if not info.name.startswith("_")]
    return [name for name in names if hasattr(importlib.import_module(f"skmimic.{name}"), "__all__")]


def public_objects():
    """Every exported class and function by its import path; exceptions have a one-line docstring and no parameters."""
    for package in public_packages():
        module = importlib.import_module(f"skmimic.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isroutine(value) or (inspect.isclass(value) and not issubclass(value, BaseException)):
                yield f"skmimic.{package}.{name}"


def own_members(path, kinds):
    """Public members of the given kinds that a class of skmimic defines itself."""
    value = resolve(path)
    members = vars(value).items() if inspect.isclass(value) else ()
    return [f"{path}.{name}" for name, member in members if isinstance(member, kinds) and not name.startswith("_")]


OBJECTS = sorted(public_objects())
METHODS = sorted(m for path in OBJECTS for m in own_members(path, (FunctionType, classmethod, staticmethod)))
PROPERTIES = sorted(p for path in OBJECTS for p in own_members(path, (property, cached_property)))
# Inner parts: a name that one sentence explains needs no list of parameters.
INNER = {"utils", "engine", "training", "detection"}


def problems(path, *, brief=False):
    """What numpydoc says about a docstring; a brief one may do without lists."""
    value = resolve(path)
    found = {(code, message) for code, message in validate(path)["errors"] if code not in IGNORED}
    if inspect.isclass(value) and is_explained_elsewhere(value):
        found = {(code, message) for code, message in found if code != "PR01"}
    if brief and "----" not in (inspect.getdoc(value) or ""):
        found = {(code, message) for code, message in found if code not in ("PR01", "RT01", "YD01")}
    return sorted(f"{code}: {message}" for code, message in found)


def is_explained_elsewhere(value):
    """Whether the arguments of a class are its documented fields, or those of the class that defines its __init__."""
    if "__init__" not in vars(value):
        return True
    fields = {name for attribute in ClassDoc(value)["Attributes"] for name in attribute.name.split(", ")}
    return dataclasses.is_dataclass(value) and {field.name for field in dataclasses.fields(value)} <= fields


@pytest.mark.parametrize("path", OBJECTS)
def test_public_name_is_documented(path):
    assert problems(path, brief=path.split(".")[1] in INNER) == []


@pytest.mark.parametrize("path", METHODS)
def test_public_method_is_documented(path):
    assert problems(path, brief=path.split(".")[1] != "estimators") == []


@pytest.mark.parametrize("path", PROPERTIES)
def test_public_property_is_documented(path):
    owner, _, name = path.rpartition(".")
    assert (vars(resolve(owner))[name].__doc__ or "").strip()


def test_every_exception_says_what_it_means():
    for name in skmimic.exceptions.__all__:
        assert (getattr(skmimic.exceptions, name).__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize(
    "package", [p for p in public_packages() if inspect.ismodule(importlib.import_module(f"skmimic.{p}"))]
)
def test_every_package_says_what_it_is(package):
    assert (importlib.import_module(f"skmimic.{package}").__doc__ or "").strip()


def test_the_check_sees_a_parameter_that_is_not_documented(monkeypatch):
    def resize(images, size):
        """Resize images.

        Parameters
        ----------
        images : ndarray
            Images.

        Returns
        -------
        ndarray
        """

    monkeypatch.setattr(skmimic.datasets, "resize_images", resize)
    assert any(problem.startswith("PR01") for problem in problems("skmimic.datasets.resize_images"))
