"""Files of figures, written by vl-convert and read by other libraries."""

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
from PIL import Image

from fairtrial.errors import InputError
from fairtrial.lab.report import make_document, write_report
from fairtrial.report.blocks import Figure, Part, Section
from fairtrial.report.files import write_figures

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def few(lab):
    """The document of a study, with only the figures of one claim and of the results."""
    document = make_document(lab / "fashion")
    return replace(document, sections=document.sections[:2])


def test_svg_figures_have_a_white_background(hostile_lab, tmp_path):
    document = make_document(hostile_lab)
    paths = write_figures(document, tmp_path, "svg")
    figures = [block for s in document.sections for block in s.list_blocks()]
    assert len(paths) == sum(isinstance(block, Figure) for block in figures) > 20
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
    for path in paths:
        root = ET.parse(path).getroot()
        assert root.tag == f"{SVG}svg"
        assert root.find(f"{SVG}rect").get("fill") == "white"
        assert not list(root.iter(f"{SVG}script"))


def test_figure_names_are_plain_unique_and_stable(hostile_lab):
    names = [list(make_document(hostile_lab).name_blocks(Figure)) for _ in range(2)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
    assert all(re.fullmatch(r"[a-z0-9-]{1,120}", name) for name in names[0])
    assert "claims-fashion-claim-1-differences" in names[0]
    assert "problem-2-accuracy-at-the-end" in names[0]


def test_equal_figure_names_are_numbered(few):
    figure = next(iter(few.name_blocks(Figure).values()))
    twice = Section("results", "Results", "", [Part("One", [figure]), Part("Two", [figure])])
    names = list(replace(few, sections=[twice]).name_blocks(Figure))
    assert names == [f"results-{figure.name}", f"results-{figure.name}-2"]


def test_pdf_figures(few, tmp_path):
    for path in write_figures(few, tmp_path, "pdf"):
        contents = path.read_bytes()
        assert contents.startswith(b"%PDF-") and contents.rstrip().endswith(b"%%EOF")


def test_png_figures_have_double_resolution_and_white_background(few, tmp_path):
    drawings = write_figures(few, tmp_path, "svg")
    for path, drawing in zip(write_figures(few, tmp_path, "png"), drawings, strict=True):
        image = Image.open(io.BytesIO(path.read_bytes()))
        assert image.format == "PNG"
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        root = ET.parse(drawing).getroot()
        size = [2 * float(root.get(side)) for side in ("width", "height")]
        assert image.size == pytest.approx(size, abs=2)


def test_progress_names_each_figure(few, tmp_path):
    told = []
    paths = write_figures(few, tmp_path, "svg", told.append)
    assert [status.what for status in told] == [f"figures: {path.stem}" for path in paths]
    assert all(0 <= one.share < other.share < 1 for one, other in pairwise(told))


@pytest.mark.parametrize(("option", "known"), [("figures", "svg, pdf, png"),
                                               ("tables", "latex, csv, markdown")])  # fmt: skip
def test_unknown_formats_are_refused_before_writing(option, known, tmp_path):
    with pytest.raises(InputError, match=f"'docx' is not a format of {option}: .* {known}"):
        write_report(tmp_path, **{option: "docx"})
    assert not list(tmp_path.iterdir())
