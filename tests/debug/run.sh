#!/bin/sh
# Usage: run.sh SOURCE DRIVER. Exit status 77 means skipped, with the reason.
gdb=$(command -v gdb) || { echo "skipped: gdb is not installed"; exit 77; }
"$gdb" -nx -batch -ex 'python print(1)' 2>/dev/null | grep -q 1 || { echo "skipped: this gdb has no Python"; exit 77; }
"$gdb" -nx -batch -ex 'tbreak main' -ex run "$2" 2>&1 | grep -q '^Temporary breakpoint 1, ' ||
  { echo "skipped: gdb cannot run a program here (ptrace is not allowed)"; exit 77; }
cd "$1" || exit 1
log=$(mktemp)
EXACTMOE_SOURCE=$1 timeout 300 "$gdb" -nx -batch -x tools/gdb/init.gdb -x tests/debug/step.py "$2" >"$log" 2>&1
status=$?
grep -E '^(ok|FAIL) ' "$log"  # the rest tells every step
[ $status -eq 0 ] || { echo "gdb ended with status $status; its last lines:"; tail -20 "$log"; }
rm -f "$log"
exit $status
