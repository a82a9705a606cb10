# What a reader of reference/ wants of gdb: start with  gdb -x tools/gdb/init.gdb PROGRAM  from the root of the tree.
set confirm off
set pagination off
set print pretty on
set print frame-arguments scalars
set breakpoint pending off
set debuginfod enabled off
source tools/gdb/skips.gdb
source tools/gdb/exactmoe.py
