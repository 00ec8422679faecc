"""Tables and figures of the defence benchmark, put into its page.

    python -m benchmarks.defence.report
    python -m benchmarks.defence.report --results a.csv b.csv --page adversarial_defence.md --figures folder

Tables stand in the page between `<!-- table NAME -->` and `<!-- end -->`; all else is left as it is. A cell is the
mean over the seeds of the generator, and their standard deviation.
"""

import argparse
import re
from pathlib import Path

from benchmarks.defence import tables
from benchmarks.defence.__main__ import OUT
from benchmarks.defence.figures import draw_budgets, draw_universal
from benchmarks.pose.results import read

__all__ = ["TABLES", "filled", "main"]

DOCS = Path(__file__).parents[2] / "docs"
TABLES = {
    "main": tables.main_table,
    "universal": tables.universal_table,
    "adaptive": lambda lines: tables.attack_table(lines, "clean", "exact", "bpda"),
    "others": lambda lines: tables.attack_table(lines, "margin", "walk", "poison"),
    "large": lambda lines: tables.attack_table(lines, "large", "auto"),
    "speed": tables.speed_table,
    "settings": tables.settings_table,
}


def filled(page, lines):
    """Put tables into a page.

    Parameters
    ----------
    page : str
    lines : list of dict

    Returns
    -------
    str
    """

    def replaced(match):
        return f"{match[1]}\n{TABLES[match[2]](lines)}{match[3]}"

    return re.sub(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", replaced, page, flags=re.DOTALL)


def main(words=None):
    """Read the results and write the page and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, nargs="+", default=[OUT])
    parser.add_argument("--page", type=Path, default=DOCS / "paper" / "adversarial_defence.md")
    parser.add_argument("--figures", type=Path, default=DOCS / "_static")
    arguments = parser.parse_args(words)
    lines = read(arguments.results)
    arguments.page.write_text(filled(arguments.page.read_text(encoding="utf-8"), lines), encoding="utf-8")
    reported = [line for line in lines if line["data"] == tables.REPORTED]
    draw_universal(reported, arguments.figures / "figure_9a.png")
    draw_budgets(reported, arguments.figures / "defence_budgets.png")


if __name__ == "__main__":
    main()
