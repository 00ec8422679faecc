"""Every example has a title, one figure and a reasonable length; `scripts/examples` runs them."""

import ast
import re
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
TITLE = re.compile(r"\A\n([^\n]+)\n(=+)\n\n\S")
PICTURE = ("subplots", "figure")  # of pyplot


def calls(tree, owner, names):
    """Calls of functions of a module in the source, such as ``plt.show()``."""
    attributes = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")]
    return [call for call in attributes if call.attr in names and getattr(call.value, "id", None) == owner]


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def source(request):
    return request.param.read_text()


def test_it_begins_with_a_title_and_a_story(source):
    title, underline = TITLE.match(ast.get_docstring(ast.parse(source), clean=False)).groups()
    assert len(underline) == len(title)


def test_it_has_one_figure(source):
    tree = ast.parse(source)
    assert len(calls(tree, "plt", PICTURE)) == 1
    assert len(calls(tree, "plt", ("show",))) == 1


def test_it_reads_in_one_sitting(source):
    assert 60 <= len(source.splitlines()) <= 120


def test_headings_are_underlined_in_full(source):
    for heading, underline in re.findall(r"^# ([^\n]+)\n# (-{3,})$", source, re.MULTILINE):
        assert len(underline) == len(heading)


def test_it_is_repeatable(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith(("Projector", "Aligner", "Detector")):
            keywords = {keyword.arg for keyword in node.keywords}
            assert keywords & {"random_state", None}


def test_an_own_surrogate_has_twenty_lines():
    (path,) = [path for path in EXAMPLES if path.stem == "plot_own_surrogate"]
    (surrogate,) = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    assert surrogate.end_lineno - surrogate.lineno + 1 <= 20


def test_there_is_one_for_every_job():
    jobs = {"first_projection", "pipeline", "grid_search", "own_generator", "own_surrogate", "anomaly_scores"}
    assert {path.stem.removeprefix("plot_") for path in EXAMPLES} >= jobs
