#!/usr/bin/env bash
# PostgreSQL 17 with pgvector for tests, benchmarks and proofs: without Docker and beside whatever is installed. Debian
# 13 is unpacked into a folder and its server started there, on 127.0.0.1 alone. What is up already is used again.
#
#   scripts/postgres.sh start              prints the address, postgres://postgres:moco@127.0.0.1:54317/postgres
#   scripts/postgres.sh stop [immediate]   `immediate` ends it as a crash would
#
# Where MOCO_SEARCH_TEST_POSTGRES names another server (with the right to create databases), that one is used: nothing
# is started, and what this script did not start it does not end.
set -euo pipefail

folder="${MOCO_SEARCH_POSTGRES_FOLDER:-/var/tmp/moco-search-postgres}"
port="${MOCO_SEARCH_POSTGRES_PORT:-54317}"
own="postgres://postgres:moco@127.0.0.1:$port/postgres"
named="${MOCO_SEARCH_TEST_POSTGRES:-$own}"
debian="$folder/debian"
data=/var/lib/postgresql/moco # inside the folder
bin=/usr/lib/postgresql/17/bin

fail() { echo "postgres.sh: $*" >&2; exit 1; }
as_postgres() { chroot --userspec=postgres:postgres "$debian" "$@"; }
is_up() { as_postgres "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; }

install_debian() {
  [ "$(id -u)" = 0 ] || fail "needs root to unpack Debian into $debian; or name a server in MOCO_SEARCH_TEST_POSTGRES"
  if ! command -v debootstrap >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends debootstrap; } >&2
  fi
  rm -rf "$debian.part"
  mkdir -p "$folder"
  echo "Unpacking PostgreSQL 17 and pgvector into $debian; this takes a minute or more …" >&2
  debootstrap --variant=minbase --include=postgresql-17,postgresql-17-pgvector trixie "$debian.part" >"$folder/debootstrap.log" 2>&1 ||
    fail "debootstrap failed; see $folder/debootstrap.log"
  mv "$debian.part" "$debian"
}

start() {
  [ -d "$debian" ] || install_debian
  if [ ! -f "$debian$data/PG_VERSION" ]; then
    printf moco >"$debian/tmp/password" && chmod 644 "$debian/tmp/password"
    as_postgres "$bin/initdb" -D "$data" -U postgres --pwfile=/tmp/password --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C.UTF-8 >"$folder/initdb.log" 2>&1 || fail "initdb failed; see $folder/initdb.log"
    cat >>"$debian$data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 512MB
maintenance_work_mem = 512MB
dynamic_shared_memory_type = mmap
CONF
  fi
  is_up || as_postgres "$bin/pg_ctl" -D "$data" -o "-p $port" -w -t 60 -l /tmp/postgres.log start >/dev/null ||
    fail "PostgreSQL does not start; see $debian/tmp/postgres.log"
  echo "$own"
}

case "${1:-}" in
  start)
    if [ "$named" = "$own" ]; then start; else echo "$named"; fi
    ;;
  stop)
    [ "$named" = "$own" ] || fail "MOCO_SEARCH_TEST_POSTGRES names a server that this script did not start; end it yourself"
    if is_up; then as_postgres "$bin/pg_ctl" -D "$data" -m "${2:-fast}" -w stop >/dev/null; fi
    ;;
  *) fail "expected start or stop" ;;
esac
