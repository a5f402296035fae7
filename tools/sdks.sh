#!/usr/bin/env bash
# tools/sdks.sh: fetches the official OpenAI and Anthropic client libraries, for Python from PyPI and for JavaScript from
# npm, into a cache. Prints the folder. What cannot be had is said on stderr; the interop suite skips it.
set -uo pipefail
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/sdks
mkdir -p "$cache"
log=$cache/install.log
if [ ! -x "$cache/venv/bin/python3" ]; then
  python3 -m venv "$cache/venv" >"$log" 2>&1 || echo "no Python environment (python3-venv): see $log" >&2
fi
if ! "$cache/venv/bin/python3" -c 'import openai, anthropic' 2>/dev/null; then
  "$cache/venv/bin/pip" install -q openai anthropic >>"$log" 2>&1 || echo "openai and anthropic cannot be had: see $log" >&2
fi
if [ ! -d "$cache/node/node_modules/openai" ] || [ ! -d "$cache/node/node_modules/@anthropic-ai/sdk" ]; then
  npm install --silent --no-audit --no-fund --prefix "$cache/node" openai @anthropic-ai/sdk >>"$log" 2>&1 ||
    echo "openai and @anthropic-ai/sdk cannot be had: see $log" >&2
fi
echo "$cache"
