"""Media: folders of many files and of empty ones, and who backs them up and restores them."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.data import DATA, Outputs, whole
from bench.measure import ROOT, Case, FailedError
from bench.peers import Peers
from bench.stored import stored_backup

MEDIA_GROUPS = ("media-zstd", "media-gzip", "media-restore", "media-empty", "media-slow")
FILES, BYTES, EMPTY = 10_000, 500_000_000, 100_000
SLOW_OPEN = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
/* Each file below `media` takes a millisecond to open, as over a network. */
int open64(const char *path, int flags, ...) {
    static int (*next)(const char *, int, ...);
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    if (!next) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    if (strstr(path, "/media/")) usleep(1000);
    return next(path, flags, mode);
}
"""
"""A library to load before others: a network file system of the benchmark's own."""


class MediaData:
    """Half a gigabyte in 10,000 files, and 100,000 empty ones; made once."""

    def __init__(self) -> None:
        self.folder = DATA / "media-files"
        self.media = self.folder / "media"
        self.empty = self.folder / "empty"
        self.out = Outputs(self.folder / "out")
        self.target = self.folder / "target"
        self.bytes = BYTES
        if not self.media.exists():
            print(f"making {FILES:,} media files, once", flush=True)
            with whole(self.media) as part:
                argv = (
                    sys.executable,
                    "bench/dataset.py",
                    "media",
                    "--files",
                    str(FILES),
                    "--bytes",
                    str(BYTES),
                )
                subprocess.run([*argv, "--out", str(part)], cwd=ROOT, check=True)
        if not self.empty.exists():
            print(f"making {EMPTY:,} empty files, once", flush=True)
            with whole(self.empty) as part:
                for number in range(EMPTY):
                    file = part / f"{number % 100:02}" / f"{number}.txt"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
        self._held = _held(self.media)

    def __str__(self) -> str:
        return f"media, {FILES:,} files, {BYTES / 1e6:.0f} MB; {EMPTY:,} empty files"

    def clear_target(self) -> None:
        """Remove what was restored."""
        shutil.rmtree(self.target, ignore_errors=True)

    def take_target(self) -> int:
        """Check how many files and bytes were restored, return the bytes, and remove them.

        Raises:
            FailedError: if they are not those of the dataset.

        """
        held = _held(self.target)
        if held != self._held:
            problem = f"restored {held} files and bytes instead of {self._held}"
            raise FailedError(problem)
        self.clear_target()
        return held[1]


class MediaCases:
    """Builds the groups of media."""

    def __init__(self, peers: Peers, data: MediaData) -> None:
        self.peers = peers
        self.data = data

    def group(self, name: str) -> Iterator[Case]:
        """Return the cases of one of `MEDIA_GROUPS`."""
        match name:
            case "media-zstd":
                return self._zstd()
            case "media-gzip":
                return self._gzip()
            case "media-restore":
                return self._restore()
            case "media-empty":
                return self._empty()
            case _:
                return self._slow()

    def _zstd(self) -> Iterator[Case]:
        out = self.data.out.folder / "media.tar.zst"
        tar = f"tar cf - -C {self.data.media} . | zstd -q -3 -T2 -o {out}"
        yield self._backup("media-zstd", "ours-cli", self._argv("zstd"))
        yield self._shell("media-zstd", "tar-zstd", tar, "tar", "zstd")
        yield self._shell(
            "media-zstd",
            "tar-zstd-synced",
            f"{tar} && sync {out}",
            "tar",
            "zstd",
        )

    def _gzip(self) -> Iterator[Case]:
        yield self._backup("media-gzip", "ours-cli", self._argv("gzip"))
        argv = (self.peers.theirs, "bench/project/manage.py", "mediabackup", "-z")
        env = {
            "BENCH_DATABASE": "none",
            "BENCH_STORE": str(self.data.out.folder),
            "BENCH_MEDIA": str(self.data.media),
        }
        yield self._backup("media-gzip", "django-dbbackup", argv, env=env)

    def _restore(self) -> Iterator[Case]:
        store = self.data.folder / "stored"
        name = stored_backup(store, self._argv("zstd", store), {})
        into = str(self.data.target)
        ours = (self.peers.cli, "media", "restore", name, "--from", str(store), "--into", into, "--quiet")
        yield self._restored("ours-cli", ours, store / name)
        tar = f"mkdir {into} && zstd -dcq {store / name} | tar x -C {into}"
        yield self._restored("zstd-tar", ("sh", "-c", tar), store / name, "tar", "zstd")
        yield self._restored(
            "zstd-tar-synced", ("sh", "-c", f"{tar} && sync -f {into}"), store / name, "tar", "zstd"
        )

    def _empty(self) -> Iterator[Case]:
        out = self.data.out.folder / "empty.tar"
        tar = f"-cf {out} -C {self.data.empty} ."
        for who, compression in (("ours-cli", "zstd"), ("ours-cli-plain", "none")):
            yield self._backup(
                "media-empty", who, self._argv(compression, folder=self.data.empty), self.data.empty
            )
        yield self._shell("media-empty", "tar", f"tar {tar}", "tar")
        yield self._shell("media-empty", "tar-pax-synced", f"tar --format=pax {tar} && sync {out}", "tar")

    def _slow(self) -> Iterator[Case]:
        library = self.data.folder / "slow-open.so"
        source = library.with_suffix(".c")
        source.write_text(SLOW_OPEN)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], cwd=ROOT, check=True)
        folder = self.data.media / "2020"
        for readers in (1, 4, 16):
            argv = (*self._argv("zstd", folder=folder), "--readers", str(readers))
            env = {"LD_PRELOAD": str(library)}
            yield self._backup("media-slow", f"ours-{readers}-readers", argv, folder, env=env)

    def _argv(
        self, compression: str, store: Path | None = None, folder: Path | None = None
    ) -> tuple[str, ...]:
        source = str(folder or self.data.media)
        where = ("--to", str(store or self.data.out.folder), "--name", "media", "--quiet")
        return (self.peers.cli, "media", "backup", source, *where, "--compress", compression)

    def _shell(self, group: str, who: str, script: str, *tools: str) -> Case:
        return self._backup(group, who, ("sh", "-c", script), tools=tools)

    def _backup(
        self,
        group: str,
        who: str,
        argv: tuple[str, ...],
        source: Path | None = None,
        *,
        env: dict[str, str] | None = None,
        tools: tuple[str, ...] = (),
    ) -> Case:
        return Case(
            group=group,
            who=who,
            argv=argv,
            env=env or {},
            reads=(source or self.data.media,),
            prepare=self.data.out.empty,
            result=self.data.out.take,
            tools=tools,
        )

    def _restored(self, who: str, argv: tuple[str, ...], backup: Path, *tools: str) -> Case:
        return Case(
            group="media-restore",
            who=who,
            argv=argv,
            reads=(backup,),
            prepare=self.data.clear_target,
            result=self.data.take_target,
            tools=tools,
        )


def _held(folder: Path) -> tuple[int, int]:
    """Return the files below a folder, and their bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return len(sizes), sum(sizes)
