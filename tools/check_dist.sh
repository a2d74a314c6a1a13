#!/usr/bin/env bash
# Install the wheel of dist/ into an empty virtual environment, and do what a user does first:
# the version, the help, a completion script, and `demo --quick` (MNIST comes from the cache). What
# belongs into the wheel is in it, and nothing else.
#
#   PYTHON=python3.12   which Python makes the virtual environment
#   TORCH=...           what to install as torch; by default the release of .venv, the CPU's build
set -euo pipefail
cd "$(dirname "$0")/.."

: "${PYTHON:=python3}" "${TORCH:=}"
fail() { echo "check_dist: $1" >&2; exit 1; }

wheels=(dist/radiotracer-*.whl)
[ "${#wheels[@]}" = 1 ] && [ -f "${wheels[0]}" ] || fail "expected one wheel in dist; run make dist"
wheel=$PWD/${wheels[0]}
sources=(dist/radiotracer-*.tar.gz)
[ "${#sources[@]}" = 1 ] && [ -f "${sources[0]}" ] || fail "expected one sdist in dist; run make dist"

"$PYTHON" - "$wheel" "${sources[0]}" <<'CHECK' || exit 1
import sys, tarfile, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
wrong = [n for n in names if not n.startswith(("radiotracer/", "radiotracer-"))]
wrong += [n for n in names if n.split("/")[1:2] in (["tests"], ["docs"])]
missing = {"radiotracer/py.typed", "radiotracer/__init__.py"} - set(names)
if wrong or missing:
    sys.exit(f"check_dist: the wheel holds {wrong[:3]} and lacks {sorted(missing)}")
inner = [n.partition("/")[2] for n in tarfile.open(sys.argv[2]).getnames()]
wrong = [n for n in inner if n.startswith(("tests", "docs", "tools", "bench", "."))
         and n != ".gitignore"]
if wrong or "pyproject.toml" not in inner:
    sys.exit(f"check_dist: the sdist holds {wrong[:3]}, or lacks pyproject.toml")
print(f"{len(names)} files in the wheel, {len(inner)} in the sdist")
CHECK

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$PYTHON" -m venv "$folder/venv"
# What is imported is compiled then, and the rest not at all.
install() {
  "$folder/venv/bin/python" -m pip --disable-pip-version-check -q install --no-compile "$@"
}
release=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' tools/locks/torch.txt)
if [ -n "$TORCH" ]; then
  install "$TORCH"
elif ! install --no-deps --only-binary :all: "torch==$release+cpu" 2>/dev/null; then
  install --require-hashes --no-deps --only-binary :all: -r tools/locks/torch.txt
fi
install --require-hashes --no-deps --only-binary :all: -r tools/locks/install.txt
install --no-deps --no-index "$wheel"
"$folder/venv/bin/python" -m pip check

# Not from here: the package that is imported has to be the installed one.
cd "$folder"
export PATH="$folder/venv/bin:$PATH"
version=$(radiotracer --version)
case "$wheel" in *"/radiotracer-$version-"*) ;; *) fail "--version says $version of $wheel" ;; esac
radiotracer --help >help.txt
radiotracer --install-completion --shell bash --out completion.bash
bash -n completion.bash
status=0
# Torch's threads wait for each other by spinning: two of them beside other work are much slower.
export OMP_NUM_THREADS=1
radiotracer demo --quick --out demo || status=$?
[ "$status" = 1 ] || fail "the demo finds what it planted, and ends with 1; it ended with $status"
[ -s demo/report.html ] || fail "the demo left no report"
python - demo/summary.json <<'CHECK' || fail "the demo found less than it does"
import json, sys
found = json.load(open(sys.argv[1]))["detectors"]["contrast"]  # of average precision about 0.994
sys.exit(not (found["auprc"] > 0.98 and found["recall"] > 0.9))
CHECK
echo "radiotracer $version: the wheel installs and finds what was planted"
