"""The figures of a document as files for papers and slides: SVG, PDF or PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import vl_convert

from fairtrial.files import write_bytes
from fairtrial.progress import Progress, Status
from fairtrial.report.blocks import Figure
from fairtrial.report.files import check_format, name_blocks
from fairtrial.report.page import Document

FOLDER = "figures"
PNG_SCALE = 2
"""Pixels of a PNG per pixel of the page."""

DRAW: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "svg": lambda drawing: vl_convert.vegalite_to_svg(drawing).encode(),
    "pdf": vl_convert.vegalite_to_pdf,
    "png": lambda drawing: vl_convert.vegalite_to_png(drawing, scale=PNG_SCALE),
}
"""The function that draws a Vega-Lite specification in each format."""


def write_figures(
    document: Document, folder: Path, form: str, progress: Progress = lambda status: None
) -> list[Path]:
    """Write every figure of a document into the folder `figures`.

    Parameters
    ----------
    document : Document
        A page before it is rendered.
    folder : Path
        The folder of the page.
    form : str
        "svg", "pdf" or "png".
    progress : callable
        Called with the progress.

    Returns
    -------
    list of Path
        The files, in the order of the page.

    Raises
    ------
    InputError
        If there is no such format.
    MachineError
        If the files cannot be written.
    """
    check_format(form, DRAW, "figures")
    named = name_blocks(document, Figure)
    paths = []
    for done, (name, figure) in enumerate(named.items()):
        progress(Status(f"figures: {name}", done / len(named)))
        path = folder / FOLDER / f"{name}.{form}"
        write_bytes(path, DRAW[form](put_on_paper(figure)))
        paths.append(path)
    return paths


def put_on_paper(figure: Figure) -> dict[str, Any]:
    """Return a figure's specification with a white background; on the page it is transparent."""
    return figure.specification | {"background": "white"}
