"""`skmimic demo`: the main job on embedded data."""

import json

from joblib import Parallel, cpu_count, delayed

from ..exceptions import MissingExtraError
from ..generators import load_gan
from ..plotting import DemoDisplay
from ..utils import BYTES, atomic_write
from ._alignment import align
from ._console import Progress, plain, show
from ._places import check_file, check_places
from ._report import alignment_lines, as_json, panels, restoration_lines
from ._restoration import restore
from ._signals import naming_interruption
from ._stopwatch import Duration, Stopwatch

__all__ = ["run"]

EFFORT = {"batch_size": 100}  # divides the numbers of digits: of 400 in chunks of 256, the last would be padded by 112
FULL = {"n_digits": 300, "n_target": 400, "class_priors": ("source", None), "effort": EFFORT, "n_workers": 2}
QUICK = {"n_digits": 60, "n_target": 60, "class_priors": (None,), "effort": {"batch_size": 60, "T": 6}, "n_workers": 1}


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
    check_file("--out", arguments.out, (".png",))
    if arguments.json is not None:
        check_file("--json", arguments.json)
    check_places({"--out": arguments.out, "--json": arguments.json})
    with naming_interruption(arguments.out):
        _run(arguments)
    return 0


def _run(arguments):
    watch, parts = Stopwatch(), _parts(QUICK if arguments.quick else FULL, arguments.seed)
    restoration = next(parts)
    show("", *restoration_lines(restoration), "")
    alignments = list(parts)[::-1]  # the one without labels first
    durations = [part.duration for part in (*alignments, *restoration.methods)]
    total = Duration(watch.read().wall, sum(duration.cpu for duration in durations))
    show("", *alignment_lines(alignments), "")
    show(f"{total.wall:.0f} seconds ({total.cpu:.0f} of processor time), seed {arguments.seed}")
    if arguments.json:
        figures = as_json(restoration, alignments, total, arguments)
        atomic_write(arguments.json, (json.dumps(figures, indent=2) + "\n").encode())
        show(f"wrote {plain(arguments.json)}")
    _draw(panels(restoration, alignments), arguments.out)


def _parts(size, seed):
    """Give the results of the parts of the demo, the longest first, in two processes where there are two cores.

    Small networks gain little from a second thread, and lose much when the machine has other work too.
    """
    gan = load_gan("mnist16")
    common = {"seed": seed, "effort": size["effort"], "report": Progress().say}
    first = delayed(restore)(gan, n_digits=size["n_digits"], **common)
    others = [delayed(align)(gan, n_target=size["n_target"], class_prior=p, **common) for p in size["class_priors"]]
    return Parallel(n_jobs=min(size["n_workers"], cpu_count()), return_as="generator")([first, *others])


def _draw(content, path):
    """Write the picture; without matplotlib say which extra brings it."""
    try:
        display = DemoDisplay(content, data_range=BYTES).plot()
    except MissingExtraError as error:
        show(f"no picture: {error}")
        return
    display.save(path)
    show(f"wrote {plain(path)}")
