#!/usr/bin/env bash
# tools/fuzz.sh [--runs N | --seconds N] [--jobs N] [TARGET...]: runs each libFuzzer target (all, or those named as
# in fuzz/CMakeLists.txt) for so many executions or so long (60 s), some at once, on its corpus in fuzz/corpus.
# Inputs have up to 1 KiB: it is their shape that breaks a parser, and long ones cost executions. New ones stay in
# build/fuzz/corpus; what broke a target is left beside them, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { sed -n '2s/^# \([^:]*\):.*/usage: \1/p' "$0" >&2; exit 2; }
limit=-max_total_time=60
jobs=1
while [[ ${1:-} == --* ]]; do
  [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
  case $1 in
    --runs) limit=-runs=$2 ;;
    --seconds) limit=-max_total_time=$2 ;;
    --jobs) jobs=$2 ;;
    *) usage ;;
  esac
  shift 2
done

targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -s _fuzz.cc -a fuzz/*_fuzz.cc)
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --parallel "$(nproc)" --target "${targets[@]/%/_fuzz}" >/dev/null

# One row of the table: target, executions, seconds, findings.
run_one() {
  local target=$1 limit=$2 grown=build/fuzz/corpus/$1 log=build/fuzz/$1.log findings=0
  mkdir -p "$grown" "fuzz/corpus/$target"
  local options=("$limit" -max_len=1024 -print_final_stats=1 "-artifact_prefix=$grown/")
  SECONDS=0
  "build/fuzz/fuzz/${target}_fuzz" "${options[@]}" "$grown" "fuzz/corpus/$target" >"$log" 2>&1 || findings=1
  printf '%-16s %12s %8s %8s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" $SECONDS $findings
  [ $findings = 0 ] || { tail -n 40 "$log" >&2; return 1; }
}
export -f run_one

printf '%-16s %12s %8s %8s\n' target executions seconds findings
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'run_one "$@"' _ {} "$limit"
