"""The documentation names everything public, and nothing that is not there."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skmimic

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "paper").glob("*.md"))]
API_PAGES = sorted((ROOT / "docs" / "api").glob("*.rst"))
DIRECTIVE = re.compile(r"^\s*\.\. (?:py:data|autoexception):: (\S+)$")
ENTRY = re.compile(r"^   (skmimic(?:\.\w+)+)$")
DOTTED = re.compile(r"`(skmimic(?:\.\w+)+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)\)")
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def public_packages():
    """The top level and every subpackage with a public list, the command line excepted."""
    found = ["skmimic"]
    for info in pkgutil.walk_packages(skmimic.__path__, "skmimic."):
        if not any(part.startswith("_") for part in info.name.split(".")) and not info.name.startswith("skmimic.cli"):
            found.append(info.name)
    return [name for name in found if hasattr(importlib.import_module(name), "__all__")]


def documented():
    """Full names on the API pages."""
    lines = [line for page in API_PAGES for line in page.read_text().splitlines()]
    matches = [DIRECTIVE.match(line) or ENTRY.match(line) for line in lines]
    return [match.group(1) for match in matches if match]


def resolve(path):
    """The object behind a dotted name."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            value = getattr(value, name)
        return value
    raise ModuleNotFoundError(path)


def names_of_page(text):
    """Dotted names of skmimic that a page mentions in backquotes."""
    return sorted(set(DOTTED.findall(text)))


@pytest.mark.parametrize("package", public_packages())
def test_every_exported_name_is_on_an_api_page(package):
    on_pages = set(documented())
    top = {name: getattr(skmimic, name) for name in skmimic.__all__}
    for name in importlib.import_module(package).__all__:
        value = getattr(importlib.import_module(package), name)
        is_at_top = name in top and top[name] is value and f"skmimic.{name}" in on_pages
        assert name == "__version__" or is_at_top or f"{package}.{name}" in on_pages, f"{package}.{name}"


def test_a_name_stands_on_one_api_page_only():
    assert len(documented()) == len(set(documented()))


@pytest.mark.parametrize("path", documented())
def test_every_documented_name_exists(path):
    package, _, name = path.rpartition(".")
    assert name in importlib.import_module(package).__all__


def test_every_api_page_is_in_the_index():
    index = (ROOT / "docs" / "api" / "index.rst").read_text()
    for page in API_PAGES:
        assert page.stem == "index" or f"\n   {page.stem}\n" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if target.startswith("auto_examples/"):
            target = target.replace("auto_examples", "../examples").replace("index.rst", "GALLERY_HEADER.rst")
            target = re.sub(r"(plot_\w+)\.rst", r"\1.py", target)
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_the_text_exist(page):
    for path in names_of_page(page.read_text()):
        resolve(path)


def test_the_check_sees_a_name_that_is_not_there():
    (path,) = names_of_page("use `skmimic.surrogates.Telescope` and `describe`")
    with pytest.raises(AttributeError, match="Telescope"):
        resolve(path)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "design.md"], ids=lambda page: page.name)
def test_code_is_python(page):  # the design lists signatures without bodies
    for block in CODE.findall(page.read_text()):
        ast.parse(block)


def test_deviations_cover_every_open_point():
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "paper" / "deviations.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 33))


def test_the_test_command_of_the_readme_is_the_one_of_ci():
    blocks = BASH.findall((ROOT / "README.md").read_text())
    (command,) = [block.strip() for block in blocks if "pytest" in block]
    assert command in [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
