"""`skmimic verify`: does a model file work?"""

from ..generators import verify_model
from ._console import plain, show
from ._models import model_path

__all__ = ["run"]

QUESTIONS = {
    "file": ("the file is whole", "the file is damaged"),
    "images_finite": ("its images are finite", "its images contain NaN or infinity"),
    "images_in_range": ("its images are in their range", "its images leave their range"),
    "images_differ": ("its images differ", "its images are all alike"),
}


def run(arguments):
    """Print what is right and what is wrong with a model file.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        Exit status: 0 if all is right, else 1.
    """
    path = model_path(arguments.model)
    report = verify_model(path)
    for name, is_right in report["checks"].items():
        right, wrong = QUESTIONS.get(name, (name, f"not {name}"))
        show(f"  {'ok ' if is_right else 'NO '} {right if is_right else wrong}")
    show(f"{plain(path)}: {'ok' if report['ok'] else 'not usable'}")
    return 0 if report["ok"] else 1
