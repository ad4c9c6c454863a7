# How `keeper.sh`, which follows it, runs MariaDB. An option is one of `mariadbd`.

ends_by=KILL
# It does not listen to INT, and at TERM it cleans up.
dies_by=KILL

place() { :; }

make_data() {
  # One account from everywhere, who has to say the password.
  password=$(sed "s/[\\\\']/\\\\&/g" "$server/password")
  $as_server sh -c 'umask 077 && cat >"$1"' sh "$server/password.sql" <<SQL
DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';
FLUSH PRIVILEGES;
CREATE USER root@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
SQL
  $as_server mkdir "$server/tmp" && $as_server "$bin/mariadb-install-db" --no-defaults --datadir="$server/data" \
    --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --debug-no-sync \
    --innodb-flush-method=nosync --innodb-log-file-size=8M
}

serve() {
  # After the first time there is none.
  if [ -e "$server/password" ]; then set -- --init-file="$server/password.sql" "$@"; fi
  daemon=$(PATH=$bin:$PATH:/usr/sbin:/usr/local/sbin command -v mariadbd)
  # A process that is killed keeps what it has written, without syncing too.
  exec $as_server "$daemon" --no-defaults --datadir="$server/data" --tmpdir="$server/tmp" --pid-file="$server/pid" \
    --socket="$server/mysql.sock" --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --skip-log-bin \
    --event-scheduler=ON --performance-schema=OFF --debug-no-sync --innodb-flush-method=nosync \
    --innodb-buffer-pool-size=32M --innodb-log-file-size=8M --key-buffer-size=1M --aria-pagecache-buffer-size=8M \
    --max-allowed-packet=64M --max-connections=60 "$@"
}

is_ready() { grep -qs 'ready for connections' "$log"; }

