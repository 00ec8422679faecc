"""Optional dependencies."""

import importlib

from ..exceptions import MissingExtraError

__all__ = ["import_extra"]


def import_extra(module, *, extra, purpose):
    """Import an optional module, or say which extra installs it.

    Parameters
    ----------
    module : str
        Name of the module, such as ``"matplotlib.pyplot"``.
    extra : str
        Extra of skmimic that installs it.
    purpose : str
        What needs it, the subject of the error message.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{purpose} needs {module.split('.')[0]}, which is not installed. Install it with: "
            f"pip install 'skmimic[{extra}]'"
        ) from error
