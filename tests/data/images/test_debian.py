"""apt and dpkg as stand-ins that log their calls."""

import shutil

import pytest

from fairtrial.data.images import debian

APT_GET = """#!/bin/sh
echo "$@" >> {log}
for word in "$@"; do command=$word; case $word in update|install|download) break;; esac; done
case $command in
  update) echo "W: Failed to fetch http://mirror/InRelease  No route" >&2; touch {folder}/updated;;
  *) if [ -e {folder}/updated ] && [ ! -e {folder}/broken ]; then
       [ "$command" = install ] || touch dataset-fashion-mnist_1_all.deb
     else
       echo "E: Unable to locate package dataset-fashion-mnist" >&2; exit 100
     fi;;
esac
"""
DPKG_DEB = """#!/bin/sh
[ "$1" = -x ] && [ -f "$2" ] && mkdir -p "$3/usr/share/datasets/fashion-mnist"
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose apt has no package lists at first; gives the log of its calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "log"
    for name, text in (("apt-get", APT_GET), ("dpkg-deb", DPKG_DEB)):
        (programs / name).write_text(text.format(log=log, folder=tmp_path))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return log


def test_install_updates_missing_package_lists_once(machine):
    debian.install_package()
    calls = machine.read_text().splitlines()
    verbs = [next(v for v in ("update", "install") if v in call.split()) for call in calls]
    assert verbs == ["install", "update", "install"]
    debian.install_package()
    assert len(machine.read_text().splitlines()) == 4


@pytest.mark.parametrize("is_root", [True, False])
def test_unpack_uses_separate_package_lists(machine, monkeypatch, tmp_path, is_root):
    monkeypatch.setattr(debian, "is_root", lambda: is_root)
    folder = tmp_path / "with a space"
    folder.mkdir()
    unpacked = debian.unpack_package(folder)
    assert unpacked == folder / "unpacked/usr/share/datasets/fashion-mnist"
    assert unpacked.is_dir()
    calls = machine.read_text().splitlines()
    assert len(calls) == 2
    for call in calls:
        assert f"Dir::State::lists={folder}/lists" in call
        assert f"Dir::Cache={folder}/cache" in call
        assert ("Sandbox" in call) == is_root


def test_apt_failure_names_the_command_and_the_error_of_apt(machine, tmp_path):
    (tmp_path / "broken").touch()
    work = tmp_path / "work"
    work.mkdir()
    for act in (debian.install_package, lambda: debian.unpack_package(work)):
        with pytest.raises(debian.AptError) as raised:
            act()
        message = str(raised.value)
        assert "failed (Unable to locate package dataset-fashion-mnist)" in message
        assert "before that, Failed to fetch http://mirror/InRelease" in message


def test_apt_is_stopped_after_a_time_limit(machine, monkeypatch):
    (machine.parent / "bin" / "apt-get").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(debian, "DOWNLOAD_SECONDS", 0.05)
    monkeypatch.setattr(debian, "UPDATE_SECONDS", 0.05)
    with pytest.raises(debian.AptError, match="did not end within 0 seconds"):
        debian.install_package()


def test_missing_apt_gives_one_sentence(machine):
    shutil.rmtree(machine.parent / "bin")
    with pytest.raises(debian.AptError):
        debian._run(("no-such-program-anywhere", "update"), 1)
