#!/usr/bin/env bash
# The first day with the installed package: pack, install it into an empty folder without .npmrc, train 20 seconds on the
# samples, serve, index, search, and import the library. Prints seconds and megabytes.
#
#   scripts/first-day.sh [folder to keep]
set -euo pipefail
cd "$(dirname "$0")/.."
home=${1:-$(mktemp -d)}
mkdir -p "$home"
server=
trap '[ -z "$server" ] || kill "$server"' EXIT

step() {
  local name=$1 began=$SECONDS
  shift
  "$@" > "$home/$name.log" 2>&1 || { tail -30 "$home/$name.log" >&2; echo "$name failed" >&2; exit 1; }
  echo "$name: $((SECONDS - began)) s"
}

step pack npm pack --pack-destination "$home"
cd "$home"
echo '{ "name": "first-day", "private": true, "type": "module" }' > package.json
step install npm install --foreground-scripts --no-audit --no-fund --loglevel=http ./moco-search-*.tgz
if grep -E "nuget\.org|github\.com|Downloading" install.log; then
  echo "Expected an install from the registry alone." >&2
  exit 1
fi
echo "size: $(du -sm node_modules | cut -f1) MB, package $(du -sm moco-search-*.tgz | cut -f1) MB"

moco=./node_modules/.bin/moco-search
samples=node_modules/moco-search/samples
began=$(date +%s%N)
"$moco" --version > /dev/null
echo "--version: $((($(date +%s%N) - began) / 1000000)) ms"

step train "$moco" train "$samples/collection" --name first --minutes 0.34
"$moco" serve --model first --port 0 --json > serve.log 2>&1 &
server=$!
for _ in $(seq 600); do grep -q '"url"' serve.log && break; kill -0 "$server"; sleep 0.1; done
url=$(grep -o 'http://[0-9.:]*' serve.log | head -1)
step index "$moco" index "$samples/queries" --server "$url"
image=$(find "$samples/queries" -name '*.png' | sort | head -1)
step search "$moco" search "$image" -k 3 --server "$url"
grep -q "$(basename "$image")" search.log
step library node --input-type=module -e '
  const [{ train, openDataset }, { createApp, start }, graph] = await Promise.all(
    ["training", "server", "graph"].map((door) => import(`moco-search/${door}`)),
  );
  for (const one of [train, openDataset, createApp, start, graph.compile]) if (typeof one !== "function") throw one;'
echo "The first day went well in $SECONDS s."
