"""Images of the user are stored, read and split unchanged, and every error is a sentence."""

import contextlib
import hashlib
import os

import numpy as np
import pytest
from PIL import Image

import fairtrial as ft
from by_hand import recipe
from fairtrial.data.load import check_data, fingerprint_data, load_dataset, measure_data
from fairtrial.data.split import split_rows
from fairtrial.data.tables.columns import FEWEST_CLASS_ROWS
from fairtrial.study import Arm, Study

RANDOM = np.random.default_rng(2)
N, H, W = 40, 5, 7
X = RANDOM.integers(0, 256, (N, H, W))
LABELS = np.array(["shoe", "hat", "bag"])[np.arange(N) % 3]


def keep(folder, pixels=X, y=LABELS, name="mine.npz", **others):
    return ft.images(pixels, y, file=folder / name, **others)


def draw(folder, pixels=X, y=LABELS, mode="L", ending="png"):
    """Write a folder of image files, and return its content in the order of its names."""
    order = np.lexsort((np.arange(len(y)), y))
    for number, (image, label) in enumerate(zip(pixels, y, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        file = folder / str(label) / f"{number:03}.{ending}"
        Image.fromarray(image.astype(np.uint8)).convert(mode).save(file)
    return pixels[order], y[order]


@pytest.mark.parametrize("pixels, dtype, divisor", [
    (X, np.uint8, 255), (X.astype(np.uint8), np.uint8, 255), (X.tolist(), np.uint8, 255),
    (X / 255, np.float32, 1), (X > 99, np.float32, 1),
])  # fmt: skip
def test_own_images_are_unchanged_in_the_dataset(tmp_path, pixels, dtype, divisor):
    task = keep(tmp_path, pixels, test=0.3)
    data = load_dataset(task, 4)
    train, test = split_rows(N, 0.3, 4, "images.test")
    flat = np.asarray(pixels, dtype).reshape(N, H * W)
    np.testing.assert_array_equal(data.X, flat[train])
    np.testing.assert_array_equal(data.test_X, flat[test])
    assert data.X.dtype == dtype and data.divisor == divisor
    assert data.class_names == ("bag", "hat", "shoe")
    assert [data.class_names[code] for code in data.test_y] == LABELS[test].tolist()
    assert measure_data(task) == (len(train), len(test), H * W, 3)
    assert not np.array_equal(data.X, load_dataset(task, 5).X)


@pytest.mark.parametrize("y", [
    np.arange(N) % 3 * 5 - 5, (np.arange(N) % 3).astype(object), list(LABELS.astype(object)),
])  # fmt: skip
def test_own_images_with_labels_of_every_type(tmp_path, y):
    data = load_dataset(keep(tmp_path, y=y), 0)
    assert data.class_names == tuple(map(str, sorted(set(y))))


@pytest.mark.parametrize(("mode", "ending"), [("L", "png"), ("L", "bmp"), ("1", "png")])
def test_own_images_from_a_folder(tmp_path, mode, ending):
    pixels = X if mode == "L" else 255 * (X > 127)
    shown, labels = draw(tmp_path / "photos", pixels, mode=mode, ending=ending)
    (tmp_path / "photos" / "hat" / ".hidden").write_text("no image")
    task = ft.images(tmp_path / "photos")
    data, kept = load_dataset(task, 1), load_dataset(keep(tmp_path, shown, labels), 1)
    np.testing.assert_array_equal(data.X, kept.X)
    np.testing.assert_array_equal(data.test_y, kept.test_y)
    # What they hold tells them apart, not where they lie.
    assert fingerprint_data(task) == fingerprint_data(keep(tmp_path, shown, labels))


def test_own_images_from_jpeg_files(tmp_path):
    draw(tmp_path / "photos", np.full((N, 8, 8), 77), ending="jpg")
    assert set(np.unique(load_dataset(ft.images(tmp_path / "photos"), 0).X)) == {77}


def test_fingerprint_of_own_images_depends_on_content(tmp_path):
    task = keep(tmp_path)
    names = ("bag", "hat", "shoe")
    codes = np.array([names.index(label) for label in LABELS], "<i4")
    whole = repr(((N, H, W), "u", names)).encode() + X.astype(np.uint8).tobytes() + codes.tobytes()
    assert fingerprint_data(task) == hashlib.sha256(whole).hexdigest()
    before = (tmp_path / "mine.npz").read_bytes()
    assert keep(tmp_path) == task and (tmp_path / "mine.npz").read_bytes() == before
    changed = X.copy()
    changed[3, 1, 2] ^= 1
    with pytest.raises(ft.InputError, match="already exists"):
        keep(tmp_path, changed)
    (tmp_path / "mine.npz").unlink()
    assert fingerprint_data(keep(tmp_path, changed)) != hashlib.sha256(whole).hexdigest()


def test_changed_folder_of_images_is_read_again(tmp_path):
    draw(tmp_path / "photos")
    task = ft.images(tmp_path / "photos")
    before = fingerprint_data(task)
    file = tmp_path / "photos" / "hat" / "001.png"
    Image.fromarray(np.zeros((H, W), np.uint8)).save(file)
    os.utime(file, (1, 1))
    assert fingerprint_data(task) != before


STUDY = """
name = "Mine"
task = { kind = "images", path = "mine.npz", test = 0.25 }
recipe = { loss = "cross_entropy", optimizer = "adam", epochs = 2, batch_size = 8 }
"""


def test_path_of_own_images_is_relative_to_the_study_file(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    study = Study.load(tmp_path / "study.toml")
    assert study.task == keep(tmp_path, test=0.25)
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert study.replace(task=ft.images(tmp_path / "mine.npz")).task.test == 0.2


CUBE = RANDOM.random((N, H, W))


def spoil(value, place=(3, 1, 2), pixels=X):
    spoilt = np.array(pixels)
    spoilt[place] = value
    return spoilt


FEW = ["a"] * (N - 2) + ["b"] * 2


@pytest.mark.parametrize(
    ("pixels", "y", "sentence"),
    [
        (X[0], LABELS[:H], r"shape \(5, 7\).*reshape\(-1, height, width\)"),
        (X[..., None], LABELS, r"shape \(40, 5, 7, 1\).*X\[\.\.\., 0\]"),
        (np.zeros((N, H, W, 3)), LABELS, r"colour images.*mean\(axis=-1\)"),
        (np.zeros(N), LABELS, r"shape \(40,\)"),
        ([np.zeros((5, 5)), np.zeros((5, 6))], LABELS, "not alike in size"),
        (X.astype(str), LABELS, "the type <U"),
        (np.zeros((0, 5, 7)), [], "no pixel"),
        (spoil(256), LABELS, "row 1, column 2 of image 3 is 256: whole numbers are 0 to 255"),
        (spoil(-1), LABELS, "is -1: whole numbers"),
        (spoil(np.nan, pixels=CUBE), LABELS, "of image 3 is nan: floats are 0 to 1"),
        (spoil(1.5, pixels=CUBE), LABELS, r"is 1\.5: floats are 0 to 1.*Divide"),
        (spoil(-0.5, pixels=CUBE), LABELS, r"is -0\.5: floats"),
        (X, LABELS[:-1], "40 images and 39 labels"),
        (X, LABELS[:, None], r"y has the shape \(40, 1\)"),
        (X, np.arange(N) / 2, r"such as 0\.0: convert"),
        (X, np.arange(N) > 9, "such as False: convert"),
        (X, [None] * N, "such as None: convert"),
        (X, ["hat"] * N, "All labels are 'hat'"),
        (X, [7] * N, "All labels are 7"),
        (X, FEW, f"fewer than {FEWEST_CLASS_ROWS} images \\('b': 2\\)"),
        (X[:9], FEW[:9], "number of images is 9"),
    ],
)
def test_errors_in_own_images_are_sentences(tmp_path, pixels, y, sentence):
    with pytest.raises(ft.InputError, match=sentence):
        keep(tmp_path, pixels, y)
    assert not list(tmp_path.iterdir())


def test_all_errors_in_own_images_are_reported_at_once(tmp_path):
    with pytest.raises(ft.InputError) as told:
        keep(tmp_path, spoil(999), np.arange(N) / 2)
    assert "is 999" in str(told.value) and "whole numbers nor all text" in str(told.value)


@pytest.mark.parametrize(("test", "sentence"), [(0.01, "40 for training and 0"), (2.0, "test")])
def test_invalid_share_of_test_images_is_refused(tmp_path, test, sentence):
    with pytest.raises(ft.InputError, match=sentence):
        keep(tmp_path, test=test)


def test_wrong_arguments_of_images_are_refused(tmp_path):
    with pytest.raises(ft.InputError, match="a file to save them to"):
        ft.images(X, LABELS)
    with pytest.raises(ft.InputError, match="need labels"):
        ft.images(X, file=tmp_path / "mine.npz")
    with pytest.raises(ft.InputError, match="leave out y and file"):
        ft.images(tmp_path, LABELS)
    with pytest.raises(ft.InputError, match=r"must end in \.npz"):
        keep(tmp_path, name="mine.npy")
    with pytest.raises(ft.InputError, match="cannot be read: No such file"):
        ft.images(tmp_path / "nowhere")
    with pytest.raises(ft.MachineError, match="cannot be written: No such file"):
        keep(tmp_path / "nowhere")


def test_files_without_images_are_refused(tmp_path):
    place = tmp_path / "mine.npz"
    np.save(tmp_path / "plain.npy", X)
    contents = [b"", b"nothing", (tmp_path / "plain.npy").read_bytes()]
    keep(tmp_path)
    whole = place.read_bytes()
    contents += [whole[:-30], whole[:200] + bytes(60) + whole[260:]]
    for content in contents:
        place.write_bytes(content)
        with pytest.raises(ft.InputError, match="is not a file that"):
            ft.images(place)
    np.savez(place, X=X)
    with pytest.raises(ft.InputError, match="lacks an array X or y"):
        ft.images(place)
    with pytest.raises(ft.InputError, match="holds something else"):
        keep(tmp_path)


def test_file_ending_in_capitals(tmp_path):
    assert len(load_dataset(keep(tmp_path, name="MINE.NPZ"), 0).y) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["MINE.NPZ"]


def test_damaged_image_files_give_one_sentence(tmp_path):
    keep(tmp_path)
    whole = (tmp_path / "mine.npz").read_bytes()
    for place in range(0, min(len(whole), 400), 3):
        spoilt = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        (tmp_path / f"{place}.npz").write_bytes(spoilt)
        with contextlib.suppress(ft.InputError):  # Some bytes, such as of dates, do not matter.
            ft.images(tmp_path / f"{place}.npz")


def test_all_errors_in_a_folder_of_images_are_reported(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    with pytest.raises(ft.InputError, match="has no images"):
        ft.images(photos)
    draw(photos)
    Image.new("RGB", (W, H)).save(photos / "hat" / "a.png")
    Image.new("I;16", (W, H)).save(photos / "hat" / "b.png")
    (photos / "hat" / "c.txt").write_text("notes")
    (photos / "hat" / "d.png").write_bytes((photos / "hat" / "001.png").read_bytes()[:50])
    Image.new("L", (W, H + 1)).save(photos / "hat" / "e.png")
    with pytest.raises(ft.InputError) as told:
        ft.images(photos)
    for sentence in (
        "hat/a.png is a colour image (mode RGB): convert it to grey",
        "hat/b.png does not have 8 bits per pixel (mode I;16)",
        "hat/c.txt is not an image that Pillow can read",
        "hat/d.png cannot be read",
        "hat/e.png has 6 x 7 pixels (height x width), and the first image 5 x 7",
    ):
        assert sentence in str(told.value)


def test_own_images_are_checked_before_training(tmp_path):
    task = keep(tmp_path)
    (tmp_path / "mine.npz").unlink()
    with pytest.raises(ft.InputError, match="cannot be read"):
        check_data(
            Arm(name, task, recipe("cross_entropy", epochs=1, batch_size=8)) for name in "ab"
        )


def test_unsuitable_features_of_own_images_are_reported_with_other_errors(tmp_path):
    flat, small = keep(tmp_path), keep(tmp_path, X[:, :, :5], name="small.npz")
    gone = flat.model_copy(update={"path": "/nowhere.npz"})
    features = ["hog", "patches", "fourier", {"kind": "pixels", "standardise": True}]
    arms = [
        Arm(
            f"{number} {task.path}",
            task,
            recipe("cross_entropy", epochs=1, batch_size=8, features=one),
        )
        for task in (flat, small, gone)
        for number, one in enumerate(features)
    ]
    with pytest.raises(ft.InputError) as told:
        check_data(arms)
    square = (
        f"is made of square images, but those of {flat.path} have 5 x 7 pixels (height x width): "
        "cut, pad or scale them to one side, or use 'pixels' or 'fourier'."
    )
    assert str(told.value).splitlines() == [
        f"recipe.features = 'hog' {square}",
        f"recipe.features = 'patches' {square}",
        "recipe.features.block = 2 cells of 4 x 4 pixels do not fit in the images of "
        f"{small.path}, 5 x 5: take smaller cells, or blocks of 1 at most.",
        f"recipe.features.sizes has 6, but the images of {small.path} are 5 x 5: at most 5.",
        "/nowhere.npz cannot be read: No such file or directory. Check the path.",
    ]
