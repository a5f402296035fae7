#!/usr/bin/env bash
# tools/bench.sh BUILD_DIR [NAME...]: runs the benchmarks (all, or those named) one after another. Each
# ends with one line of JSON on stdout: its figures, the peer's, the ratio; those lines are repeated at
# the end. Fails when one of them does.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: tools/bench.sh BUILD_DIR [NAME...]}
shift
lines=()
failures=0
run() {
  local name=$1
  shift
  echo "== $name"
  local out
  if out=$("$@" | tee /dev/stderr); then
    lines+=("$name $(tail -n 1 <<<"$out")")
  else
    lines+=("$name failed")
    failures=$((failures + 1))
  fi
}
wanted() { [ $# -eq 1 ] || { local name=$1; shift; printf '%s\n' "$@" | grep -qx -- "$name"; }; }
for program in "$build"/bench/*_bench; do
  [ -x "$program" ] || continue
  name=$(basename "$program")
  if wanted "$name" "$@"; then run "$name" "$program"; fi
done
for script in bench/*.py bench/*.sh; do
  [ -x "$script" ] || continue
  name=$(basename "$script")
  if wanted "$name" "$@"; then INSULA_BIN=$build/src/server/insula run "$name" "$script"; fi
done
printf '\n'
printf '%s\n' "${lines[@]}"
if [ "$failures" -gt 0 ]; then
  echo "$failures failed" >&2
  exit 1
fi
