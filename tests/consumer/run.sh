#!/usr/bin/env bash
# Installs the build in $1 into a folder of its own and builds and runs the consumer project in $2 against it, with compiler $3.
set -euo pipefail
build=$1 source=$2 compiler=$3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$build" --prefix "$place/installed" >"$place/log"
cmake -S "$source" -B "$place/build" -DCMAKE_PREFIX_PATH="$place/installed" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release >>"$place/log" ||
  { cat "$place/log"; exit 1; }
cmake --build "$place/build" >>"$place/log" 2>&1 || { cat "$place/log"; exit 1; }
"$place/build/consumer"
