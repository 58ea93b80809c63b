#!/bin/sh
# Make .venv, with the pip and setuptools of constraints.txt in it.
#
# A Python is all it needs, and, where that Python comes without ensurepip (Debian's and
# Ubuntu's do), their package registry. It changes nothing on the system and needs no root.
#
# usage: scripts/make-venv.sh [PYTHON]
set -eu
cd "$(dirname "$0")/.."

venv=.venv

fail() {
    printf 'make: %s\n' "$*" >&2
    exit 1
}

# --- Which Python ---------------------------------------------------------------------------

suits() {
    "$1" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

if [ -n "${1:-}" ]; then
    python=$1
    command -v "$python" >/dev/null || fail "PYTHON=$python: there is no such command."
    suits "$python" || fail "PYTHON=$python is $("$python" --version 2>&1);" \
        "fairtrial needs Python 3.11, 3.12 or 3.13, with its whole standard library."
else
    python=
    for name in python3 python3.13 python3.12 python3.11; do
        if suits "$name"; then
            python=$name
            break
        fi
    done
    [ -n "$python" ] || fail "fairtrial needs Python 3.11, 3.12 or 3.13, and there is none" \
        "on the PATH. Install one, or name it: make PYTHON=/path/to/python3.12 ..."
fi

# --- A pip to begin with --------------------------------------------------------------------

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Unpack Debian's pip wheel, and the certificates that it wants, under $scratch. The lists and
# the cache are private ones, so that any user may do it.
fetch_pip_from_debian() {
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
    set -- -qq -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" \
        -o "APT::Sandbox::User=$(id -un)"
    # Not every list is needed; whether the two packages are there decides.
    apt-get "$@" update || true
    (cd "$scratch" && apt-get "$@" download python3-pip-whl ca-certificates) || return 1
    for package in "$scratch"/*.deb; do
        dpkg-deb -x "$package" "$scratch" || return 1
    done
    wheel=$(echo "$scratch"/usr/share/python-wheels/pip-*.whl)
    certificates=/etc/ssl/certs/ca-certificates.crt
    if [ ! -e "$certificates" ]; then
        certificates=$scratch/certificates.pem
        cat "$scratch"/usr/share/ca-certificates/mozilla/*.crt >"$certificates"
    fi
}

# Run pip from its wheel. Debian's looks for the system's certificates and nothing else: tell it
# where they are.
run_pip_from_debian() {
    "$venv/bin/python" -c '
import sys

wheel, certificates, *arguments = sys.argv[1:]
sys.path.insert(0, wheel)
from pip._vendor import certifi

certifi.where = lambda: certificates
from pip._internal.cli.main import main

sys.exit(main(arguments))
' "$wheel" "$certificates" "$@"
}

printf 'Making %s with %s\n' "$venv" "$("$python" --version)"
rm -rf "$venv"
if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$venv"
    pip="$venv/bin/python -m pip"
elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null &&
    fetch_pip_from_debian; then
    "$python" -m venv --without-pip "$venv"
    pip=run_pip_from_debian
else
    fail "$python has no ensurepip, and Debian's pip could not be had in its place." \
        "Install your system's package for it (python3-venv on Debian and Ubuntu)," \
        "or name another Python: make PYTHON=/path/to/python3.12 ..."
fi
$pip install -q -c constraints.txt pip setuptools ||
    fail "pip could not install into $venv. Is there a network? What pip says stands above."
