"""Databases on servers: our backups and restores, django-dbbackup's, and the server's own programs in a shell pipe."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from bench.cases import OUR_DJANGO, PYTHON, THEIR_DJANGO
from bench.measure import Case
from bench.peers import Peers
from bench.server_data import ServerData
from bench.stored import stored_backup

Data = TypeVar("Data", bound=ServerData)


class ServerCases(ABC, Generic[Data]):
    """Builds the groups of one kind of server: ``NAME-zstd``, ``NAME-gzip``, ``NAME-restore``."""

    name: str
    database_url: str
    """With ``{database}`` for its name."""
    dump: str
    """The shell command that dumps the shop."""
    tool: str
    """The program without which nothing is measured."""

    def __init__(self, peers: Peers, data: Data) -> None:
        self.peers = peers
        self.data = data

    @abstractmethod
    def manage_env(self, database: str) -> dict[str, str]:
        """Return what tells the project which database is meant."""

    @abstractmethod
    def restore_argv(self, backup: Path) -> tuple[str, tuple[str, ...]]:
        """Return how the server's own program restores, and its name."""

    def close(self) -> None:
        """End the server."""
        self.data.close()

    def group(self, name: str) -> Iterator[Case]:
        """Return the cases of a group."""
        match name.removeprefix(f"{self.name}-"):
            case "zstd":
                return self._zstd()
            case "gzip":
                return self._gzip()
            case _:
                return self._restore()

    def _zstd(self) -> Iterator[Case]:
        out = self.data.out.folder / "shop.zst"
        yield self._backup("zstd", "ours-cli", self._argv("zstd", self.data.out.folder))
        for who, script in (
            (f"{self.tool}-zstd", f"{self.dump} | zstd -q -3 -T2 -o {out}"),
            (f"{self.tool}-zstd-synced", f"{self.dump} | zstd -q -3 -T2 -o {out} && sync {out}"),
        ):
            yield self._backup("zstd", who, ("sh", "-c", script), tools=(self.tool, "zstd"))

    def _gzip(self) -> Iterator[Case]:
        yield self._backup("gzip", "ours-cli", self._argv("gzip", self.data.out.folder))
        for who, python, interpreters in (
            ("ours-django", self.peers.ours, (OUR_DJANGO, PYTHON)),
            ("django-dbbackup", self.peers.theirs, (THEIR_DJANGO,)),
        ):
            argv, env = self._manage(python, self.data.out.folder, "shop", "dbbackup", "-z")
            yield self._backup("gzip", who, argv, env=env, interpreters=interpreters)

    def _restore(self) -> Iterator[Case]:
        store = self.data.folder / "stored"
        name = stored_backup(store, self._argv("none", store), self.data.env)
        into = ("--into", self.database_url.format(database="target"), "--yes", "--quiet")
        restore, env = self._manage(self.peers.theirs, store, "target", "dbrestore", "--noinput", "-i", name)
        own, own_argv = self.restore_argv(store / name)
        for who, argv, more in (
            ("ours-cli", (self.peers.cli, "restore", name, "--from", str(store), *into), {}),
            (own, own_argv, {}),
            ("django-dbbackup", restore, env),
        ):
            yield Case(
                group=f"{self.name}-restore",
                who=who,
                argv=argv,
                env={**self.data.env, **more},
                reads=(store / name,),
                prepare=self.data.settle,
                result=self.data.take_target,
                tools=(self.tool,),
            )

    def _argv(self, compression: str, store: Path) -> tuple[str, ...]:
        where = (self.database_url.format(database="shop"), "--to", str(store), "--name", "shop")
        return (self.peers.cli, "backup", *where, "--compress", compression, "--quiet")

    def _manage(
        self, python: str, store: Path, database: str, *command: str
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        argv = (python, "bench/project/manage.py", *command)
        return argv, {**self.manage_env(database), "BENCH_STORE": str(store)}

    def _backup(
        self,
        group: str,
        who: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str] | None = None,
        interpreters: tuple[str, ...] = (),
        tools: tuple[str, ...] = (),
    ) -> Case:
        return Case(
            group=f"{self.name}-{group}",
            who=who,
            argv=argv,
            env={**self.data.env, **(env or {})},
            reads=(self.data.marker,),
            prepare=self.data.settle,
            result=self.data.out.take,
            interpreters=interpreters,
            tools=tools or (self.tool,),
        )
