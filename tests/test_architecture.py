"""Imports go down only: the floors of docs/design.md, read from the source."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skmimic

ROOT = Path(skmimic.__file__).parent
FLOORS = [
    ["exceptions", "utils"],
    ["generators", "surrogates", "losses", "corruptions", "metrics"],
    ["engine", "training", "detection", "purification"],
    ["estimators", "datasets", "attacks"],
    ["plotting"],
    ["cli"],
]
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
CORE = {"numpy", "scipy", "sklearn", "torch", "joblib", "safetensors"}
FILES = sorted(ROOT.rglob("*.py"))


def module_name(path):
    return ".".join(["skmimic", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


MODULES = {module_name(path) for path in FILES}


def part_of(module):
    """The part of the house that a module of skmimic stands in; None for the top level."""
    return module.split(".")[1] if "." in module else None


def imported(node, path):
    """Absolute names of what an import statement names, innermost existing module first."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = module_name(path).split(".") + ([] if path.name != "__init__.py" else [""])
        base = ".".join(filter(None, [*package[: -node.level], base]))
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in MODULES else base for name in names]


def imports(path, *, top_level_only=False):
    """All modules that a file imports, at its top or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    return [name for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for name in imported(node, path)]


def forbidden(importer, target):
    """Why one module of skmimic must not import another, or None."""
    here, there = part_of(importer), part_of(target)
    if here is None or here == there:
        return None
    if there is None:
        return None if here == "cli" else "imports the top level, which stands above everything but the command line"
    if here == "utils" and there == "exceptions":
        return None
    if FLOOR_OF[there] == FLOOR_OF[here]:
        return f"imports its neighbour {there}"
    return f"imports {there} from above" if FLOOR_OF[there] > FLOOR_OF[here] else None


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_down_only(path):
    inside = [name for name in imports(path) if name.split(".")[0] == "skmimic"]
    problems = {name: forbidden(module_name(path), name) for name in inside}
    assert not {name: problem for name, problem in problems.items() if problem}


def test_every_part_has_a_floor():
    parts = {part_of(module_name(path)) for path in FILES} - {None}
    assert parts <= set(FLOOR_OF)


def test_the_rule_sees_an_upward_and_a_sideways_arrow():
    assert forbidden("skmimic.engine._joint", "skmimic.estimators")
    assert forbidden("skmimic.losses._fidelity", "skmimic.surrogates._base")
    assert forbidden("skmimic.utils._images", "skmimic")
    assert forbidden("skmimic.exceptions", "skmimic.utils")
    assert not forbidden("skmimic.engine._joint", "skmimic.surrogates._base")


def test_the_rule_reads_relative_imports():
    path = ROOT / "engine" / "_joint.py"
    for code, names in [
        ("from ..utils import RowRunner", ["skmimic.utils"]),
        ("from .. import losses", ["skmimic.losses"]),
        ("from ._problem import Problem", ["skmimic.engine._problem"]),
        ("from . import _problem, other", ["skmimic.engine._problem", "skmimic.engine"]),
        ("import numpy.linalg", ["numpy.linalg"]),
    ]:
        assert imported(ast.parse(code).body[0], path) == names
    package = ROOT / "engine" / "__init__.py"
    assert imported(ast.parse("from ._problem import Problem").body[0], package) == ["skmimic.engine._problem"]
    assert imported(ast.parse("from ..utils import x").body[0], package) == ["skmimic.utils"]


def test_no_cycles():
    graph = {
        module_name(path): {name for name in imports(path, top_level_only=True) if name in MODULES} for path in FILES
    }
    assert set(TopologicalSorter(graph).static_order()) == MODULES  # a cycle raises CycleError


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_only_core_dependencies_are_imported_at_the_top(path):
    outside = {name.split(".")[0] for name in imports(path, top_level_only=True)} - {"skmimic"}
    assert outside <= CORE | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_private_scikit_learn_is_imported_in_one_module(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            names += [*node.module.split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [
                part for alias in node.names if alias.name.startswith("sklearn") for part in alias.name.split(".")
            ]
    private = [name for name in names if name.startswith("_")]
    assert not private or module_name(path) == "skmimic.utils._sklearn"


def test_metrics_stand_on_numpy_alone():
    for path in (ROOT / "metrics").rglob("*.py"):
        outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names)
        assert outside <= {"numpy", "skmimic"}


@pytest.mark.parametrize("part", ["surrogates", "losses", "corruptions", "engine", "training", "detection"])
def test_torch_stands_alone_below_the_estimators(part):
    for path in (ROOT / part).rglob("*.py"):
        assert "sklearn" not in {name.split(".")[0] for name in imports(path)}, module_name(path)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_packages_say_what_is_public_and_modules_are_private(path):
    names = module_name(path).split(".")[2:]
    if path.name == "__init__.py":
        text = path.read_text(encoding="utf-8")
        assert "__all__" in text
    elif names and path.name != "__main__.py":
        assert names[-1].startswith("_"), "modules inside packages start with an underscore"
