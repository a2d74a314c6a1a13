#!/usr/bin/env bash
# The bill of materials of what `make install` installs, as CycloneDX JSON: each package with its
# release and the SHA-256 of its files. Made from the lock files alone, so that it has the same bytes
# on every machine, and needs no network.
#
#   tools/sbom.sh path/to/cyclonedx-py OUT
set -euo pipefail
program=$(realpath -s "$1") out=$(realpath -m "$2")
cd "$(dirname "$0")/.."

mkdir -p "$(dirname "$out")"
partial=$out.$$.partial
trap 'rm -f "$partial"' EXIT

# Each package once: torch and CUDA's packages share some with the rest.
awk '/^[A-Za-z0-9]/ { first = !seen[$1]++ } first' tools/locks/install.txt tools/locks/torch.txt |
  # The one warning says that a lock file does not tell who needs whom.
  PYTHONWARNINGS=ignore "$program" requirements --output-reproducible --spec-version 1.6 \
    --pyproject pyproject.toml --mc-type library -o "$partial" -
mv "$partial" "$out"
echo "$(grep -c '"purl"' "$out") packages in $out"
