"""Settings for both: the smallest project that can back itself up. Paths come from the environment."""

import os
from pathlib import Path

SECRET_KEY = "no secrets here"
USE_TZ = True
MEDIA_ROOT = Path(os.environ.get("BENCH_MEDIA", Path(__file__).parent / "media")).resolve()
INSTALLED_APPS = ["dbbackup"]
if "BENCH_POSTGRESQL" in os.environ:
    DATABASE: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCH_POSTGRESQL"],
        "USER": os.environ["PGUSER"],
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "PASSWORD": None,
    }
elif "BENCH_MYSQL" in os.environ:
    import pymysql  # type: ignore[import-untyped]

    pymysql.install_as_MySQLdb()
    DATABASE = {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ["BENCH_MYSQL"],
        "USER": "root",
        "HOST": os.environ["BENCH_MYSQL_HOST"],
        "PORT": os.environ["BENCH_MYSQL_PORT"],
        "PASSWORD": os.environ["BENCH_MYSQL_PASSWORD"],
    }
else:
    DATABASE = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["BENCH_DATABASE"]).resolve(),
    }
DATABASES = {"default": DATABASE}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "dbbackup": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": Path(os.environ["BENCH_STORE"]).resolve()},
    },
}
DBBACKUP_SEND_EMAIL = False
