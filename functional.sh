#!/usr/bin/env bash
# Makes real backups of a database and of media with the test project, loses what they hold, and restores it.
#
#   bash functional.sh                     everything happens in a temporary folder
#   PYTHON=python3.13 bash functional.sh   another interpreter, as for runtests.py
#
# Another database than a SQLite file is named by DB_ENGINE, DB_NAME, DB_USER, DB_PASSWORD, DB_HOST and DB_PORT. It is
# EMPTIED: give it one of its own.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [[ -z ${PYTHON:-} ]]; then
  PYTHON=python3
  [[ -x .venv/bin/python ]] && PYTHON=.venv/bin/python
fi

# A project that somebody works on must not be what is emptied here.
unset DJANGO_SETTINGS_MODULE

work=$(mktemp -d "${TMPDIR:-/tmp}/dbbackup-functional.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "FAILED: functional.sh, line $LINENO: $BASH_COMMAND" >&2' ERR

export DB_ENGINE=${DB_ENGINE:-django.db.backends.sqlite3}
if [[ $DB_ENGINE == *sqlite3 ]]; then
  export DB_NAME=$work/library.sqlite3
elif [[ -z ${DB_NAME:-} ]]; then
  echo "DB_NAME must name a database of $DB_ENGINE that may be emptied" >&2
  exit 2
fi
export STORAGE=django.core.files.storage.FileSystemStorage
export STORAGE_OPTIONS=location=$work/backups
export MEDIA_ROOT=$work/media

project() {
  "$PYTHON" runtests.py "$@"
}

require() { # what it is, what it should be, what it is
  if [[ $2 != "$3" ]]; then
    echo "FAILED: $1: expected '$2', found '$3'" >&2
    exit 1
  fi
}

content() { # the rows, in an order and a notation that no restore changes
  project dumpdata testproject --format jsonl
}

database_round_trip() { # options of dbbackup
  local before
  before=$(project count)
  content >"$work/before"
  project dbbackup --noinput "$@"
  project flush --noinput --verbosity 0
  require "rows after flush" 0 "$(project count)"
  project dbrestore --noinput
  require "rows after dbrestore" "$before" "$(project count)"
  content | cmp - "$work/before"
}

media_round_trip() { # options of mediabackup
  cp -a "$MEDIA_ROOT" "$work/media-before"
  project mediabackup --noinput "$@"
  rm "$MEDIA_ROOT/notes.txt"
  rm -r "$MEDIA_ROOT/photos"
  project mediarestore --noinput
  diff -r "$work/media-before" "$MEDIA_ROOT"
}

project migrate --noinput --verbosity 0
project flush --noinput --verbosity 0
project feed 250
require "rows after feed" 250 "$(project count)"
database_round_trip
project feed 50
database_round_trip --compress

mkdir -p "$MEDIA_ROOT/photos/2026"
echo "to be lost, and found again" >"$MEDIA_ROOT/notes.txt"
head -c 300000 /dev/urandom >"$MEDIA_ROOT/photos/2026/large photo.jpg"
: >"$MEDIA_ROOT/photos/empty"
media_round_trip --compress

listed=$(project listbackups -q | grep -c "-")
require "listed backups" 3 "$listed"

rows=$(project count)
echo "functional.sh: 2 backups of a database ($rows rows) and 1 of media were made and restored: all is back"
