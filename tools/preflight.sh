#!/usr/bin/env bash
# Says in one go what the machine lacks for `make setup`, with the one line that mends it.
# usage: preflight.sh PYTHON DEBIAN-PACKAGE...
set -u
python=$1
shift
missing=()
for tool in curl openssl; do
  command -v "$tool" >/dev/null || missing+=("the command $tool")
done
if ! command -v "$python" >/dev/null; then
  missing+=("the command $python (3.11 or newer)")
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  missing+=("Python 3.11 or newer ($python is $("$python" -V 2>&1); name another: make setup PYTHON=python3.12)")
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  missing+=("Python's venv module")
fi
if [ "$(uname -s)" != Linux ]; then
  missing+=("Linux (this is $(uname -s))")
fi
if [ "${#missing[@]}" -gt 0 ]; then
  printf 'missing: %s\n' "${missing[@]}" >&2
  printf 'on Debian 12: apt-get install -y %s\n' "$*" >&2
  exit 1
fi
