"""Small CSV files and how they are read: what the tests of CSV share."""

from fairtrial.data.tables.table import read_table
from fairtrial.study.task import TableTask

N = 20
X = [round(0.5 + 0.25 * row, 2) for row in range(N)]
TOWN = [("Bern", "Chur")[row % 2] for row in range(N)]


def join(head, *columns, end="\n", separator=","):
    """Write columns under a first line."""
    rows = zip(*columns, strict=True)
    return end.join([head, *(separator.join(map(str, row)) for row in rows), ""])


def put(column, row, value):
    """Replace the value of a row, counted from 1."""
    return [*column[: row - 1], value, *column[row:]]


def describe(path, **others):
    """The task of a table whose target is y."""
    values = {"kind": "table", "path": str(path), "target": "y", "problem": "regression"} | others
    return TableTask(**values)


def read(folder, content, name="table.csv", **others):
    """Write the content to a file and read the table in it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(describe(path, **others))
