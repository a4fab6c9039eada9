#!/bin/sh
# Makes a cluster on first use and runs the server: the part of the official image's entrypoint that Verbena and its tests use.
set -eu
user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"; fi
if [ "${1:-postgres}" != postgres ]; then exec "$@"; fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed to make a cluster" >&2
    exit 1
  fi
  # Made beside its place and then moved there, so that half of one is never taken for a whole.
  fresh="$PGDATA.new"
  rm -rf "$fresh"
  umask 077
  echo "$POSTGRES_PASSWORD" > /tmp/password
  initdb --pgdata="$fresh" --username="$user" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-instructions
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$fresh/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\"" | postgres --single -D "$fresh" postgres > /dev/null
  fi
  rm -rf "$PGDATA"
  mv "$fresh" "$PGDATA"
fi
unset POSTGRES_PASSWORD
shift || true
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
