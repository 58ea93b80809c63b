"""A small Fashion-MNIST, a server to fetch it from, and no other network access."""

import gzip
import hashlib
import http.server
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from fairtrial.data.images import fetch, files

IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch, tmp_path):
    """Read only the folder of the test, and use no network."""
    for variable in ("FAIRTRIAL_DATA", "FAIRTRIAL_DATA_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr(fetch, "HOME_URL", "http://127.0.0.1:9/")
    for name in ("CONNECT_SECONDS", "READ_SECONDS", "GIVE_UP_SECONDS"):
        monkeypatch.setattr(fetch, name, 600)  # The server here always answers, in the end.


@dataclass(frozen=True)
class TinySet:
    arrays: dict[str, np.ndarray]
    contents: dict[str, bytes]

    def write(self, folder: Path, *, packed: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.contents.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return folder


@pytest.fixture
def tiny(monkeypatch):
    """Four files as published, but small; the table of expected files is made to match."""
    random = np.random.default_rng(0)
    arrays, contents = {}, {}
    for part, n_rows in (("train", 12), ("t10k", 7)):
        images = random.integers(0, 256, (n_rows, 28, 28), dtype=np.uint8)
        labels = (np.arange(n_rows) % 10).astype(np.uint8)[::-1]
        arrays[f"{part}-{IMAGES}"], arrays[f"{part}-{LABELS}"] = images, labels
        header = struct.pack(">4B3I", 0, 0, 8, 3, n_rows, 28, 28)
        contents[f"{part}-{IMAGES}"] = header + images.tobytes()
        contents[f"{part}-{LABELS}"] = struct.pack(">4BI", 0, 0, 8, 1, n_rows) + labels.tobytes()
    table = tuple(
        files.DataFile(known.name, len(content), hashlib.sha256(content).hexdigest())
        for known in files.FILES
        for content in [contents[known.name]]
    )
    monkeypatch.setattr(files, "FILES", table)
    return TinySet(arrays, contents)


@dataclass
class Home:
    """A public home: the bodies that it sends, and the files that were requested."""

    url: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    promised_lengths: dict[str, int] = field(default_factory=dict)
    hangs_up: bool = False
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def home(monkeypatch):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            if place.hangs_up:
                return
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            name = self.path.rpartition("/")[2]
            place.asked.append(name)
            if name not in place.bodies:
                self.send_error(404)
                return
            body = place.bodies[name]
            self.send_response(200)
            self.send_header("Content-Length", str(place.promised_lengths.get(name, len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place = Home(f"http://127.0.0.1:{server.server_port}/data")
    monkeypatch.setenv("FAIRTRIAL_DATA_URL", place.url)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield place
    server.shutdown()
    server.server_close()


@pytest.fixture
def full_home(home, tiny):
    """The public home with all four files."""
    home.bodies = {f"{name}.gz": gzip.compress(body) for name, body in tiny.contents.items()}
    return home


@pytest.fixture
def cache(tmp_path):
    """The folder of the data set in the cache."""
    return tmp_path / "cache" / "fashion-mnist"


@pytest.fixture
def system(tmp_path):
    """The system's folder."""
    return tmp_path / "system"
