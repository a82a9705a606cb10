#!/bin/sh
# tools/debug.sh BUILD STAGE [CASE]: gdb on BUILD/tools/moe (a debug build), stopped at the first line of that stage's reference, with
# the skips and printers of tools/gdb. STAGE is a stage, a file of reference/, or a function of moe::reference. More gdb commands may
# stand in EXACTMOE_GDB, such as `-batch -ex bt`.
set -eu
cd -- "$(dirname -- "$0")/.."
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
moe=$1/tools/moe
stage=$2
[ -x "$moe" ] || { echo "debug: $moe is missing; build it first: cmake --preset debug && cmake --build --preset debug --target moe" >&2; exit 2; }
command -v gdb >/dev/null || { echo "debug: gdb is not installed" >&2; exit 2; }

preset=mixtral
case $stage in
  logits | router) function=route ;;
  scores | router_scores) function=scores ;;
  selected | router_selection) function=selection_keys ;;
  weights | router_weights) function=weights ;;
  positions | dispatch) function=place ;;
  dispatched) function=gather ;;
  hidden) function=hidden_values ;;
  activation) function=gated_activation ;;
  expert_out | expert) function=run_experts ;;
  combined | combine) function=combine ;;
  shared) function=run_shared preset=qwen2_moe ;;
  output | sparse) function=sparse ;;
  *[!a-z0-9_]* | '') echo "debug: no stage '$stage'; there are: logits scores selected weights positions dispatched hidden expert_out combined shared output" >&2; exit 2 ;;
  *) function=$stage ;;
esac
line=${3:-preset=$preset T=4 D=3 F=2 E=4 K=2 seed=1}
# shellcheck disable=SC2086
exec gdb -q -x tools/gdb/init.gdb -ex "tbreak moe::reference::$function" -ex run ${EXACTMOE_GDB:-} --args "$moe" case "$line" --tier reference
