#!/usr/bin/env bash
# Known holes in the locked releases, by pip-audit. It asks the package index's database, so this is
# no part of `make check`: run it before a release, and each night. Nothing is installed or built.
#
#   tools/audit_dependencies.sh path/to/pip-audit [LOCK...]
#
# Exit status: 0 no hole is known; 1 some are; 2 the database could not be asked about everything.
set -euo pipefail
program=$(realpath -s "$1")
cd "$(dirname "$0")/.."
shift
[ "$#" -gt 0 ] || set -- tools/locks/dev.txt tools/locks/torch.txt tools/locks/papers.txt

said=$(mktemp)
trap 'rm -f "$said"' EXIT
for lock in "$@"; do
  echo "$lock"
  status=0
  # Without --strict a package that the database does not answer about is passed over, and all is
  # said to be well.
  "$program" --strict --disable-pip --require-hashes --progress-spinner off -r "$lock" \
    2>"$said" || status=$?
  if grep -q '^Found [0-9]* known vulnerabilit' "$said"; then
    cat "$said" >&2
    exit 1
  fi
  if [ "$status" -ne 0 ]; then
    echo "expected answers about every package of $lock from the package index's database of known" \
      "holes; got: $(tail -n 1 "$said"); try again where the network reaches it" >&2
    exit 2
  fi
done
echo "no known holes"
