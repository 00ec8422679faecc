"""Arguments of the commands. Nothing heavy is imported here, so that ``skmimic --help`` is quick."""

import argparse
import math

from .. import __version__
from ._console import complain

__all__ = ["SCORES", "SOLVERS", "build_parser"]

SOLVERS = ("auto", "alternating", "joint", "amortized", "closed_form")
SCORES = ("auto", "edges", "neighbors", "patches", "residual")


class Parser(argparse.ArgumentParser):
    """Parser that complains in one line."""

    def error(self, message):
        """Say what is wrong and where help is."""
        complain("error", f"{message} (see {self.prog} --help)")
        self.exit(2)


def build_parser():
    """Return the parser of all commands.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = Parser(prog="skmimic", description="Find clean images behind an unknown corruption.")
    parser.add_argument("--version", action="version", version=f"skmimic {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_project(commands)
    _add_detect(commands)
    _add_info(commands)
    _add_verify(commands)
    return parser


def _command(commands, name, module, summary, description):
    command = commands.add_parser(name, help=summary, description=description)
    command.set_defaults(module=module)
    return command


def _add_demo(commands):
    demo = _command(
        commands,
        "demo",
        "_demo",
        "restore and align real digits, offline, in about a minute",
        "Restore embedded MNIST digits whose corruption is unknown, and let a classifier of MNIST read the digits of "
        "another scanner. Prints a table and writes a picture.",
    )
    demo.add_argument("--seed", type=_natural, default=0, help="seed of all random draws (default: 0)")
    demo.add_argument("--out", default="skmimic_demo.png", metavar="FILE", help="picture (default: %(default)s)")
    demo.add_argument("--json", metavar="FILE", help="also write the figures as JSON")
    demo.add_argument("--quick", action="store_true", help="fewer digits and steps: a look, not a measurement")


def _add_project(commands):
    project = _command(
        commands,
        "project",
        "_project",
        "restore images of your own",
        "Learn the corruption that all images of IN share and write the clean images to OUT. Both are .npy, .npz or a "
        "folder of pictures; arrays are (n, features), (n, H, W) or (n, C, H, W).",
    )
    project.add_argument("input", metavar="IN", help="corrupted images")
    project.add_argument("output", metavar="OUT", help="clean images: .npy, .npz, or a new folder of PNG images")
    project.add_argument("--gan", required=True, metavar="G", help="bundled name or model file of clean images")
    project.add_argument("--key", help="array inside a .npz (default: X, else the first)")
    _add_method(project)
    _add_computing(project)


def _add_method(project):
    group = project.add_argument_group("method")
    group.add_argument(
        "--surrogate", default="auto", help="auto, identity, paper, or parts such as affine+mask (default: auto)"
    )
    group.add_argument("--solver", choices=SOLVERS, default="auto", help="default: auto")
    _add_learning(group)
    group.add_argument(
        "--save-surrogate",
        metavar="FILE",
        help="keep the learned corruption: .npz can be loaded again, .json says it in human units",
    )
    group.add_argument("--load-surrogate", metavar="FILE.npz", help="use a saved corruption, learn nothing")


def _add_learning(group):
    group.add_argument(
        "--data-range",
        nargs=2,
        type=_number,
        metavar=("LOW", "HIGH"),
        help="values of black and white (default: 0 255 for bytes, else found)",
    )
    group.add_argument(
        "--n-adapt",
        type=_at_least(2),
        default=1000,
        metavar="N",
        help="images at most from which the corruption is learned (default: 1000)",
    )
    group.add_argument("--seed", type=_natural, default=0, help="seed of all random draws (default: 0)")


def _add_detect(commands):
    detect = _command(
        commands,
        "detect",
        "_detect",
        "find images that are unlike normal ones",
        "Score every image of NEW by how unlike the images of NORMAL it is. Both are .npy, .npz or a folder of "
        "pictures; arrays are (n, features), (n, H, W) or (n, C, H, W).",
    )
    detect.add_argument(
        "normal", metavar="NORMAL", help="normal images, at least 12 that differ, better some thousands"
    )
    detect.add_argument("new", metavar="NEW", help="images to judge")
    detect.add_argument(
        "-o", "--output", metavar="FILE.csv", help="image, score, p-value and label (1 normal, -1 not) of every image"
    )
    detect.add_argument(
        "--report", metavar="FILE.html", help="page with the strangest images and where they are strange"
    )
    detect.add_argument(
        "--n-shown", type=_at_least(1), default=50, metavar="N", help="images on the page at most (default: 50)"
    )
    detect.add_argument("--normal-key", metavar="KEY", help="array inside NORMAL, a .npz (default: X, else the first)")
    detect.add_argument("--new-key", metavar="KEY", help="the same of NEW")
    detect.add_argument(
        "--size", type=_size, metavar="HxW", help="pixels to which pictures of folders are brought (default: theirs)"
    )
    _add_judging(detect)
    _add_computing(detect)


def _add_judging(detect):
    group = detect.add_argument_group("method")
    group.add_argument("--score-by", choices=SCORES, default="auto", help="default: auto")
    group.add_argument(
        "--contamination",
        type=_rate,
        default=0.05,
        metavar="RATE",
        help="part of new normal images that may be called anomalies, up to 0.5 (default: 0.05)",
    )
    group.add_argument(
        "--adapt",
        action="store_true",
        help="all images of NEW went through one more corruption: learn it, and compare with normal images after it",
    )
    group.add_argument(
        "--gan",
        metavar="G",
        help="bundled name or model file of normal images, for --adapt and --score-by residual (default: principal "
        "components of NORMAL)",
    )
    _add_learning(group)


def _add_computing(project):
    group = project.add_argument_group("computing")
    group.add_argument("--batch-size", type=_at_least(1), default=256, metavar="N", help="images at a time (256)")
    group.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="worker processes, -1 for all cores (1)")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    group.add_argument("--quiet", action="store_true", help="no progress and no summary")


def _add_info(commands):
    info = _command(
        commands, "info", "_info", "say what a model file contains", "Say what a model file or bundled model contains."
    )
    info.add_argument("model", metavar="MODEL", help="model file or bundled name")
    info.add_argument("--json", action="store_true", help="as JSON")


def _add_verify(commands):
    verify = _command(
        commands,
        "verify",
        "_verify",
        "check a model file",
        "Check a model file and try its generator. Exit status: 0 all right, 1 it does not work, 2 it cannot be read.",
    )
    verify.add_argument("model", metavar="MODEL", help="model file or bundled name")


def _natural(text):
    return _at_least(0)(text)


def _at_least(least):
    def integer(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**31:
            raise argparse.ArgumentTypeError(f"expected an integer of at least {least}, got {text!r}")
        return value

    return integer


def _jobs(text):
    if text.strip() == "-1":
        return -1
    try:
        return _at_least(1)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected a number of workers or -1, got {text!r}") from None


def _rate(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 0.5:
        raise argparse.ArgumentTypeError(f"expected a rate above 0 and up to 0.5, got {text!r}")
    return value


def _size(text):
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 1 <= int(side) < 2**15 for side in sides):
        raise argparse.ArgumentTypeError(f"expected pixels as HEIGHTxWIDTH, for instance 64x48, got {text!r}")
    return int(sides[0]), int(sides[-1])


def _number(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a finite number, got {text!r}")
    return value
