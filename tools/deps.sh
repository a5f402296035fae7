#!/usr/bin/env bash
# tools/deps.sh SET...: makes sure that the Debian packages of each set are installed.
#   build  compile the product      run   what pods need at run time
#   test   run the tests            lint  formatter, linter, sanitizers, fuzzing
#   bench  peers and load generators of the benchmarks
# With everything there it only looks (no root needed). Otherwise it installs, as root or through
# sudo; where neither is possible it says in one line what is missing, and fails.
set -euo pipefail

packages_of() {
  case "$1" in
    build) echo clang-19 lld-19 cmake ninja-build ccache pkg-config python3 \
      libfmt-dev libsimdjson-dev libyaml-dev libsqlite3-dev libssl-dev libcli11-dev \
      libarchive-dev libnghttp2-dev libre2-dev liburing-dev zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev ;;
    run) echo crun curl ca-certificates ;;
    test) echo python3 curl openssl zstd redis-tools ;;
    bench) echo nginx-light wrk haproxy nghttp2-client openssl ;;
    lint) echo clang-tidy-19 clang-format-19 libclang-rt-19-dev git ;;
    *) echo "tools/deps.sh: no set named $1 (build, run, test, bench, lint)" >&2; exit 2 ;;
  esac
}

# npm comes with Node.js from other sources, too: ask for the command, not the package.
commands_of() { if [ "$1" = test ]; then echo npm; fi; }

missing=()
for set in "${@:-build}"; do
  for package in $(packages_of "$set"); do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
  for command in $(commands_of "$set"); do
    command -v "$command" >/dev/null || missing+=("$command")
  done
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    echo "missing Debian packages: ${missing[*]} (install them as root: apt-get install ${missing[*]})" >&2
    exit 1
  fi
fi

echo "installing: ${missing[*]}"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${install[@]}" >"$log" 2>&1; then
  "${as_root[@]}" apt-get update -q >"$log" 2>&1 || true
  if ! "${install[@]}" >"$log" 2>&1; then
    tail -5 "$log" >&2
    echo "could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
