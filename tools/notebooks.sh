#!/bin/sh
# tools/notebooks.sh VENV MOE [--update]: executes the notebooks with the program MOE and compares their outputs with the committed ones, strictly
# but for pictures; pages of them are left in build/notebooks. VENV is the virtual environment, made when it is missing. --update writes the
# committed .ipynb anew. Exit status 77: cannot run here, with the reason.
set -eu
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
venv=$(realpath -m -- "$1")
EXACTMOE_MOE=$(realpath -m -- "$2")
export EXACTMOE_MOE
cd -- "$(dirname -- "$0")/.."
out=$PWD/build/notebooks
skip() { echo "skipped: $*"; exit 77; }
[ -x "$EXACTMOE_MOE" ] || skip "$EXACTMOE_MOE is not built"

if ! cmp -s notebooks/requirements.txt "$venv/installed.txt"; then
  mkdir -p "$(dirname -- "$venv")"
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || skip "python3 cannot make a virtual environment (package python3-venv)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 10 -r notebooks/requirements.txt ||
    skip "the Python packages of notebooks/requirements.txt could not be installed (no network?)"
  cp notebooks/requirements.txt "$venv/installed.txt"
fi

mkdir -p "$out"
PATH=$venv/bin:$PATH
export PATH MPLBACKEND=module://matplotlib_inline.backend_inline JUPYTER_PLATFORM_DIRS=1 PYTHONWARNINGS=ignore
export PYTHONPATH="$PWD/notebooks" IPYTHONDIR="$out/.ipython" JUPYTER_CONFIG_DIR="$out/.jupyter" MPLCONFIGDIR="$out/.matplotlib"
cd notebooks
for source in *.py; do
  name=${source%.py}
  jupytext --quiet --to ipynb --output "$out/$name.unexecuted.ipynb" "$source"
  if [ "${3:-}" = --update ]; then
    jupyter nbconvert --log-level WARN --to notebook --execute --output-dir . --output "$name.ipynb" "$out/$name.unexecuted.ipynb"
    python ../tests/docs/check_notebook.py --clean "$name.ipynb"
    echo "written: notebooks/$name.ipynb"
  fi
  python ../tests/docs/check_notebook.py "$out/$name.unexecuted.ipynb" "$name.ipynb"
  pytest -q -p no:cacheprovider --nbval --nbval-cell-timeout 60 "$name.ipynb"
  jupyter nbconvert --log-level WARN --to html --output-dir "$out" "$name.ipynb"
done
