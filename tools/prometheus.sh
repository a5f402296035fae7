#!/usr/bin/env bash
# tools/prometheus.sh: prints the folder that holds Debian's `prometheus` and `promtool`. Where the
# package is not installed it is unpacked into a cache: installing it would start a service.
set -euo pipefail
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit 0
fi
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/prometheus
if [ ! -x "$cache/usr/bin/prometheus" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/get.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  if ! apt-get download -q prometheus >/dev/null 2>&1; then
    # A fresh machine has no package lists yet.
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
    "${as_root[@]}" apt-get update -q >/dev/null
    apt-get download -q prometheus >/dev/null
  fi
  dpkg-deb -x "$work"/prometheus_*.deb "$cache"
fi
echo "$cache/usr/bin"
