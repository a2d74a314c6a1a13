#!/usr/bin/env bash
# Make the lock files anew: every package that is installed, its release and the SHA-256 of its
# files, for every system and every Python that pyproject.toml allows. What is locked stays where it
# is while it fits; pass --upgrade for the newest releases, --upgrade-package NAME for one of them.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${UV:=.venv/bin/uv}"
python=$(sed -n 's/^requires-python = ">=\(.*\)"$/\1/p' pyproject.toml)

# Wheels alone: what is installed from them runs no code of its own while it is installed.
# No address of an index is written: whoever installs decides where from, the hashes decide what.
lock() {
  local out=$1
  shift
  # The fewest releases: the one that is tested is the one that other Pythons get, too.
  "$UV" pip compile --quiet --universal --fork-strategy fewest --python-version "$python" \
    --generate-hashes --no-build --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" -o "$out" "$@"
  if grep -nE '[a-z]+://|^-|^ *--(find|extra|index)' "$out"; then
    echo "expected $out without addresses; got the lines above; look at the settings of uv" >&2
    exit 2
  fi
}

# torch by itself, because a build without CUDA may take its place; what only CUDA's needs is here.
sed -n 's/^  "\(torch[<>=].*\)",$/\1/p' pyproject.toml | lock tools/locks/torch.txt - "$@"
cuda=$(sed -nE 's/^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==.*/--no-emit-package \1/p' \
  tools/locks/torch.txt)

# The larger lock first: the smaller one is a part of it, and held to its releases.
# shellcheck disable=SC2086  # options and names, one word each
lock tools/locks/dev.txt pyproject.toml --group dev -c tools/locks/torch.txt $cuda "$@"
# shellcheck disable=SC2086
lock tools/locks/install.txt pyproject.toml --group build --extra photos -c tools/locks/torch.txt \
  -c tools/locks/dev.txt $cuda "$@"
lock tools/locks/papers.txt tools/locks/papers.in "$@"
lock tools/locks/site.txt --group site -c tools/locks/dev.txt -c tools/locks/torch.txt "$@"
