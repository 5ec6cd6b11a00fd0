#!/usr/bin/env bash
# The first day with the installed package: pack it, install it into an empty folder without .npmrc, and use everything
# that a newcomer uses: commands, both libraries, generated clients, types. Prints seconds and megabytes.
#
#   scripts/first-day.sh [folder to keep]        all of it on this Node, commands and libraries again on others
#
# MOCO_FIRST_DAY_NODES: the other versions, "22 24" where it is not set; npm's package `node` brings them.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
home=${1:-$(mktemp -d)}
mkdir -p "$home/app" "$home/clients"
home=$(cd "$home" && pwd)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true' EXIT

# Runs a step, its output in a file that is shown where the step fails.
step() {
  local name=$1 began=$SECONDS
  shift
  "$@" > "$home/$name.log" 2>&1 || { tail -30 "$home/$name.log" >&2; echo "$name failed" >&2; exit 1; }
  echo "$name: $((SECONDS - began)) s"
}

# Milliseconds of the processor, the least of five runs: a clock would measure what else the machine does.
fastest() {
  local best=999999 spent
  local TIMEFORMAT='%U %S'
  for _ in 1 2 3 4 5; do
    spent=$({ time "$@" > /dev/null; } 2>&1 | awk '{ print int(1000 * ($1 + $2)) }')
    ((spent < best)) && best=$spent
  done
  echo "$best"
}

# Starts the server of the installed package and sets $url.
serve() {
  node node_modules/moco-search/dist/cli/main.js serve --port 0 --json "$@" > "$home/serve.log" 2>&1 &
  server=$!
  for _ in $(seq 600); do
    grep -q '"url"' "$home/serve.log" && break
    kill -0 "$server" || { cat "$home/serve.log" >&2; exit 1; }
    sleep 0.1
  done
  url=$(grep -o 'http://[0-9.:]*' "$home/serve.log" | head -1)
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

# The commands that use a running server, and the examples that have one inside; `$1` names the version of Node.
use() {
  local node=$1 moco=./node_modules/.bin/moco-search
  rm -rf data example-data example-mounted
  serve --data data
  step "$node-index" "$moco" index queries/bag queries/sandal --server "$url"
  step "$node-search" "$moco" search queries/bag/0007.png -k 3 --server "$url"
  grep -q "0007.png" "$home/$node-search.log"
  step "$node-review" "$moco" activate first --review --server "$url"
  step "$node-approve" "$moco" approve --server "$url"
  step "$node-status" "$moco" status --server "$url"
  grep -q "first" "$home/$node-status.log"
  step "$node-client" node examples/client.js "$url" queries/bag/0001.png
  stop
  step "$node-library-server" node examples/serve-and-search.js queries/*/0000.png
  step "$node-library-mounted" mounted
}

# The example of an application of one's own: its own page, the server under its address, and its own rule of access.
mounted() {
  node examples/mount-in-express.js > "$home/mounted.log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    grep -q http "$home/mounted.log" && break
    kill -0 "$server"
    sleep 0.1
  done
  node --input-type=module -e '
    const [own] = process.argv.slice(1);
    const status = async (path, headers = {}) => (await fetch(own + path, { headers })).status;
    const found = [await status("/"), await status("/similar/readyz"), await status("/similar/readyz", { "x-user": "me" })];
    if (found.join() !== "200,403,200") throw new Error(`Expected 200, 403, 200 but received ${found}`);
  ' "$(cat "$home/mounted.log")"
  stop
}

# Another version of Node, in its own copy of the application: what is compiled for one version is compiled again.
other() (
  version=$1 home=$home/node$1 server=
  trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true' EXIT
  cd "$home"
  echo '{ "private": true }' > package.json
  step "node$version-install" npm install --no-audit --no-fund "node@$version"
  headers=$(find "$home/node_modules" -path "*/include/node/node.h" | head -1)
  PATH=$home/node_modules/node/bin:$PATH
  [ "$(node -p 'process.versions.node.split(".")[0]')" = "$version" ]
  cd app
  rm -rf node_modules/better-sqlite3/build
  step "node$version-rebuild" env npm_config_nodedir="${headers%/include/node/node.h}" npm rebuild better-sqlite3
  use "node$version"
)

step pack npm pack --pack-destination "$home"
cd "$home/app"
echo '{ "name": "first-day", "private": true, "type": "module" }' > package.json
step install npm install --foreground-scripts --no-audit --no-fund --loglevel=http ../moco-search-*.tgz
if grep -E "GET.*(nuget\.org|github\.com)|Downloading" "$home/install.log"; then
  echo "Expected an install from the registry alone." >&2
  exit 1
fi
echo "size: $(du -sm node_modules | cut -f1) MB installed, package $(du -sm "$home"/moco-search-*.tgz | cut -f1) MB"
version_ms=$(fastest ./node_modules/.bin/moco-search --version)
echo "--version: $version_ms ms of the processor"

cp node_modules/moco-search/samples/fashion-mnist.tar.gz samples.tar.gz
tar xzf samples.tar.gz
cp -r node_modules/moco-search/examples .
this=node$(node -p 'process.versions.node.split(".")[0]')
step "$this-train" ./node_modules/.bin/moco-search train "samples.tar.gz#collection" --name first --minutes 0.34
use "$this"
step "$this-library-training" node examples/train-and-embed.js samples.tar.gz#collection queries/*/0000.png
step "$this-game-frames" node examples/game-frames.js --quick
step "$this-text-spans" node examples/text-spans.js --quick

# Side by side: on most machines of continuous integration there are two cores.
rm -rf data example-data example-mounted
others=()
for version in ${MOCO_FIRST_DAY_NODES-22 24}; do
  mkdir -p "$home/node$version"
  cp -al "$home/app" "$home/node$version/app"
  other "$version" &
  others+=($!)
done

# Generated clients and our own types, compiled as strictly as they can be.
cd "$home/clients"
echo '{ "name": "clients", "private": true, "type": "module" }' > package.json
step install-generators npm install --no-audit --no-fund typescript@5.9 @types/node@20 openapi-typescript openapi-fetch \
  @hey-api/openapi-ts @redocly/cli
cat > tsconfig.json << 'EOF'
{ "compilerOptions": { "strict": true, "target": "es2022", "module": "nodenext", "types": ["node"] }, "include": ["*.ts"] }
EOF
cp "$repository"/examples/*.ts .
cd "$home/app"
serve --data data
cd "$home/clients"
node -e 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)' "$url/openapi.json" > openapi.json
step lint-openapi npx --no-install redocly lint openapi.json
step generate-openapi-typescript npx --no-install openapi-typescript openapi.json -o api.d.ts
step generate-hey-api npx --no-install openapi-ts -i openapi.json -o hey --client @hey-api/client-fetch
step compile-clients npx --no-install tsc --skipLibCheck false
for client in openapi-typescript hey-api; do
  step "use-$client" node "$client.js" "$url" "$home/app/queries/bag/0001.png"
  grep -q "^1\.000" "$home/use-$client.log"
done
cd "$home/app"
stop
cat > doors.ts << 'EOF'
import { createClient } from "moco-search/client";
import { type Tensor, compile } from "moco-search/graph";
import { createLearner, type Learner } from "moco-search/moco";
import { AppError, createServer, type MountableServer, start } from "moco-search/server";
import { type Embedder, openEmbedder, train } from "moco-search/training";
export const doors = { AppError, compile, createClient, createLearner, createServer, openEmbedder, start, train };
export type Doors = MountableServer | Embedder | Learner | Tensor;
EOF
step types ../clients/node_modules/.bin/tsc --strict --skipLibCheck false --target es2022 --module nodenext --noEmit \
  --types node --typeRoots ../clients/node_modules/@types doors.ts

for job in "${others[@]}"; do wait "$job"; done
echo "The first day went well in $SECONDS s."
((version_ms < 300)) || { echo "Expected --version to take less than 300 ms." >&2; exit 1; }
