#!/usr/bin/env bash
# Make the virtual environment and install radiotracer into it; running it again changes nothing.
set -euo pipefail

: "${PYTHON:=python3}" "${VENV:=.venv}" "${TORCH:=}"

"$PYTHON" - <<'CHECK' || exit 2
import sys
if sys.version_info < (3, 11, 4):
    sys.exit(f"expected Python 3.11.4 or newer; got {sys.version.split()[0]}; "
             "run make with PYTHON=/path/to/a/newer/python3")
CHECK

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" || {
  echo "expected Python's venv module; got none; install it (Debian: apt-get install python3-venv)" >&2
  exit 2
}
pip() { "$VENV/bin/python" -m pip "$@"; }
pip install -q "pip>=25.1"

# The package index's Linux build of torch brings gigabytes of CUDA libraries with it. Without an
# NVIDIA driver they are of no use, so the CPU build is asked for first, wherever pip is configured
# to look for one; if there is none, the ordinary build works too.
release=$(sed -n 's/^torch==//p' constraints.txt)
if [ -n "$TORCH" ]; then
  pip install -q "$TORCH"
elif ! "$VENV/bin/python" -c "import torch" 2>/dev/null; then
  if command -v nvidia-smi >/dev/null || ! pip install -q "torch==$release+cpu" 2>/dev/null; then
    pip install -q "torch==$release"
  fi
fi
installed=$("$VENV/bin/python" -c "from importlib.metadata import version; print(version('torch'))")
pip install -q -c <(sed "s/^torch==.*/torch==$installed/" constraints.txt) -e .
"$VENV/bin/radiotracer" --version
