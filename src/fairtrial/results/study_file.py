"""The study of a results folder, with the code that it names: `study.toml` and `plugins/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomli_w

from fairtrial.files import write_text
from fairtrial.kinds.plugins import list_loaded
from fairtrial.results.store import STUDY
from fairtrial.settings.plain import dump_given
from fairtrial.study import Study

PLUGINS = "plugins"
"""The folder of the files of code, as they were when the study ran."""


def write_study(folder: Path, study: Study) -> None:
    """Write a study into its results folder, and beside it the files of code that it names.

    So the folder can be read when the files have changed, and on another machine.

    Raises
    ------
    MachineError
        If the folder cannot be written.
    """
    names = dict(zip(study.plugins, _name_files(study.plugins), strict=True))
    for plugin in list_loaded(study.plugins):
        write_text(folder / names[plugin.path], plugin.text)
    write_text(folder / STUDY, format_study(study))


def format_study(study: Study) -> str:
    """Write a study as it stands in its results folder."""
    values = dump_given(study)
    if study.plugins:
        values = {**values, "plugins": _name_files(study.plugins)}
    return tomli_w.dumps(values)


def _name_files(paths: Sequence[str]) -> list[str]:
    """Name the files of code within the results folder; equal names are numbered."""
    names = [Path(path).name for path in paths]
    return [
        f"{PLUGINS}/{name}" if names.index(name) == place else f"{PLUGINS}/{place}-{name}"
        for place, name in enumerate(names)
    ]
