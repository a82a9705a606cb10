#!/bin/sh
# tools/docs.sh [OUTPUT]: builds the documentation site, in build/docs unless told otherwise. A warning is an error.
set -eu
cd -- "$(dirname -- "$0")/.."
output=${1:-build/docs}
for need in doxygen python3; do
  command -v $need >/dev/null || { echo "docs: $need is not installed" >&2; exit 2; }
done
[ -f /usr/share/doxygen-awesome-css/doxygen-awesome.css ] || { echo "docs: install the package doxygen-awesome-css" >&2; exit 2; }
mkdir -p "$output"
if ! { cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $output"; } | doxygen - >"$output/doxygen.log" 2>&1; then
  grep -E 'warning|error' "$output/doxygen.log" | sort -u >&2
  echo "docs: doxygen has warnings, all of them in $output/doxygen.log" >&2
  exit 1
fi
echo "$output/html/index.html"
