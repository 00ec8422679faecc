"""`skmimic project`: restore images of one's own."""

from joblib import effective_n_jobs

from ..estimators import MimicGANProjector
from ..surrogates import build_family, in_words
from ..utils import resolve_device
from ._console import CommandError, Progress, plain, show
from ._models import load_model, model_path
from ._places import check_file, check_places
from ._signals import naming_interruption
from ._sinks import check_sink, open_sink
from ._sources import open_source, sample
from ._surrogate_file import save_surrogate

__all__ = ["block_rows", "run"]

BLOCK_ROWS = 1024  # images read, projected and written at a time
PARALLEL_ROWS = 4096  # the same for each worker


def run(arguments):
    """Learn the corruption that the images of IN share, and write the clean images to OUT.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        Exit status.
    """
    progress = Progress(arguments.quiet)
    _check_files(arguments)
    resolve_device(arguments.device)
    generator = load_model(arguments.gan)
    if arguments.load_surrogate is None and arguments.surrogate != "auto":
        build_family(arguments.surrogate, generator.image_shape)  # raises for an unknown name
    source = open_source(arguments.input, arguments.key, generator.image_shape)
    for note in source.notes:
        progress.say(f"note: {note}")
    key = arguments.key or "X"
    with (
        naming_interruption(arguments.output),
        open_sink(arguments.output, len(source), generator.image_shape, names=source.names, key=key) as write,
    ):
        projector = _fit(arguments, generator, source, progress)
        _project(projector, source, write, block_rows(arguments), progress)
    if not arguments.quiet:
        found = in_words(projector.surrogate_.describe())
        show(f"corruption: {found}", f"wrote {plain(arguments.output)}: {len(source)} images")
    return 0


def _check_files(arguments):
    """Check what is named, before anything is loaded."""
    saved, loaded = arguments.save_surrogate, arguments.load_surrogate
    if loaded is not None:
        for option, value in {"surrogate": arguments.surrogate, "solver": arguments.solver}.items():
            if value != "auto":
                raise CommandError(f"--load-surrogate brings its own {option}: leave --{option} out.")
        if saved is not None:
            raise CommandError("--load-surrogate learns nothing that --save-surrogate could save.")
    if saved is not None:
        check_file("--save-surrogate", saved, (".npz", ".json"))
    check_sink(arguments.output)
    inputs = {"IN": arguments.input, "--gan": model_path(arguments.gan), "--load-surrogate": loaded}
    check_places({"OUT": arguments.output, "--save-surrogate": saved}, inputs)


def _fit(arguments, generator, source, progress):
    """Learn the corruption from a part of the images, or take the saved one."""
    projector = MimicGANProjector(
        generator,
        surrogate=arguments.surrogate,
        solver=arguments.solver,
        adapt_on="fit" if arguments.load_surrogate is None else None,
        n_adapt=arguments.n_adapt,
        data_range=arguments.data_range or "auto",
        batch_size=arguments.batch_size,
        device=arguments.device,
        n_jobs=arguments.jobs,
        random_state=arguments.seed,
        verbose=0 if arguments.quiet else 1,
    )
    projector.fit(source.take(sample(len(source), arguments.n_adapt, arguments.seed)))
    if arguments.load_surrogate is not None:
        projector.load_adaptation(arguments.load_surrogate)
    elif arguments.save_surrogate is not None:
        save_surrogate(arguments.save_surrogate, projector)
        progress.say(f"wrote {arguments.save_surrogate}")
    return projector


def block_rows(arguments):
    """Tell how many images are read at a time.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
    """
    n_workers = effective_n_jobs(arguments.jobs)
    return BLOCK_ROWS if n_workers == 1 else PARALLEL_ROWS * n_workers


def _project(projector, source, write, block_rows, progress):
    for start in range(0, len(source), block_rows):
        stop = min(start + block_rows, len(source))
        write(projector.transform(source.take(slice(start, stop))), projector.data_range_)
        progress.count(stop, len(source), "images")
