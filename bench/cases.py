"""Everything that is measured, in groups of commands that do the same thing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.catalogue import thousand_backups
from bench.data import DATA, Dataset
from bench.measure import Case
from bench.peers import Peers
from bench.stored import stored_backup

GROUPS = (
    "start",
    "backup-zstd",
    "backup-gzip",
    "backup-plain",
    "restore-plain",
    "restore-gzip",
    "restore-zstd",
    "list",
)
PYTHON, OUR_DJANGO, THEIR_DJANGO = "start/python", "start/ours-check", "start/theirs-check"
"""The cases that show what an interpreter takes: alone, and with Django and the app loaded."""


class Cases:
    """Builds the groups for one dataset."""

    def __init__(self, peers: Peers, data: Dataset, prefix: str = "") -> None:
        self.peers = peers
        self.data = data
        self.prefix = prefix

    def group(self, name: str) -> Iterator[Case]:
        """Return the cases of one of `GROUPS`; iterating makes the backups that restores start from."""
        match name:
            case "start":
                return self._start()
            case "backup-zstd":
                return self._backup_zstd()
            case "backup-gzip":
                return self._backup_gzip()
            case "backup-plain":
                return self._backup_plain()
            case "restore-plain":
                return self._restore("none")
            case "restore-gzip":
                return self._restore("gzip", "-z")
            case "restore-zstd":
                return iter([self._ours_restored("zstd")])
            case _:
                return self._list()

    def large(self) -> Iterator[Case]:
        """Return ours alone, for the memory at another size."""
        for compression in ("zstd", "gzip", "none"):
            yield self._ours(compression)
            yield self._ours_restored(compression)

    def _start(self) -> Iterator[Case]:
        """Return what interpreters and commands take before they work."""
        yield Case(group="start", who="python", argv=(self.peers.ours, "-c", "pass"))
        empty = DATA / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        for who, python in (("ours", self.peers.ours), ("theirs", self.peers.theirs)):
            for command in ("check", "listbackups"):
                argv, env = self._manage(python, empty, self.data.wal, command)
                yield Case(group="start", who=f"{who}-{command}", argv=argv, env=env)

    def _backup_zstd(self) -> Iterator[Case]:
        source, out = self.data.wal, self.data.out.folder / "shop.sqlite3.zst"
        copy = self.data.out.folder / "copy.sqlite3"
        zstd = "zstd -q -3 -T2"
        yield self._ours("zstd")
        wheel = (self.peers.wheel, *self._backup_argv("zstd", source)[1:])
        yield self._backup("zstd", "ours-wheel", wheel, interpreters=(PYTHON,))
        yield self._ours("zstd", who="ours-cli-rollback", source=self.data.rollback)
        yield self._shell("zstd", "zstd", f"{zstd} {source} -o {out}", "zstd")
        yield self._shell("zstd", "zstd-synced", f"{zstd} {source} -o {out} && sync {out}", "zstd")
        backup = f"sqlite3 {source} '.backup {copy}' && {zstd} {copy} -o {out}"
        yield self._shell("zstd", "sqlite3-zstd", backup, "sqlite3", "zstd")
        yield self._shell("zstd", "cp", f"cp {source} {copy}", "cp")
        yield self._shell("zstd", "cp-synced", f"cp {source} {copy} && sync {copy}", "cp")

    def _backup_gzip(self) -> Iterator[Case]:
        out = self.data.out.folder / "shop.sqlite3.gz"
        yield self._ours("gzip")
        yield self._django("gzip", "ours-django", self.peers.ours, "-z", interpreters=(OUR_DJANGO, PYTHON))
        yield self._django("gzip", "django-dbbackup", self.peers.theirs, "-z", interpreters=(THEIR_DJANGO,))
        yield self._shell("gzip", "pigz-synced", f"pigz -p2 -c {self.data.wal} > {out} && sync {out}", "pigz")

    def _backup_plain(self) -> Iterator[Case]:
        yield self._ours("none")
        yield self._django("plain", "ours-django", self.peers.ours, interpreters=(OUR_DJANGO, PYTHON))
        yield self._django("plain", "django-dbbackup", self.peers.theirs, interpreters=(THEIR_DJANGO,))

    def _restore(self, compression: str, *flags: str) -> Iterator[Case]:
        yield self._ours_restored(compression)
        for who, python, interpreters in (
            ("ours-django", self.peers.ours, (OUR_DJANGO, PYTHON)),
            ("django-dbbackup", self.peers.theirs, (THEIR_DJANGO,)),
        ):
            store = self.data.folder / f"stored-{who}-{compression}"
            name = stored_backup(store, *self._manage(python, store, self.data.wal, "dbbackup", *flags))
            argv, env = self._manage(
                python, store, self.data.target, "dbrestore", "--noinput", "-i", name, *flags
            )
            yield self._restored(compression, who, argv, store / name, env=env, interpreters=interpreters)

    def _list(self) -> Iterator[Case]:
        folder = thousand_backups(self.peers.cli, DATA / "thousand")
        yield Case(group="list", who="ours-cli", argv=(self.peers.cli, "list", str(folder)))

    def _ours(self, compression: str, *, who: str = "ours-cli", source: Path | None = None) -> Case:
        argv = self._backup_argv(compression, source or self.data.wal)
        return self._backup(_word(compression), who, argv, source=source)

    def _backup_argv(self, compression: str, source: Path, store: Path | None = None) -> tuple[str, ...]:
        where = (f"sqlite:///{source}", "--to", str(store or self.data.out.folder), "--name", "shop")
        return (self.peers.cli, "backup", *where, "--compress", compression, "--quiet")

    def _ours_restored(self, compression: str) -> Case:
        store = self.data.folder / f"stored-ours-cli-{compression}"
        name = stored_backup(store, self._backup_argv(compression, self.data.wal, store), {})
        into = f"sqlite:///{self.data.target}"
        argv = (self.peers.cli, "restore", name, "--from", str(store), "--into", into, "--yes", "--quiet")
        return self._restored(compression, "ours-cli", argv, store / name)

    def _django(self, what: str, who: str, python: str, *flags: str, interpreters: tuple[str, ...]) -> Case:
        argv, env = self._manage(python, self.data.out.folder, self.data.wal, "dbbackup", *flags)
        return self._backup(what, who, argv, env=env, interpreters=interpreters)

    def _shell(self, what: str, who: str, script: str, *tools: str) -> Case:
        return self._backup(what, who, ("sh", "-c", script), tools=tools)

    def _backup(
        self,
        what: str,
        who: str,
        argv: tuple[str, ...],
        *,
        source: Path | None = None,
        env: Mapping[str, str] | None = None,
        interpreters: tuple[str, ...] = (),
        tools: tuple[str, ...] = (),
    ) -> Case:
        return Case(
            group=f"{self.prefix}backup-{what}",
            who=who,
            argv=argv,
            env=env or {},
            reads=(source or self.data.wal,),
            prepare=self.data.out.empty,
            result=self.data.out.take,
            interpreters=interpreters,
            tools=tools,
        )

    def _restored(
        self,
        compression: str,
        who: str,
        argv: tuple[str, ...],
        backup: Path,
        *,
        env: Mapping[str, str] | None = None,
        interpreters: tuple[str, ...] = (),
    ) -> Case:
        return Case(
            group=f"{self.prefix}restore-{_word(compression)}",
            who=who,
            argv=argv,
            env=env or {},
            reads=(backup, self.data.target),
            prepare=self.data.lay_target,
            result=self.data.take_target,
            interpreters=interpreters,
        )

    @staticmethod
    def _manage(
        python: str, store: Path, database: Path, *command: str
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        argv = (python, "bench/project/manage.py", *command)
        return argv, {"BENCH_DATABASE": str(database), "BENCH_STORE": str(store)}


def _word(compression: str) -> str:
    return "plain" if compression == "none" else compression
