#!/usr/bin/env bash
# tools/clients.sh: fetches the official Kubernetes client libraries, for Python from PyPI and for JavaScript from npm, and builds
# tests/interop/controller on client-go, from Go's module proxy, all into a cache. Prints the folder. What cannot be had is said on
# stderr; the interop suite skips it.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/clients
mkdir -p "$cache"
log=$cache/install.log
if [ ! -x "$cache/venv/bin/python3" ]; then
  python3 -m venv "$cache/venv" >"$log" 2>&1 || echo "no Python environment (python3-venv): see $log" >&2
fi
if ! "$cache/venv/bin/python3" -c 'import kubernetes' 2>/dev/null; then
  "$cache/venv/bin/pip" install -q kubernetes >>"$log" 2>&1 || echo "kubernetes cannot be had from PyPI: see $log" >&2
fi
# The last major version that runs on Node.js 20.
if [ ! -d "$cache/node/node_modules/@kubernetes/client-node" ]; then
  npm install --silent --no-audit --no-fund --prefix "$cache/node" @kubernetes/client-node@1 >>"$log" 2>&1 ||
    echo "@kubernetes/client-node cannot be had from npm: see $log" >&2
fi
# Go itself finds out whether anything is to be built.
(cd "$root/tests/interop/controller" && GOFLAGS="-mod=readonly -buildvcs=false" go build -o "$cache/controller" .) >>"$log" 2>&1 || {
  rm -f "$cache/controller"
  echo "the controller on client-go cannot be built: see $log" >&2
}
echo "$cache"
