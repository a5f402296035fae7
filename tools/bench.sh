#!/usr/bin/env bash
# tools/bench.sh [BUILD_DIR]: runs every benchmark and prints each one's last line, which is JSON.
# The whole output of each goes to BUILD_DIR/bench-NAME.log. A benchmark that fails fails the run.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
failed=0

run() {
  local name=$1
  shift
  echo "== $name" >&2
  if "$@" >"$build/bench-$name.log" 2>&1; then
    tail -1 "$build/bench-$name.log"
  else
    echo "$name failed; see $build/bench-$name.log" >&2
    failed=1
  fi
}

for program in bench/*_bench.cc; do
  name=$(basename "$program" .cc)
  [ -x "$build/bench/$name" ] && run "$name" "$build/bench/$name"
done
for script in bench/*.py; do
  run "$(basename "$script" .py)" "$script" --build "$build"
done
exit $failed
