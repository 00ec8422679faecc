"""A file of comma-separated values that grows by a line a result; what is in it is not measured again."""

import csv
import os

__all__ = ["Results", "in_short", "read"]


class Results:
    """Results in a file.

    Parameters
    ----------
    path : Path
        Made if it is not there. A line that an interruption left unfinished is dropped.
    columns : sequence of str
    keys : sequence of str
        Columns that tell which case a line is.

    Raises
    ------
    ValueError
        If the file has other columns.
    """

    def __init__(self, path, columns, keys):
        self.path, self.columns, self.keys = path, tuple(columns), tuple(keys)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or not _drop_unfinished_line(path):
            path.write_text(",".join(self.columns) + "\n", encoding="utf-8")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames) != self.columns:
                raise ValueError(f"{path}: expected the columns {self.columns}, got {tuple(reader.fieldnames)}.")
            self._done = {self._key(line) for line in reader}

    def _key(self, case):
        return tuple(str(case[name]) for name in self.keys)

    def __contains__(self, case):
        """Tell whether a case is there."""
        return self._key(case) in self._done

    def add(self, result):
        """Append a line and see it to the disk."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="", lineterminator="\n").writerow(result)
            file.flush()
            os.fsync(file.fileno())
        self._done.add(self._key(result))


def _drop_unfinished_line(path):
    """Cut a file after its last whole line; return how many bytes are left."""
    content = path.read_bytes()
    n_whole = content.rfind(b"\n") + 1
    if n_whole < len(content):
        os.truncate(path, n_whole)
    return n_whole


def read(paths):
    """Return the lines of several files as dicts of str."""
    lines = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            lines += csv.DictReader(file)
    return lines


def in_short(described):
    """Write what a surrogate does, as its `describe` tells it, in one cell."""
    left_out = ("family", "standard_errors")
    return "; ".join(f"{name} {_rounded(value)}" for name, value in described.items() if name not in left_out)


def _rounded(value):
    values = value if isinstance(value, tuple) else (value,)
    return " ".join(f"{one:.3f}" if isinstance(one, float) else str(one) for one in values)
