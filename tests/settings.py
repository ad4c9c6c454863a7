"""Settings of the tests that run commands in this process. Each test brings its own files (conftest.py)."""

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["dbbackup"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "replaced-by-each-test.sqlite3"},
    "second": {"ENGINE": "django.db.backends.sqlite3", "NAME": "replaced-by-each-test.sqlite3"},
}
