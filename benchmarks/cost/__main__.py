"""What rows cost: processor seconds, memory, and the generator's own share; a table in docs/cost.md.

    OMP_NUM_THREADS=1 python -m benchmarks.cost --work cells --report docs/cost.md

Each cell is measured in a fresh process and kept as JSON in the folder; a second call goes on where the first stopped.
A cell that would take longer than `--most-seconds`, judged by the one with fewer rows, is left out.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

SIZES, ROWS, TASKS = (16, 28, 64, 128), (1, 8, 100, 1000), ("fit", "transform", "pgd", "loop")
NAMES = {16: "1x16x16", 28: "1x28x28", 64: "3x64x64", 128: "3x128x128"}
TITLES = {"fit": "`fit`, affine", "transform": "`transform`", "pgd": "PGD", "loop": "plain loop"}
LAST_PAGE_LINE = "<!-- table -->"
NEXT_TABLE = "## Detector"  # of `benchmarks.cost.detection`, which stays


def cell_path(folder, task, size, n):
    """Name the file of a cell."""
    return folder / f"{task}_{size}_{n}.json"


def read(folder, task, size, n):
    """Return a cell that was measured, or None."""
    path = cell_path(folder, task, size, n)
    return json.loads(path.read_text()) if path.exists() else None


def worker(arguments):
    """Measure one cell and print it."""
    from benchmarks.cost.units import run

    more = {} if arguments.error is None else {"error": arguments.error}
    (task,), (size,), (n,) = arguments.tasks, arguments.sizes, arguments.rows
    print(json.dumps(run(task, size, n, arguments.work, **more)))


def measure(arguments, task, size, n):
    """Measure a cell in a process of its own and keep the fastest of several repeats."""
    command = [sys.executable, "-m", "benchmarks.cost", "--worker", "--work", str(arguments.work)]
    command += ["--tasks", task, "--sizes", str(size), "--rows", str(n)]
    if task == "loop":
        pgd = read(arguments.work, "pgd", size, n)
        if pgd is None:
            return
        command += ["--error", str(pgd["error"])]
    found = []
    for _ in range(arguments.repeats):
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
    best = min(found, key=lambda cell: cell["seconds"])
    cell_path(arguments.work, task, size, n).write_text(json.dumps(best))
    print(best, flush=True)


def is_too_long(arguments, task, size, n):
    """Judge a cell by the largest smaller one."""
    smaller = [cell for m in ROWS if m < n and (cell := read(arguments.work, task, size, m))]
    if not smaller:
        return False
    last = smaller[-1]
    growth = n / last["rows"] if last["rows"] > 4 else n / 4
    return last["seconds"] * growth > arguments.most_seconds


def report(arguments):
    """Write the table into the page, below its mark."""
    page = arguments.report.read_text()
    head = page[: page.index(LAST_PAGE_LINE) + len(LAST_PAGE_LINE)]
    tail = page[page.index(NEXT_TABLE) :] if NEXT_TABLE in page else ""
    machines = sorted(
        {
            cell["machine"]
            for size in SIZES
            for n in ROWS
            for task in TASKS
            if (cell := read(arguments.work, task, size, n))
        }
    )
    lines = [
        "",
        "",
        "; ".join(machines) + ".",
        "",
        "| images | rows | " + " | ".join(TITLES[task] for task in TASKS) + " | PGD : loop |",
    ]
    lines.append("|---" * (len(TASKS) + 3) + "|")
    for size in SIZES:
        for n in ROWS:
            cells = {task: read(arguments.work, task, size, n) for task in TASKS}
            if any(cells.values()):
                lines.append(f"| {NAMES[size]} | {n:,} | {' | '.join(map(shown, cells.values()))} | {ratio(cells)} |")
    arguments.report.write_text(head + "\n".join(lines) + "\n" + (f"\n{tail}" if tail else ""))


def shown(cell):
    """Show seconds, memory and share; steps of a loop that did not arrive are marked."""
    if cell is None:
        return "-"
    text = f"{cell['seconds']:.3g} s, {cell['peak_MiB']} MiB, {100 * cell['share']:.0f} %"
    return text if cell.get("arrived", True) else text + " (not reached)"


def ratio(cells):
    """Compare PGD with the loop to the same error."""
    pgd, loop = cells["pgd"], cells["loop"]
    return "-" if pgd is None or loop is None else f"{pgd['seconds'] / loop['seconds']:.2f}"


def main():
    """Measure the cells that are missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--work", type=Path, required=True, help="folder of the cells")
    add("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES)
    add("--rows", type=int, nargs="+", default=ROWS, choices=ROWS)
    add("--tasks", nargs="+", default=TASKS, choices=TASKS)
    add("--repeats", type=int, default=1)
    add("--most-seconds", type=float, default=100.0)
    add("--report", type=Path, help="page to write the table into")
    add("--worker", action="store_true", help=argparse.SUPPRESS)
    add("--error", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments)
    arguments.work.mkdir(parents=True, exist_ok=True)
    for size in arguments.sizes:
        for task in arguments.tasks:
            for n in arguments.rows:
                is_one_row_to_learn_from = task == "fit" and n == 1  # which identifies nothing
                is_done = cell_path(arguments.work, task, size, n).exists()
                if not is_done and not is_one_row_to_learn_from and not is_too_long(arguments, task, size, n):
                    measure(arguments, task, size, n)
    if arguments.report:
        report(arguments)


if __name__ == "__main__":
    main()
