"""`skmimic detect`: find images that are unlike normal ones."""

import os

import numpy as np

from ..estimators import MimicAnomalyDetector
from ..surrogates import in_words
from ..utils import atomic_write, is_vector, resolve_device
from ._anomaly_page import anomaly_page
from ._anomaly_table import as_csv, summary_lines
from ._console import CommandError, Progress, plain, show
from ._findings import Findings
from ._models import load_model, model_path
from ._pictures import pillow_for
from ._places import check_file, check_places
from ._project import block_rows
from ._signals import naming_interruption
from ._sources import Wording, open_source, sample

__all__ = ["run"]

MOST_NORMALS = 52_000  # those that a detector remembers, and those that it holds out


def run(arguments):
    """Score the images of NEW by how unlike those of NORMAL they are, and write table and page.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        Exit status.
    """
    _check_files(arguments)
    resolve_device(arguments.device)
    progress = Progress(arguments.quiet)
    with naming_interruption(arguments.report or arguments.output or arguments.new):
        generator = None if arguments.gan is None else load_model(arguments.gan)
        normal, new = _open(arguments, generator, progress)
        if arguments.report is not None:
            _check_shown(normal)
        detector = _fit(arguments, generator, normal, progress)
        if arguments.adapt:
            detector.adapt(new.take(sample(len(new), arguments.n_adapt, arguments.seed)))
        findings = _judge(detector, new, arguments)
        _write(findings, detector, new, arguments)
    return 0


def _check_files(arguments):
    """Check what is asked for, before anything is loaded."""
    if arguments.gan is not None and not arguments.adapt and arguments.score_by != "residual":
        raise CommandError("--gan is used by --adapt and by --score-by residual alone: leave it out, or add one.")
    if arguments.quiet and arguments.output is None and arguments.report is None:
        raise CommandError("nothing would be told: pass -o FILE.csv or --report FILE.html, or leave --quiet out.")
    if arguments.output is not None:
        check_file("-o", arguments.output, (".csv",))
    if arguments.report is not None:
        check_file("--report", arguments.report, (".html", ".htm"))
    gan = None if arguments.gan is None else model_path(arguments.gan)
    inputs = {"NORMAL": arguments.normal, "NEW": arguments.new, "--gan": gan}
    check_places({"-o": arguments.output, "--report": arguments.report}, inputs)
    if _is_same(arguments.normal, arguments.new) and arguments.normal_key == arguments.new_key:
        raise CommandError(
            f"{arguments.new}: these are the normal images, and each is like itself. Name others as NEW."
        )


def _is_same(one, other):
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _open(arguments, generator, progress):
    """Open both sources; the normal images tell the shape, or the generator does."""
    size = arguments.size
    if generator is not None and size is not None:
        raise CommandError("--size is that of the generator: leave --size or --gan out.")
    told = None if generator is None else generator.image_shape
    wording = Wording(key="--normal-key")
    normal = open_source(arguments.normal, arguments.normal_key, told, size=size, wording=wording)
    giver = "the normal images are" if told is None else wording.giver
    wording = Wording(giver, "other normal ones" if told is None else wording.other, "--new-key")
    shared = {"background": normal.background, "wording": wording}
    new = open_source(arguments.new, arguments.new_key, normal.image_shape, **shared)
    for name, source in (("NORMAL", normal), ("NEW", new)):
        for note in source.notes:
            progress.say(f"note: {name}: {note}")
    return normal, new


def _check_shown(source):
    if is_vector(source.image_shape):
        n_features = source.image_shape[-1]
        raise CommandError(f"--report shows images, but {source.name} has rows of {n_features} values. Use -o alone.")
    pillow_for(source.image_shape)


def _fit(arguments, generator, normal, progress):
    chosen = sample(len(normal), MOST_NORMALS, arguments.seed)
    few = f"{len(chosen)} of " if len(chosen) < len(normal) else ""
    progress.say(f"learning from {few}{len(normal)} normal images")
    detector = MimicAnomalyDetector(
        generator,
        score_by=arguments.score_by,
        contamination=arguments.contamination,
        image_shape=None if is_vector(normal.image_shape) else normal.image_shape,
        data_range=arguments.data_range or "auto",
        n_adapt=arguments.n_adapt,
        batch_size=arguments.batch_size,
        device=arguments.device,
        n_jobs=arguments.jobs,
        random_state=arguments.seed,
        verbose=0 if arguments.quiet else 1,
    )
    return detector.fit(normal.take(chosen))


def _judge(detector, new, arguments):
    """Score block by block, so that memory holds few images at a time."""
    reports, step = [], block_rows(arguments)
    progress = Progress(arguments.quiet)  # whose seconds do not begin before the scoring does
    for start in range(0, len(new), step):
        stop = min(start + step, len(new))
        reports.append(detector.report(new.take(slice(start, stop)), n_shown=0))
        progress.count(stop, len(new), "images")
    columns = ("scores", "p_values", "labels")
    joined = [np.concatenate([getattr(report, name) for report in reports]) for name in columns]
    first = reports[0]
    return Findings(*joined, first.threshold, first.normal_scores, new.file_names, arguments.contamination)


def _write(findings, detector, new, arguments):
    """Write table and page, which are made whole before the first is written."""
    contents = {}
    if arguments.output is not None:
        contents[arguments.output] = as_csv(findings)
    if arguments.report is not None:
        contents[arguments.report] = _page(findings, detector, new, arguments)
    for path, content in contents.items():
        atomic_write(path, content)
    if arguments.quiet:
        return
    if arguments.adapt:
        show(f"corruption: {in_words(detector.surrogate_.describe())}")
    show(*summary_lines(findings), *(f"wrote {plain(path)}" for path in contents))


def _page(findings, detector, new, arguments):
    strangest = findings.order[: arguments.n_shown]
    images = new.take(strangest)
    return anomaly_page(findings, strangest, images, detector.report(images), detector, arguments)
