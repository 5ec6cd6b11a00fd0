#!/usr/bin/env bash
# Runs every step of the Dockerfile without Docker, and then its container: each stage in a folder of its own as root,
# with this machine's /usr below it and Node 24 of npm's package `node` in /usr/local, where the image has it. Checks
# the unit of systemd too. As root, on Debian with python3, make and g++.
#
#   scripts/try-image.sh [folder to keep]
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
home=${1:-$(mktemp -d /var/tmp/moco-search-image-XXXXXX)}
mkdir -p "$home"
declare -A environment=() stages=()
stage= root= directory=/ user=root server=

# A root folder: all of this machine's programs read-only, and nothing else of it.
new_root() {
  root=$1
  mkdir -p "$root"/{usr,bin,sbin,lib,lib64,proc,dev,etc,tmp,local,root}
  cp -a /etc/{passwd,group,nsswitch.conf,resolv.conf,hosts,ssl,alternatives,ld.so.*} "$root/etc"
  sed -i '/^node:/d; /:1000:/d' "$root"/etc/{passwd,group}
  echo node:x:1000:1000::/tmp:/bin/sh >> "$root/etc/passwd"
  echo node:x:1000: >> "$root/etc/group"
  chmod 1777 "$root/tmp"
  cp -al "$home/node/." "$root/local"
}

# Runs a command line in the root folder, as the Dockerfile has set directory, user and environment.
inside() {
  local variables=(PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp)
  for name in registry cafile https-proxy; do variables+=("npm_config_${name/-/_}=$(npm config get "$name" 2> /dev/null)"); done
  for name in "${!environment[@]}"; do variables+=("$name=${environment[$name]}"); done
  ${launch:-} unshare --mount bash -euc '
    root=$1; shift
    for folder in usr bin sbin lib lib64 proc dev; do mount --rbind "/$folder" "$root/$folder"; done
    mount -o remount,bind,ro "$root/usr"
    mount --bind "$root/local" "$root/usr/local"
    exec "$@"
  ' bash "$root" chroot --userspec="$user" "$root" env -i "${variables[@]}" sh -c "cd $directory && $1"
}

# What .dockerignore lets through.
context() {
  mkdir -p "$home/context"
  sed -n 's/^!//p' .dockerignore | while read -r path; do
    [ ! -e "$path" ] || cp -a --parents "$path" "$home/context"
  done
}

copy() {
  local from=$home/context words=("$@")
  if [[ ${words[0]} = --from=* ]]; then
    from=${stages[${words[0]#--from=}]}
    words=("${words[@]:1}")
  fi
  local target=$root$directory/${words[-1]}
  mkdir -p "$target"
  for path in "${words[@]::${#words[@]}-1}"; do
    if [ -d "$from/$path" ]; then cp -a "$from/$path/." "$target"; else cp -a "$from/$path" "$target"; fi
  done
}

# A list such as ["node", "dist/cli/main.js"] as a command line.
words() { node -p 'JSON.parse(process.argv[1]).map((word) => "\x27" + word.replaceAll("\x27", "\x27\\\x27\x27") + "\x27").join(" ")' "$1"; }

step() {
  local began=$SECONDS instruction=$1 rest=$2
  case $instruction in
    FROM)
      [[ $rest = node:24-bookworm* ]] || { echo "Expected node:24-bookworm but received $rest." >&2; exit 1; }
      stage=${rest##* AS }
      directory=/ user=root environment=()
      new_root "$home/stage-${#stages[@]}"
      stages[$stage]=$root
      ;;
    WORKDIR) directory=$rest && mkdir -p "$root$rest" ;;
    COPY) read -ra paths <<< "$rest" && copy "${paths[@]}" ;;
    RUN) inside "$rest" > "$home/run.log" 2>&1 || { tail -30 "$home/run.log" >&2; exit 1; } ;;
    ENV) for pair in $rest; do environment[${pair%%=*}]=${pair#*=}; done ;;
    USER) user=$rest ;;
    ENTRYPOINT) entrypoint=$(words "$rest") ;;
    CMD) command=$(words "$rest") ;;
    HEALTHCHECK) healthy=$(words "[${rest#*[}") ;;
    VOLUME | EXPOSE) ;;
    *) echo "Expected an instruction that this script knows but received $instruction." >&2; exit 1 ;;
  esac
  echo "$instruction ${rest:0:80}: $((SECONDS - began)) s"
}

if command -v systemd-analyze > /dev/null; then
  # The program is not installed here, so the unit is tried with one that is.
  sed "s|^ExecStart=.*|ExecStart=$(command -v node) --version|; s|^User=.*|User=nobody|" deploy/moco-search.service \
    > "$home/moco-search.service"
  systemd-analyze verify "$home/moco-search.service"
  echo "The unit is well formed."
fi

# npm's package has bin, include and share as /usr/local in the image; npm itself is of this machine.
mkdir -p "$home/node-package" "$home/node"
(cd "$home/node-package" && echo '{ "private": true }' > package.json && npm install --no-audit --no-fund --silent node@24)
headers=$(find "$home/node-package/node_modules" -path "*/include/node/node.h" | head -1)
cp -a "${headers%/include/node/node.h}/." "$home/node"
mkdir -p "$home/node/lib/node_modules"
cp -aL "$(npm root -g)/npm" "$home/node/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$home/node/bin/npm"

context
# One instruction a line, without comments; the process substitution leaves our stdin alone.
while read -r instruction rest <&3; do
  [ -z "$instruction" ] || step "$instruction" "$rest"
done 3< <(sed '/^#/d; /^ *#/d' Dockerfile | sed -e ':join' -e '/\\$/{N; s/\\\n//; b join' -e '}')

echo "image: $(du -sm "$root/app" | cut -f1) MB of our own"
environment[MOCO_SEARCH_PORT]=3000
key=$(inside "$entrypoint keys create --role admin --json" | grep -o 'moco_[A-Za-z0-9_-]*' | head -1)
launch=exec inside "exec $entrypoint $command" > "$home/serve.log" 2>&1 &
server=$!
trap 'kill "$server" 2> /dev/null || true' EXIT
for _ in $(seq 120); do
  inside "$healthy" > /dev/null 2>&1 && break
  kill -0 "$server" || { cat "$home/serve.log" >&2; exit 1; }
  sleep 1
done
statuses=$(node -e '
  const [key, file] = process.argv.slice(1);
  const body = () => {
    const form = new FormData();
    form.append("image", new Blob([require("node:fs").readFileSync(file)]), "a.png");
    return form;
  };
  const post = async (headers) =>
    (await fetch("http://127.0.0.1:3000/v1/images", { method: "POST", headers, body: body() })).status;
  (async () => console.log(await post({}), await post({ authorization: `Bearer ${key}` })))();
' "$key" docs/images/retrieval.png)
kill "$server"
wait "$server" || true
[ "$statuses" = "401 201" ] || { echo "Expected 401 without a key and 201 with it but received $statuses." >&2; exit 1; }
echo "The container answered, refused without a key, stored an image and stopped, in $SECONDS s."
