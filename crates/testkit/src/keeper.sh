# Runs a database server until nobody uses it; the tests of both languages start it so:
#
#   setsid --fork sh -c "$(cat postgres.sh keeper.sh)" keeper FOLDER BIN PORT LINGER [OPTION…]
#
# A user of the server holds a shared lock on FOLDER/users. Locks end with their processes, however those end; once
# nobody has held one for LINGER seconds, the server ends and FOLDER is removed. Whoever starts it holds the lock
# exclusively until a line on standard output says `ready`, or why not; then it removes FOLDER.
#
# FOLDER/password holds the superuser's password. The socket, the log, the server's `port` and the process of this
# `keeper` are in FOLDER/server. USR1 starts a server again that was stopped or has crashed, if FOLDER has one user.
#
# The script of a kind of server (`postgres.sh`, `mysql.sh`) stands before this one and says how: `make_data`,
# `serve OPTION…` (in place of the shell), `is_ready`, `place` (where the programs may need another), and the signals
# `ends_by` (here) and `dies_by` (if this shell is killed).
set -eu

folder=$1 bin=$2 port=$3 linger=$4
shift 4
server=$folder/server
log=$server/log

cd "$folder"
exec 8>>keeper 9>>users
# Whoever started another may have been killed before it was ready.
flock --timeout 10 8
test keeper -ef /dev/fd/8

running=
finish() {
  if [ "$running" ] && kill "-$ends_by" "$running" 2>&-; then wait "$running" || :; fi
  rm -rf "$server"
  if flock --nonblock 9; then rm -rf "$folder"; fi
}
trap finish EXIT
trap '' PIPE

rm -rf "$server"
mkdir "$server"
cp password "$server/password"

# These servers refuse to run as root.
as_server="setpriv --pdeathsig $dies_by"
if [ "$(id -u)" = 0 ]; then
  as_server="$as_server --reuid 65534 --regid 65534 --clear-groups"
  place
  chown -R 65534:65534 "$server"
fi

start() {
  serve "$@" >>"$log" 2>&1 8>&- 9>&- &
  running=$!
}

if make_data >"$log" 2>&1 8>&- 9>&-; then
  start "$@"
  while ! is_ready && kill -0 "$running" 2>&-; do sleep 0.02; done
fi
rm -f "$server/password" "$server/password.sql"
if ! is_ready; then
  tail -c 2000 "$log"
  exit 1
fi
trap 'start "$@"' USR1
echo "$port" >"$server/port"
echo $$ >"$server/keeper"
echo ready
exec >&- 2>&-

while :; do
  # In the background: a signal interrupts `wait` only.
  flock 9 &
  waiting=$!
  while kill -0 "$waiting" 2>&-; do wait "$waiting" || :; done
  if [ "$linger" = 0 ]; then break; fi
  flock --unlock 9
  sleep "$linger"
  if flock --nonblock 9; then break; fi
done
