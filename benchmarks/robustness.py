"""Regenerate Figures 1, 4, 5, 6a, 6c and 7 of the paper on held-out digits and faces, every method in the same engine.

    SKMIMIC_DATA=... python benchmarks/robustness.py figure4 --data mnist --seeds 0 1 2
    SKMIMIC_DATA=... python benchmarks/robustness.py figure4 --data celeba --corruptions rotation missing --seeds 0
    SKMIMIC_DATA=... python benchmarks/robustness.py figure6a --data mnist
    python benchmarks/robustness.py figure4 --table-only

One JSON a level, method and seed is written; what exists is not run again. Pictures of faces go to the work folder and
are not to be passed on.
"""

import argparse
import sys
import traceback
from pathlib import Path

import numpy as np
from robustness_data import DATA, FIGURE_5, held_out, level_of, levels_of, model_path
from robustness_figures import draw_curves, draw_grid, draw_sweep, draw_trajectory
from robustness_methods import METHODS, STEPS_PER_ROUND, TIMED, estimator_of
from robustness_report import against_table, cross_table, level_table, read_results, sweep_table, time_table
from robustness_units import POOL, cross, one_level, one_subset, one_time, save_json

OUT = Path(__file__).parent / "results" / "robustness"
STEPS, N_IMAGES = 500, 100
DRAWS = {1: 10, 2: 30, 4: 12, 8: 8, 16: 6, 32: 4, 64: 3, POOL: 1}  # of the images of each N
CROSSED = (("celeba", "lfw"), ("lfw", "celeba"))


class Runner:
    """Run units of work that have no result yet.

    Parameters
    ----------
    folder : Path
        Of the results.
    work : Path
        Of the pictures.
    again : bool
        Whether to run what has a result, too.
    """

    def __init__(self, folder, work, again):
        self.folder, self.work, self.again, self.failed = folder, work, again, []
        folder.mkdir(parents=True, exist_ok=True)
        work.mkdir(parents=True, exist_ok=True)

    def __call__(self, stem, measure, *arguments, needs_pictures=False):
        """Run a unit; it may return pictures besides its result."""
        path, pictures = self.folder / f"{stem}.json", self.work / f"{stem}.npz"
        if path.exists() and not self.again and (pictures.exists() or not needs_pictures):
            return
        print(f"{stem} ...", flush=True)
        try:
            found = measure(*arguments)
        except Exception:
            traceback.print_exc()
            self.failed.append(stem)
            return
        result, kept = found if isinstance(found, tuple) else (found, None)
        if kept is not None:
            np.savez_compressed(pictures, **kept)
        save_json(path, result)


def usable(methods, data):
    """Leave out what has no generator, and say so."""
    missing = []
    for method in methods:
        path = model_path(data, "bigan" if method == "bigan" else "gan")
        if path is not None and not path.exists():
            print(f"skipped {method} on {data}: {path} is missing; train it with train_models.py", flush=True)
            missing.append(method)
    return [method for method in methods if method not in missing]


def chosen_levels(arguments):
    """List the levels whose group or name was asked for, and none."""
    levels, wanted = levels_of(arguments.data), arguments.corruptions
    if wanted is None:
        return list(levels)
    unknown = set(wanted) - set(levels) - {level.group for level in levels.values()}
    if unknown:
        raise SystemExit(f"robustness.py: unknown corruptions {sorted(unknown)}; there are {sorted(levels)}.")
    return [name for name, level in levels.items() if name == "none" or {name, level.group} & set(wanted)]


def figure4(arguments, runner):
    """Errors of all methods at all levels, with the verdicts."""
    methods = usable(arguments.methods, arguments.data)
    for seed in arguments.seeds:
        for name in chosen_levels(arguments):
            for method in methods:
                unit = arguments.data, name, method, seed, arguments.images, arguments.rounds
                runner(f"{arguments.data}_{name}_{method}_{seed}", one_level, *unit)


def figure4_report(arguments, folder, out):
    """Write the table and draw the curves."""
    results = [result for result in read_results(folder) if result["data"] == arguments.data]
    draw_curves(results, arguments.data, out / f"figure_4_{arguments.data}.png")
    return level_table(results, arguments.data)


def figure5(arguments, runner):
    """Project by all methods at one level of each corruption; uses the units of Figure 4, whose pictures it needs."""
    for name in FIGURE_5:
        for method in usable(arguments.methods, arguments.data):
            unit = arguments.data, name, method, arguments.seeds[0], arguments.images, arguments.rounds
            stem = f"{arguments.data}_{name}_{method}_{arguments.seeds[0]}"
            runner(stem, one_level, *unit, needs_pictures=True)


def figure5_report(arguments, folder, out):
    """Draw the grid; faces stay in the work folder."""
    for name in FIGURE_5:
        stems = {method: f"{arguments.data}_{name}_{method}_{arguments.seeds[0]}" for method in arguments.methods}
        found = {method: arguments.pictures / f"{stem}.npz" for method, stem in stems.items()}
        draw_grid(found, out_of_pictures(arguments, out) / f"figure_5_{arguments.data}_{name}.png")
    return ""


def out_of_pictures(arguments, out):
    """Choose the folder of pictures that show images: digits may be published, faces not."""
    return out if arguments.data == "mnist" else arguments.pictures


def figure1(arguments, runner):
    """Draw projections on their way, for the paper's preset and for ours."""
    name = sweep_level(arguments)
    level, batch = level_of(arguments.data, name), held_out(arguments.data, arguments.images, arguments.seeds[0])
    X = batch.corrupted(level.f)
    for method in usable([one for one in arguments.methods if one in ("mimicgan_paper", "ours")], arguments.data):
        path = out_of_pictures(arguments, arguments.results) / f"figure_1_{arguments.data}_{method}.png"
        if arguments.again or not path.exists():
            print(f"{path.name} ...", flush=True)
            estimator = estimator_of(method, arguments.data, level, arguments.seeds[0], arguments.rounds, len(X))
            draw_trajectory(estimator.set_params(adapt_on=None).fit(X), X, batch.images, path)


def sweep_level(arguments):
    """Choose the level of Figures 1, 6a and 6c."""
    if arguments.corruptions is None:
        return "rotation_35"
    return chosen_levels(arguments)[-1]


def of_sweep(arguments, folder):
    """Read the results of this data set at this level."""
    wanted = arguments.data, sweep_level(arguments)
    return [result for result in read_results(folder) if (result["data"], result["level"]) == wanted]


def figure6a(arguments, runner):
    """Errors against the number of images that are seen together."""
    name = sweep_level(arguments)
    for size, n_draws in DRAWS.items():
        for draw in range(min(n_draws, arguments.draws)):
            unit = arguments.data, name, "ours", size, draw, arguments.rounds
            runner(f"{arguments.data}_{name}_{size:03d}_{draw:02d}", one_subset, *unit)
    runner(f"{arguments.data}_{name}_known", one_subset, arguments.data, name, "known", POOL, 0, arguments.rounds)


def figure6a_report(arguments, folder, out):
    """Write the table of the numbers of images and draw them."""
    results = of_sweep(arguments, folder)
    draw_sweep(results, out / f"figure_6a_{arguments.data}.png")
    return sweep_table(results)


def figure6c(arguments, runner):
    """Times of all methods on a batch of one size."""
    name = sweep_level(arguments)
    for method in usable(arguments.methods, arguments.data):
        unit = arguments.data, name, method, arguments.seeds[0], arguments.images, arguments.rounds
        runner(f"{arguments.data}_{name}_{method}", one_time, *unit)


def figure6c_report(arguments, folder, out):
    """Write the table of times."""
    return time_table(of_sweep(arguments, folder))


def figure7(arguments, runner):
    """Faces of one set on the generator of another."""
    for source, target in CROSSED:
        for method in usable([one for one in arguments.methods if one in ("pgd", "ours")], target):
            for seed in arguments.seeds:
                unit = source, target, method, seed, arguments.images, arguments.rounds
                runner(f"{source}_{target}_{method}_{seed}", cross, *unit)


def figure7_report(arguments, folder, out):
    """Write the residuals and draw the grids, which show faces, into the work folder."""
    for source, target in CROSSED:
        stems = {method: f"{source}_{target}_{method}_{arguments.seeds[0]}" for method in ("pgd", "ours")}
        found = {method: arguments.pictures / f"{stem}.npz" for method, stem in stems.items()}
        draw_grid(found, arguments.pictures / f"figure_7_{source}_{target}.png")
    return cross_table(read_results(folder))


def compared(arguments, folder):
    """Compare the results of this data set with earlier ones."""
    now, earlier = (read_results(one) for one in (folder, arguments.against))
    return against_table([result for result in now if result["data"] == arguments.data], earlier)


FIGURES = {
    "figure1": (figure1, None, "figure1"),
    "figure4": (figure4, figure4_report, "figure4"),
    "figure5": (figure5, figure5_report, "figure4"),
    "figure6a": (figure6a, figure6a_report, "figure6a"),
    "figure6c": (figure6c, figure6c_report, "figure6c"),
    "figure7": (figure7, figure7_report, "figure7"),
}


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("figure", choices=FIGURES)
    add("--data", choices=DATA, default="mnist")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the images drawn and of the methods")
    add("--corruptions", nargs="+", help="groups or single levels; Figures 1, 6 take the last, else rotation_35")
    add("--methods", nargs="+", choices=TIMED, help="all; amortized only in Figure 6c")
    add("--images", type=int, default=N_IMAGES, help="of each batch; results of others have folders of their own")
    add("--draws", type=int, default=max(DRAWS.values()), help="at most so many of each number of images in Figure 6a")
    add("--steps", type=int, default=STEPS, help=f"latent steps a row, rounded to rounds of {STEPS_PER_ROUND}")
    add("--out", type=Path, default=OUT)
    add("--work", type=Path, default=Path.home() / ".cache" / "skmimic" / "robustness", help="folder of pictures")
    add("--against", type=Path, help="folder of earlier results of Figure 4, to compare the defaults with")
    add("--again", action="store_true", help="run what exists, too")
    add("--table-only", action="store_true", help="only write the table and the figure")
    arguments = parser.parse_args(words)
    arguments.methods = arguments.methods or (TIMED if arguments.figure == "figure6c" else METHODS)
    arguments.rounds = max(round(arguments.steps / STEPS_PER_ROUND), 1)
    is_try = (arguments.images, arguments.rounds * STEPS_PER_ROUND) != (N_IMAGES, STEPS)
    scale = f"images_{arguments.images}_steps_{arguments.rounds * STEPS_PER_ROUND}" if is_try else ""
    arguments.results, arguments.pictures = arguments.out / scale, arguments.work / scale
    return arguments


def main(words=None):
    """Run what is missing, then write the table and the figure."""
    arguments = parsed(words)
    run, report, folder = FIGURES[arguments.figure]
    runner = Runner(arguments.results / folder, arguments.pictures, arguments.again)
    if not arguments.table_only:
        run(arguments, runner)
    if report is not None:
        text = report(arguments, runner.folder, arguments.results)
        if text:
            subject = "" if arguments.figure == "figure7" else f"_{arguments.data}"
            path = arguments.results / f"{arguments.figure}{subject}.md"
            path.write_text(text, encoding="utf-8")
            print(text)
    if arguments.against is not None:
        (arguments.results / f"against_{arguments.data}.md").write_text(
            compared(arguments, runner.folder), encoding="utf-8"
        )
    for stem in runner.failed:
        print(f"failed: {stem}", file=sys.stderr)
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
