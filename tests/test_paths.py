"""Files that a user names: what would be read without an end is refused at once."""

import os
import socket
from pathlib import Path

import pytest

from fairtrial.data.images.files import read_folder
from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.plugins import read_plugin
from fairtrial.lab.replay import ReplayFile
from fairtrial.paths import read_file
from fairtrial.running.forecast import plan
from fairtrial.study.study import Study

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
STUDY = """
name = "x"
seeds = 2
task = {{ kind = "{kind}", path = "{path}"{more} }}
recipe = {{ loss = "{loss}", optimizer = "sgd", steps = 3 }}
"""


def plan_data(path, kind, loss, more=""):
    plan(Study.from_toml(STUDY.format(path=path, kind=kind, loss=loss, more=more)))


READERS = {
    "study": Study.load,
    "replay": ReplayFile.load,
    "plugin": lambda path: read_plugin(str(path)),
    "images": lambda path: plan_data(path, "images", "cross_entropy"),
    "table": lambda path: plan_data(path, "table", "mse", ', target = "y", problem = "regression"'),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused(tmp_path, name):
    os.mkfifo(path := tmp_path / "rows.csv")
    with pytest.raises(InputError, match=r"rows\.csv cannot be read: it is a pipe and no file\."):
        READERS[name](path)


def test_a_pipe_in_a_folder_of_fashion_mnist_is_refused(tmp_path):
    os.mkfifo(path := tmp_path / "t10k-labels-idx1-ubyte.gz")
    assert read_folder(tmp_path).refused == {path: "it cannot be read (it is a pipe and no file)"}


def test_sockets_and_devices_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # The names of sockets are short.
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
        with pytest.raises(InputError, match="s cannot be read: it is a socket and no file"):
            Study.load("s")
    with pytest.raises(InputError, match="/dev/zero cannot be read: it is a device and no file"):
        Study.load("/dev/zero")


def test_a_pipe_without_a_name_is_read():
    reading, writing = os.pipe()
    os.write(writing, b"name")
    os.close(writing)
    try:
        path = Path(f"/dev/fd/{reading}")
        assert not path.exists() or read_file(path) == b"name"
    finally:
        os.close(reading)
