"""The figures of a document as files for papers and slides: SVG, PDF or PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import vl_convert

from fairtrial.files import write_bytes
from fairtrial.progress import Progress, Status
from fairtrial.report.blocks import Figure
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
    """Write every figure of a document as svg, pdf or png into the folder `figures`."""
    named = document.name_blocks(Figure)
    paths = []
    for done, (name, figure) in enumerate(named.items()):
        progress(Status(f"figures: {name}", done / len(named)))
        path = folder / FOLDER / f"{name}.{form}"
        # On the page, which has a colour, the background is transparent.
        write_bytes(path, DRAW[form](figure.specification | {"background": "white"}))
        paths.append(path)
    return paths
