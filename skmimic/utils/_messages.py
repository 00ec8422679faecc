"""Words of other people's errors, for messages of our own."""

__all__ = ["first_line"]

LONGEST = 160  # characters


def first_line(error):
    """Say in one short line what an error says; its class where it says nothing.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        At most 160 characters.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:LONGEST]
