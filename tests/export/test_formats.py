"""An export is checked before it starts, and its errors are sentences."""

import importlib.util
import shutil

import pytest

from commands import run
from fairtrial.errors import InputError
from fairtrial.export.formats import FORMATS, Format, export, prepare_export


def test_export_goes_to_the_results_folder_by_default(trial, tmp_path):
    folder = shutil.copytree(trial.folder, tmp_path / "results")
    assert export(folder, "csv") == folder / "csv"
    with pytest.raises(InputError, match="replaces nothing"):
        export(folder, "csv")


def test_unknown_export_format_is_refused(trial):
    with pytest.raises(InputError, match="did you mean 'mlflow'"):
        prepare_export(trial.folder, "ml-flow")


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_export_without_its_package_is_refused(trial, name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(InputError, match=rf"pip install 'fairtrial\[{name}\]'") as error:
        prepare_export(trial.folder, name)
    assert error.value.exit_code == 2


def test_folder_named_like_a_package_does_not_count_as_installed(trial, tmp_path, monkeypatch):
    (tmp_path / "not_a_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FORMATS, "csv", Format(FORMATS["csv"].write, ("not_a_package",)))
    with pytest.raises(InputError, match="pip install"):
        prepare_export(trial.folder, "csv")


def test_export_of_a_lab_folder_names_its_studies(trial, tmp_path):
    for name in ("line", "fashion"):
        shutil.copytree(trial.folder, tmp_path / name)
    with pytest.raises(InputError, match=r"name one of .*fashion, .*line\."):
        prepare_export(tmp_path, "csv")


@pytest.mark.parametrize("name", ["runs.parquet", "curves.parquet", "parameters.parquet"])
def test_export_of_a_damaged_table_is_refused(trial, tmp_path, name):
    folder = shutil.copytree(trial.folder, tmp_path / "results")
    (folder / name).write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match=r"damaged or missing.*fairtrial run"):
        prepare_export(folder, "csv")


def test_export_of_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="it is not the folder of a study"):
        prepare_export(tmp_path, "csv")


EXPORTS = """
import sys
from fairtrial.cli import main as cli
sys.modules["keras"] = None
cli.leave = sys.exit
_, folder, *names = sys.argv
for name in names:
    sys.argv = ["fairtrial", "export", folder, "--to", name, "--out", name]
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    heavy = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "tf_keras"}
    heavy |= {name for name in sys.modules if name.startswith("keras.")}
    print(code, *heavy)
"""


def test_export_command_imports_only_what_the_format_needs(trial, tmp_path):
    """No export imports Keras, and only that to TensorBoard, the last, imports TensorFlow."""
    names = sorted(FORMATS, key=lambda name: name == "tensorboard")
    for name in names:
        for package in FORMATS[name].packages:
            pytest.importorskip(package)
    done = run("-c", EXPORTS, trial.folder, *names, cwd=tmp_path)
    *light, last = names
    assert last == "tensorboard"
    said = [*(f"{name}\n0\n" for name in light), f"{last}\n0 tensorflow\n"]
    assert (done.returncode, done.stdout, done.stderr) == (0, "".join(said), "")
    assert {path.name for path in tmp_path.iterdir()} == set(names)
