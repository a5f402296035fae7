#!/usr/bin/env bash
# tools/fuzz.sh SECONDS [TARGET...]: runs each libFuzzer target that long on its corpus in fuzz/corpus.
# New inputs stay in build/fuzz/corpus; a crash is left beside it, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: tools/fuzz.sh SECONDS [TARGET...]}
shift
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --parallel "$(nproc)" >/dev/null
failed=0
for program in build/fuzz/fuzz/*_fuzz; do
  name=$(basename "$program")
  if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx -- "$name"; then continue; fi
  target=${name%_fuzz}
  grown=build/fuzz/corpus/$target
  mkdir -p "$grown" "fuzz/corpus/$target"
  dictionary=()
  [ -f "fuzz/dict/$target.dict" ] && dictionary=("-dict=fuzz/dict/$target.dict")
  echo "== $name, $seconds s"
  "$program" -max_total_time="$seconds" -artifact_prefix="$grown/" -print_final_stats=1 "${dictionary[@]}" \
    "$grown" "fuzz/corpus/$target" 2>&1 | tail -n 12 || failed=1
done
exit $failed
