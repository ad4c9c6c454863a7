"""The Rust engine. Everything here is re-exported or wrapped by the public modules.

Every function lets go of the interpreter while it works and asks it for signals every 100 ms, on the
calling thread; an exception that a signal handler raises (``KeyboardInterrupt``, ``SystemExit``) ends the
work cleanly and is raised again. Failures raise a subclass of :class:`dbbackup.exceptions.DbbackupError`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self, final

__version__: str
"""The version of the engine, of the command line and of this package: one number."""

Compression = Literal["none", "gzip", "zstd"]
Encryption = Literal["none", "openpgp", "age"]
Kind = Literal["database", "media"]
Reason = Literal["asked", "before-restore"]

Progress = Callable[[str, int, int | None], None]
"""Called at most ten times a second, on the calling thread: phase (``backup``, ``restore``, ``verify``,
``check``, ``swap``), plain bytes done, plain bytes expected or ``None``. An exception that it raises ends
the work cleanly and is raised again."""

def main(argv: Sequence[str]) -> int:
    """Run the command line with `argv` (without the program's name); return its exit status."""

def exit_code(kind: str) -> int:
    """Return the exit status for an error's `kind` (``DbbackupError.kind``)."""

class Readable(Protocol):
    """A binary file object that is read once, from its beginning. ``b""`` is its end, and means: all was whole."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...

class Reader(Protocol):
    """A binary file object that somebody else closes."""

    def read(self, size: int, /) -> bytes: ...

class Upload(Protocol):
    """One new backup on its way into a storage. One that is not committed is abandoned: nothing stays of it."""

    def send(self, part: bytes, /) -> None:
        """Take the next stored bytes."""

    def finish(self) -> str:
        """Take the end of the payload; return the name under which it is stored."""

    def commit(self, manifest: bytes, /) -> None:
        """Store the manifest, which makes the backup whole."""

    def abandon(self) -> None:
        """Remove what was stored so far."""

class Bridge(Protocol):
    """What the engine needs of a storage that it does not know itself. Called on the thread that called it."""

    def claim(self, name: str, replace: bool, unfinished: bytes, /) -> Upload:
        """Begin a new backup; `unfinished` is a manifest that says so. Raise ``BackupExistsError`` if it is taken."""

    def open(self, name: str, /) -> Readable: ...
    def manifests(self, names: list[str], /) -> Sequence[bytes | BaseException | None]:
        """Return the manifest of each payload: ``None`` if it has none, an exception if it cannot be read."""

    def names(self) -> list[str]:
        """Return the names of all files of the storage's folder."""

    def delete(self, name: str, /) -> None:
        """Delete a file; one that is gone already is no error."""

    def describe(self) -> str: ...

@final
class Store:
    """Where backups are kept: a folder. Nothing is opened or created before the first use."""

    def __new__(cls, location: str, *, file_mode: int = 0o600, folder_mode: int | None = None) -> Self: ...
    @staticmethod
    def over(bridge: Bridge) -> Store:
        """Return the store that `bridge` gives access to."""

    @property
    def location(self) -> str:
        """The folder, or what the bridge calls it."""

@final
class Tool:
    """A child process that gives or takes the bytes of one database.

    `argv` is run without a shell; `env` is added to this process's environment. The child must be
    ``dbbackup sqlite-dump`` or ``dbbackup sqlite-load``, whose reports the engine understands.
    """

    def __new__(cls, argv: Sequence[str], *, env: Mapping[str, str] = ...) -> Self: ...

@final
class Postgres:
    """A PostgreSQL database, which the engine dumps and restores by PostgreSQL's own programs.

    `parameters` are libpq's, such as ``host``, ``port``, ``user``, ``dbname``, ``sslmode``; what is missing comes from
    where libpq takes it. The password stands in the environment of those programs only. A dump has `dump_format`, and
    a restore takes each. `exclude` has patterns as ``pg_dump`` takes them. `pg_dump`, `pg_restore` and `psql` are
    commands of the user's; without them, what fits the server is looked for: on ``PATH``, in `folders`, and where
    packages put them. `prefix` stands before each command. `lock_timeout` is in seconds.
    """

    def __new__(
        cls,
        parameters: Mapping[str, str],
        *,
        password: str | None = None,
        dump_format: Literal["custom", "text", "cleaning-text"] = "custom",
        exclude: Sequence[str] = ...,
        schemas: Sequence[str] = ...,
        drop: bool = True,
        cascade: bool = False,
        terminate_connections: bool = False,
        accept_unproven: bool = False,
        lock_timeout: float = 30.0,
        pg_dump: Sequence[str] = ...,
        pg_restore: Sequence[str] = ...,
        psql: Sequence[str] = ...,
        folders: Sequence[str] = ...,
        prefix: Sequence[str] = ...,
        env: Mapping[str, str] = ...,
        inherits_env: bool = True,
        dump_options: Sequence[str] = ...,
        restore_options: Sequence[str] = ...,
        psql_options: Sequence[str] = ...,
    ) -> Self: ...
    def summary(self) -> tuple[int, int, int]:
        """Ask the server: bytes, tables, and about how many rows."""

    def execute(self, sql: str) -> None:
        """Run one statement, on a connection of its own."""

    @property
    def source_id(self) -> str:
        """What tells the database from others of its name: a SHA-256 of its server and name."""

@final
class Mysql:
    """A MySQL or MariaDB database, which the engine dumps and restores by their own client programs.

    `options` are those of the programs, by long name, such as ``host``, ``port``, ``socket``, ``user``, ``ssl-ca``;
    what is missing comes from the option files that they read, and from `defaults_file` after these. The password
    goes to them over a pipe. `dump` and `client` are commands of the user's; without them, the newest programs on
    ``PATH`` are taken. `prefix` stands before each command. `lock_timeout` is in seconds. An `exact` restore drops
    what the backup does not know; one may be `in_place` where the user may not make a schema beside the database.
    """

    def __new__(
        cls,
        database: str,
        options: Mapping[str, str],
        *,
        password: str | None = None,
        defaults_file: str | None = None,
        exclude: Sequence[str] = ...,
        lock_timeout: float = 30.0,
        exact: bool = False,
        in_place: bool = False,
        accept_unproven: bool = False,
        dump: Sequence[str] = ...,
        client: Sequence[str] = ...,
        prefix: Sequence[str] = ...,
        env: Mapping[str, str] = ...,
        inherits_env: bool = True,
        dump_options: Sequence[str] = ...,
        client_options: Sequence[str] = ...,
    ) -> Self: ...
    def summary(self) -> tuple[int, int, int]:
        """Ask the server: bytes, tables, and about how many rows."""

    def may_load_beside(self) -> bool:
        """Try whether the user may make a schema beside the database."""

    @property
    def source_id(self) -> str:
        """What tells the database from others of its name: a SHA-256 of its server and name."""

Source = Tool | Postgres | Mysql | Callable[[], Readable]
"""What is dumped: what the engine dumps itself, or the file object that a callable opens."""

class Loader(Protocol):
    """What is restored into, in Python."""

    needs_proof: bool
    """Whether `load` changes things before it has come to the end of its file: a first reading then proves it all.
    One with a method ``rehearse``, which is like `load` and changes nothing, does that reading itself."""

    def load(self, file: Readable, /) -> Mapping[str, Any] | None:
        """Restore; return what came of it: ``media``, ``left_out``, ``notes``, as in a :class:`Report`."""

@final
class Recipients:
    """The OpenPGP keys that a backup is encrypted for, as ``gpg --recipient`` takes them: each for exactly one key.

    `always_trust`: also those of which GnuPG does not know that they belong to their names.
    """

    def __new__(cls, keys: Sequence[str], *, always_trust: bool = False) -> Self: ...

@final
class Stream:
    """A file on its way through GnuPG: a :class:`Readable`. Before its end nothing of it is proven."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...

Target = Tool | Postgres | Mysql | Loader
"""What is restored into."""

@final
class Dump:
    """A tool's dump: a :class:`Readable`. Its end means that the tool ended well; closing it ends the tool."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...

@final
class Lent:
    """A stream of the engine: a :class:`Readable` while the call lasts that it was given to."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...

@final
class Archive:
    """The members of a tar stream, in their order: pax, GNU, ustar and V7, sparse files of every kind."""

    def __new__(cls, file: Reader) -> Self: ...
    def next(self) -> Member | None:
        """Go on to the next member, past what was not read of the last; ``None`` at the end, which was proven.

        Raises ``CorruptBackupError`` if the stream is damaged, cut short, goes on after its end, or is no archive.
        """

    def read(self, size: int, /) -> bytes:
        """Read on in the newest member; ``b""`` at its end. Holes are zeros."""

@final
class Member:
    """What stands before a member's content."""

    path: str
    """As it stands there; bytes that are not UTF-8 as lone surrogates."""
    kind: Literal["file", "folder", "link", "device", "unknown"]
    file_bytes: int
    """Length of a file; 0 for everything else."""
    flag: str
    """The letter of its type, for one that is unknown."""

@final
class Exclude:
    """Patterns of media to leave out, as in a ``.gitignore``. Raises ``ConfigurationError`` for one that is none."""

    def __new__(cls, patterns: Sequence[str]) -> Self: ...
    @property
    def patterns(self) -> list[str]: ...
    def holds(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is left out. The folders above it were asked about before."""

@final
class Naming:
    """How backups are named, and so how a name without a manifest is understood.

    `template` names databases and `media_template` media, whose alias is ``media`` and whose extension is
    ``tar``. Either is ``None`` when names come from a callable: such names are never parsed. `date_format` is
    a ``strftime`` format; `time_zone` an IANA name, or ``None`` for the system's. `servername` is this host's
    name. `aliases` are the known databases, `extensions` those of the known connectors (``sqlite3``, …).
    """

    def __new__(
        cls,
        *,
        template: str | None,
        media_template: str | None,
        date_format: str,
        servername: str,
        time_zone: str | None = None,
        aliases: Sequence[str] = ...,
        extensions: Sequence[str] = ...,
    ) -> Self: ...
    def generate(self, alias: str, servername: str, extension: str) -> str:
        """Return the name of a database backup that is made now, without a compression's suffix."""

@final
class Backup:
    """One listed backup: a row of the catalogue."""

    name: str
    kind: Kind
    alias: str | None
    """``None`` where neither a manifest nor the name tells."""
    database: str | None
    servername: str | None
    created_at: datetime | None
    """Aware, UTC."""
    stored_bytes: int | None
    """``None`` where neither a manifest nor the listing tells."""
    compression: Compression
    encryption: Encryption
    reason: Reason
    is_ours: bool
    """Whether it has a manifest of ours (the predecessor's and hand-made files have none)."""
    manifest: dict[str, Any]
    """What stands in ``<name>.metadata``; empty without one."""

@final
class Receipt:
    """The result of a backup."""

    name: str
    plain_bytes: int
    stored_bytes: int
    stored_sha256: str
    seconds: float
    media: MediaContent | None
    """``None`` for a database."""
    skipped: Skipped
    """What the source has and the backup lacks, or does not have whole."""
    notes: list[str]
    """What the user should know, one sentence each."""

@final
class Report:
    """The result of a restore or a verification."""

    name: str
    plain_bytes: int
    stored_bytes: int
    seconds: float
    proof: str
    """What proved that the backup is whole, in words."""
    content: MediaContent | None
    """What a verification found in a media backup."""
    sealed: str | None
    """Why a verification did not read the content of an encrypted backup: only its stored bytes are proven."""
    changes: MediaChanges | None
    """What became of the files of a folder."""
    left_out: Skipped
    """What the backup has and was not restored."""
    notes: list[str]

@final
class MediaContent:
    """What a media backup holds."""

    files: int
    folders: int
    """Empty ones too."""
    bytes: int
    """Of the files."""
    links: int
    """Links to folders whose content is stored under another path."""

@final
class MediaChanges:
    """What a restore did to the files of a folder, or would do."""

    new: int
    """Files that were not there."""
    replaced: int
    """Files that were there with another content, and are the backup's now."""
    same: int
    """Files that were there with the same content."""
    kept: int
    """Files that were there and stayed, because nobody asked to replace them."""
    folders: int
    """Folders that were not there."""
    bytes: int
    """Of the files that are new or replaced."""

@final
class Skipped:
    """What could not be read, or written."""

    count: int
    names: list[str]
    """The first names, each with the reason."""

@final
class Decision:
    """What retention does with one backup, and why."""

    name: str
    delete: bool
    reason: str

@final
class Pruned:
    """The result of :func:`prune`: every backup of the scope, newest first."""

    decisions: list[Decision]
    others: int
    """Backups of the same database and kind that other servers made: left alone."""

def backup(
    store: Store,
    *,
    source: Source,
    naming: Naming,
    alias: str,
    database: str,
    servername: str,
    source_id: str | None,
    extension: str,
    compression: Compression,
    metadata: Mapping[str, Any],
    kind: Kind = "database",
    reason: Reason = "asked",
    recipients: Recipients | None = None,
    facts: Callable[[], Mapping[str, Any]] | None = None,
    name: str | None = None,
    named: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Receipt:
    """Stream `source` into one new backup in `store`.

    `facts` is asked once a file object of Python's has come to its end: ``content``, ``excluded``, ``media``,
    ``notes``, ``skipped``, ``source``, as in a manifest, each of them optional.

    Without `name` the name is generated; one that is taken waits for the next second. A given `name` is used
    as it is: one that exists raises ``BackupExistsError`` before the first byte is read, unless `replace`. `named`
    says that the user gave it, who may look for it: :func:`prune` leaves such a backup alone.
    `metadata` becomes the top level of the manifest (``engine``, ``connector``, the user's keys). `source_id` tells
    the source from another project's of the same alias and name.
    """

def restore(
    store: Store,
    name: str,
    *,
    target: Target,
    dry_run: bool = False,
    passphrase: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Stream the backup `name` into `target`, which changes nothing before all of it is proven.

    `passphrase` opens the secret key of an encrypted backup; without it, GnuPG's agent is asked.
    `dry_run` changes nothing at all, and the report says what would be.
    """

def source_id(kind: str, path: str) -> str:
    """Return what tells a source in files from others of its name: a SHA-256, in hexadecimal digits."""

def open_dump(source: Tool | Postgres | Mysql) -> Dump:
    """Start `source` and return what it writes."""

def load(target: Tool | Postgres | Mysql, file: Readable) -> list[str]:
    """Stream `file` into `target`, which changes nothing before its end; return what the user should know."""

def encrypt_stream(file: Reader, *, recipients: Recipients) -> Stream:
    """Return `file` encrypted."""

def decrypt_stream(file: Reader, *, passphrase: str | None = None) -> Stream:
    """Return the content of an encrypted `file`."""

def head(store: Store, name: str, *, passphrase: str | None = None) -> tuple[bytes, Encryption]:
    """Return the first plain bytes of the backup `name`, at most 512, and how it is encrypted. They are not proven."""

def media_backup(
    store: Store,
    *,
    folder: str,
    naming: Naming,
    servername: str,
    compression: Compression,
    metadata: Mapping[str, Any],
    recipients: Recipients | None = None,
    exclude: Sequence[str] = ...,
    never: Sequence[str] = ...,
    readers: int = ...,
    name: str | None = None,
    named: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Receipt:
    """Stream `folder`, with everything below it, into one new backup in `store`: a tar file.

    `exclude` are patterns of a ``.gitignore``; folders in `never` are left out wherever they are met, without
    a word: those of backups belong there. `readers` small files, else one, are read at once. What vanishes,
    cannot be read, dangles or loops is counted as skipped. `metadata`, `name` and `replace` are those of
    :func:`backup`; alias and database are ``media``.
    """

def media_restore(
    store: Store,
    name: str,
    *,
    folder: str,
    replace: bool = False,
    only: Sequence[str] = ...,
    dry_run: bool = False,
    passphrase: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Restore the backup `name` into `folder`, which is made if it is missing.

    All of the backup is proven before the first file changes; then each is whole, or as it was. Files that
    are there stay, unless `replace`. `only` are files and folders of the backup. `dry_run` changes nothing,
    and the report says what would be.
    """

def verify(
    store: Store, name: str, *, passphrase: str | None = None, progress: Progress | None = None
) -> Report:
    """Read the backup `name` to its end and prove what can be proven without a database."""

@final
class Trial:
    """An empty file ``.dbbackup-drill-…`` in `folder`, for a database that the backup `name` is restored into.

    What killed drills left there is dropped. Nobody else may open it; closing it removes it, with its journals.
    """

    path: Path
    def __new__(cls, name: str, folder: str) -> Self: ...
    def close(self) -> None: ...

class Witness(Protocol):
    """Who is called to a scratch database, by its name on the server. What it raises ends the drill."""

    def prepare(self, database: str, /) -> None:
        """Do what the restore into it needs."""

    def ask(self, database: str, /) -> Sequence[str]:
        """Ask it what it holds; return what the user should know, one sentence each."""

def drill(
    store: Store,
    name: str,
    *,
    server: Postgres | Mysql,
    witness: Witness,
    passphrase: str | None = None,
    progress: Progress | None = None,
) -> tuple[Report, dict[str, Any] | None]:
    """Restore the backup `name` into a new database of `server`, compare that with its manifest, and drop it.

    `server` is a database of that server, which is not changed. The dictionary has ``tables``, ``rows``,
    ``compared``, ``differences`` and ``foreign_keys``; it is ``None`` if the backup was only read. What killed drills
    of the same user left on the server is dropped, too.
    """

def engine_for(
    name: str, manifest: Mapping[str, Any], head: bytes
) -> tuple[Literal["sqlite", "postgresql", "mysql"] | None, str]:
    """Return the engine that can make a database of a backup; or ``None`` and why there is none.

    `manifest` is all of it, empty where there is none; `head` is what :func:`head` returns.
    """

def compare(
    name: str, manifest: Mapping[str, Any], found: Mapping[str, Any]
) -> tuple[bool, list[str], list[str]]:
    """Compare the manifest of the backup `name` with a restored database.

    Return whether rows could be compared, what differs, and notes.

    `found` has ``tables`` (rows of each), ``unread`` (names of those that cannot be counted) and ``foreign_keys``
    (``violations``, ``names``, ``unchecked``); each may be left out.
    """

def require_same(name: str, differences: Sequence[str]) -> None:
    """Raise ``CorruptBackupError`` if there are differences."""

def catalogue(store: Store, *, naming: Naming) -> tuple[list[Backup], list[tuple[str, str]]]:
    """List the whole backups in `store`, oldest first; those without any date come first.

    The second list is of files that look like backups and cannot be whole: name, and what is wrong.
    """

def find(store: Store, name: str, *, naming: Naming) -> Backup:
    """Return the backup `name`; raise ``BackupNotFoundError`` if there is none."""

def newest(
    store: Store,
    *,
    naming: Naming,
    alias: str,
    database: str,
    source_id: str | None = None,
    servername: str | None = None,
    kind: Kind = "database",
) -> tuple[Backup, list[tuple[str, str]]]:
    """Return the newest backup of exactly this alias and kind, and newer files that cannot be whole, with the reason.

    With `servername` only that server's; without it this server's, or, if it has none, those of the only
    server that has some. Raises ``BackupNotFoundError`` with the candidates otherwise.
    """

def prune(
    store: Store,
    *,
    naming: Naming,
    alias: str,
    database: str,
    source_id: str | None = None,
    servername: str,
    keep: int,
    kind: Kind = "database",
    keep_filter: Callable[[str], object] | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Delete the backups of exactly this alias, server and kind beyond the newest `keep`.

    Never the newest one. One for whose name `keep_filter` is true stays. `dry_run` deletes nothing.
    """
