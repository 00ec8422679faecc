"""`skmimic demo`: the main job on embedded data."""

import json
from pathlib import Path

from ..exceptions import MissingExtraError
from ..generators import load_gan
from ..plotting import DemoDisplay
from ..utils import atomic_write
from ._alignment import align
from ._console import CommandError, Progress
from ._report import alignment_lines, as_json, panels, restoration_lines
from ._restoration import BYTES, restore
from ._stopwatch import Stopwatch

__all__ = ["run"]

EFFORT = {"batch_size": 100}  # divides the numbers of digits: a chunk that is not full costs as much as a full one
FULL = {"n_digits": 300, "n_target": 400, "effort": EFFORT}
QUICK = {"n_digits": 60, "n_target": 60, "effort": {"batch_size": 60, "T": 6}}


def run(arguments):
    """Restore and align real digits, print the figures and write the picture.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        Exit status.
    """
    _check_targets(arguments)
    size, seed, progress, watch = QUICK if arguments.quick else FULL, arguments.seed, Progress(), Stopwatch()
    gan = load_gan("mnist16")
    common = {"seed": seed, "effort": size["effort"], "report": progress.say}
    restoration = restore(gan, n_digits=size["n_digits"], **common)
    print("", *restoration_lines(restoration), "", sep="\n", flush=True)
    alignment = align(gan, n_target=size["n_target"], **common)
    total = watch.read()
    print("", *alignment_lines(alignment), "", sep="\n")
    print(f"{total.wall:.0f} seconds ({total.cpu:.0f} of processor time), seed {seed}")
    if arguments.json:
        figures = as_json(restoration, alignment, total, arguments)
        atomic_write(arguments.json, (json.dumps(figures, indent=2) + "\n").encode())
        print(f"wrote {arguments.json}")
    _draw(panels(restoration, alignment), arguments.out)
    return 0


def _check_targets(arguments):
    """Refuse a name that cannot be written, before any work."""
    if Path(arguments.out).suffix.lower() != ".png":
        raise CommandError(f"--out {arguments.out}: the picture is a PNG; end its name in .png.")
    for option, target in {"--out": arguments.out, "--json": arguments.json}.items():
        if target is not None and (not Path(target).parent.is_dir() or Path(target).is_dir()):
            raise CommandError(f"{option} {target}: expected a file in a folder that exists.")


def _draw(content, path):
    """Write the picture; without matplotlib say which extra brings it."""
    try:
        display = DemoDisplay(content, data_range=BYTES).plot()
    except MissingExtraError as error:
        print(f"no picture: {error}")
        return
    display.save(path)
    print(f"wrote {path}")
