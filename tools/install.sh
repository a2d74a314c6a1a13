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
locked() { pip install -q --require-hashes --no-deps --only-binary :all: -r "tools/locks/$1.txt"; }

# The package index's Linux build of torch brings gigabytes of CUDA libraries with it. Without an
# NVIDIA driver they are of no use, so the CPU build is asked for first, wherever pip is configured
# to look for one. It alone is taken without a hash: it is another file for each Python and system,
# from an index that tools/lock.sh does not ask. If there is none, the ordinary build works too.
release=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' tools/locks/torch.txt)
if [ -n "$TORCH" ]; then
  pip install -q "$TORCH"
elif ! "$VENV/bin/python" -c "import importlib.metadata as m; m.version('torch')" 2>/dev/null; then
  if command -v nvidia-smi >/dev/null ||
    ! pip install -q --no-deps --only-binary :all: "torch==$release+cpu" 2>/dev/null; then
    locked torch
  fi
fi
locked install
# Nothing is fetched for the build either: what it takes was locked and is there by now.
pip install -q --no-deps --no-build-isolation -e .
"$VENV/bin/radiotracer" --version
