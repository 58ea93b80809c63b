"""What a table that can be used should let its reader know."""

import pytest

from data.tables.csv_files import TOWN, N, X, join, read

Y = [3.5, *([1.0, 2.0] * N)[: N - 1]]
EACH = [f"town {row}" for row in range(N)]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("id", range(1, N + 1)),
        ("ID", range(N)),
        ("customer_id", range(1000, 1000 + N)),
        ("Nr.", [f"{row}.0" for row in range(N)]),
    ],
)
def test_a_column_that_counts_the_rows_is_noted(tmp_path, name, column):
    table = read(tmp_path, join(f"{name},x,y", column, X, Y))
    said = f'Column {name!r} counts the rows: leave it out with exclude = ["{name}"] if it is only'
    assert len(table.notes) == 1 and table.notes[0].startswith(said)
    excluded = read(tmp_path, join(f"{name},x,y", column, X, Y), exclude=[name])
    assert excluded.notes == ()


def test_other_columns_are_not_noted(tmp_path):
    steps, gaps, down = range(0, 2 * N, 2), [0, *range(2, N + 1)], range(N, 0, -1)
    content = join("a,b,c,town,y", steps, gaps, down, TOWN, Y)
    assert read(tmp_path, content, categorical=["town"]).notes == ()


def test_another_category_in_every_row_is_noted(tmp_path):
    (note,) = read(tmp_path, join("town,x,y", EACH, X, Y), categorical=["town"]).notes
    assert note.startswith("Column 'town' has another category in every row")
