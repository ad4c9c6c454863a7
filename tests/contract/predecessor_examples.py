"""Every example of django-dbbackup's documentation: what it is about, and what can be run of it.

Its pages of the releases 5.0 to 5.4, and of earlier ones what they had besides. Prose is not taken over, and where an
example leaves something out (``...``, ``pass``), the least that makes it whole stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

POSTGRESQL = "needs a PostgreSQL server: tests/databases_real/test_predecessor_examples.py has one"
MYSQL = "needs a MySQL server: tests/databases_real/test_mysql.py"
MONGODB = "needs MongoDB: later"
DROPBOX = "needs a Dropbox account"
SERVER = "needs a server: tests/storages_real has S3, SFTP and FTP"
PIP = "installs the package that this one takes the place of"
NOT_OURS = "is a command of another package"
DEVELOPMENT = "is for those who develop django-dbbackup"

ENCRYPTION = "encryption"
"""What is run with a key ring of its own, and fails until there is encryption."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example. Its settings are loaded and checked, its commands run, unless it is for later."""

    page: str
    what: str
    settings: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Modules of the project, by path."""
    databases: tuple[str, ...] = ("default",)
    commands: tuple[str, ...] = ()
    """Of ``manage.py``; what they restore is changed before, and has to be the same afterwards."""
    prints: tuple[str, ...] = ()
    warns: tuple[str, ...] = ()
    """What ``check`` says of the settings."""
    status: int = 0
    """Of the last command."""
    package: str = ""
    """A module without which ``check`` says that the storage cannot be imported."""
    needs: str = ""
    later: str = ""
    """Why nothing but its settings, or nothing at all, is tried."""


def storage(backend: str, options: str) -> str:
    return f'STORAGES = {{**STORAGES, "dbbackup": {{"BACKEND": "{backend}", "OPTIONS": {options}}}}}'


FOLDER = storage("django.core.files.storage.FileSystemStorage", '{"location": "/my/backup/dir/"}')
ROUND_TRIP = ("dbbackup", "dbrestore --noinput")

INSTALLATION = (
    Example(
        page="installation", what="install the release", commands=("pip install django-dbbackup",), later=PIP
    ),
    Example(
        page="installation",
        what="install from the repository",
        commands=(
            "pip install -e git+https://github.com/Archmonger/django-dbbackup.git#egg=django-dbbackup",
        ),
        later=PIP,
    ),
    Example(
        page="installation",
        what="a folder for the backups, and a first one",
        settings=f"INSTALLED_APPS = ('dbbackup',)\n{FOLDER}",
        commands=("dbbackup", "listbackups"),
        prints=("default: stored default-host-", "Name "),
    ),
)

CONFIGURATION = (
    Example(
        page="configuration",
        what="every setting at its documented default",
        settings="""
import socket, tempfile
from django.conf import settings
DBBACKUP_DATABASES = list(DATABASES.keys())
DBBACKUP_TMP_DIR = tempfile.gettempdir()
DBBACKUP_TMP_FILE_READ_SIZE = 1024 * 1000
DBBACKUP_TMP_FILE_MAX_SIZE = 10*1024*1024
DBBACKUP_CLEANUP_KEEP = 10
DBBACKUP_CLEANUP_KEEP_MEDIA = 10
DBBACKUP_CLEANUP_KEEP_FILTER = lambda filename: False
DBBACKUP_DATE_FORMAT = '%Y-%m-%d-%H%M%S'
DBBACKUP_HOSTNAME = socket.gethostname()
DBBACKUP_FILENAME_TEMPLATE = '{databasename}-{servername}-{datetime}.{extension}'
DBBACKUP_MEDIA_FILENAME_TEMPLATE = '{servername}-{datetime}.{extension}'
DBBACKUP_MEDIA_PATH = MEDIA_ROOT
DBBACKUP_GPG_ALWAYS_TRUST = False
DBBACKUP_CONNECTORS = {}
DBBACKUP_CONNECTOR_MAPPING = {}
DBBACKUP_SEND_EMAIL = True
DBBACKUP_SERVER_EMAIL = 'root@localhost'
DBBACKUP_ADMINS = ()
DBBACKUP_EMAIL_SUBJECT_PREFIX = '[dbbackup] '
DBBACKUP_BACKUP_METADATA_SETTER = None
DBBACKUP_RESTORE_METADATA_VALIDATOR = None
""",
        commands=(*ROUND_TRIP, "mediabackup", "mediarestore --noinput"),
    ),
    Example(
        page="configuration",
        what="a function names the backups",
        settings="""
def backup_filename(databasename, servername, datetime, extension, content_type):
    return f"{content_type}_{databasename}_{servername}_{datetime}.{extension}"
DBBACKUP_FILENAME_TEMPLATE = backup_filename
DBBACKUP_MEDIA_FILENAME_TEMPLATE = backup_filename
""",
        commands=(*ROUND_TRIP, "mediabackup", "mediarestore --noinput"),
        prints=("stored db_default_host_", "stored media__host_"),
    ),
    Example(
        page="configuration",
        what="names in folders by year and month, where no listing finds them: refused",
        settings="""
def backup_filename(databasename, servername, datetime, extension, content_type):
    return f"{datetime[:4]}/{datetime[5:7]}/{databasename}-{datetime}.{extension}"
DBBACKUP_FILENAME_TEMPLATE = backup_filename
""",
        warns=("W007",),
        commands=("dbbackup",),
        status=2,
    ),
    Example(
        page="configuration",
        what="the count, and a filter that keeps the ends of months",
        settings="""
import re
DBBACKUP_CLEANUP_KEEP = 1
DBBACKUP_CLEANUP_KEEP_FILTER = lambda filename: bool(re.search(r"-\\d\\d-(28|30|31)-", filename))
""",
        commands=("dbbackup --clean", "dbbackup -c", "mediabackup --clean", "mediabackup -c"),
        prints=("default: deleted default-host-", "media: deleted host-"),
    ),
    Example(
        page="configuration",
        what="who gets mails: pairs of name and address",
        settings="DBBACKUP_ADMINS = (('Full Name', 'email@example.com'),)",
        commands=ROUND_TRIP,
    ),
    Example(
        page="configuration",
        what="a setter that adds the time, and the region for one engine",
        settings="""
import os
from datetime import datetime
def metadata_set(metadata):
    last_backup_time = datetime.now().isoformat()
    if metadata and metadata.get('engine') == 'my.custom.Engine':
        region = os.environ.get('AWS_REGION')
        return {'environment': 'AWS', 'region': region, 'backup_time': last_backup_time}
    else:
        return {'backup_time': last_backup_time}
DBBACKUP_BACKUP_METADATA_SETTER = metadata_set
""",
        commands=("dbbackup -o named.sqlite3", "dbrestore --noinput"),
    ),
    Example(
        page="configuration",
        what="a validator that compares the region, and refuses what is old",
        settings="""
import os
from datetime import datetime, timedelta
from django.core.management.base import CommandError
DBBACKUP_BACKUP_METADATA_SETTER = lambda metadata: {'backup_time': datetime.now().isoformat()}
def validate_restore(metadata):
    region = os.environ.get('AWS_REGION')
    if not metadata.get('region') == region:
        raise CommandError(f"Backup region does not match current region {region}")
    if datetime.now() - datetime.fromisoformat(metadata.get('backup_time')) > timedelta(days=120):
        return False
    if os.environ.get('AWS_REGION') == None:
        return None
    return True
DBBACKUP_RESTORE_METADATA_VALIDATOR = validate_restore
""",
        commands=ROUND_TRIP,
        prints=("default: restored",),
    ),
    Example(
        page="configuration",
        what="encrypt, and decrypt",
        settings="DBBACKUP_GPG_RECIPIENT = 'backup@example.com'",
        commands=("dbbackup --encrypt", "dbrestore --decrypt --noinput"),
        prints=(".sqlite3.gpg",),
        needs=ENCRYPTION,
    ),
    Example(
        page="configuration",
        what="encrypt for a key that the key ring does not trust",
        settings="DBBACKUP_GPG_RECIPIENT = 'backup@example.com'\nDBBACKUP_GPG_ALWAYS_TRUST = True",
        commands=("dbbackup --encrypt --compress", "dbrestore --decrypt --uncompress --noinput"),
        prints=(".sqlite3.gz.gpg",),
        needs=ENCRYPTION,
    ),
)

DATABASES = (
    Example(
        page="databases",
        what="another user, password and host for backups, such as a replica's",
        settings="DBBACKUP_CONNECTORS = {'default': {'USER': 'backupuser', 'PASSWORD': 'backuppassword', "
        "'HOST': 'replica-for-backup'}}",
        later=POSTGRESQL,
    ),
    Example(
        page="databases",
        what="tables that stay out",
        settings="DBBACKUP_CONNECTORS = {'default': {'EXCLUDE': ['django_session', 'temp_data']}}",
        commands=("dbbackup",),
        prints=("note: without the rows of `django_session`, `temp_data`",),
    ),
    Example(
        page="databases",
        what="SSL of PostgreSQL by a variable of the dump's environment",
        settings="DBBACKUP_CONNECTORS = {'default': {'DUMP_ENV': {'PGSSLMODE': 'require'}}}",
        warns=("W018",),
        later=POSTGRESQL,
    ),
    *(
        Example(
            page="databases",
            what=f"SQLite by {connector}",
            settings=f"DBBACKUP_CONNECTORS = {{'default': {{'CONNECTOR': 'dbbackup.db.sqlite.{connector}'}}}}",
            commands=(*ROUND_TRIP, "dbbackup -z", "dbrestore -z --noinput"),
        )
        for connector in ("SqliteBackupConnector", "SqliteConnector", "SqliteCPConnector")
    ),
    Example(
        page="databases",
        what="any database by Django's serializers",
        settings="""
INSTALLED_APPS = [*INSTALLED_APPS, 'shelf']
DBBACKUP_CONNECTORS = {'default': {'CONNECTOR': 'dbbackup.db.django.DjangoConnector'}}
""",
        files={
            "shelf/__init__.py": "",
            "shelf/models.py": "from django.db import models\n\n\nclass Item(models.Model):\n"
            "    name = models.TextField()\n\n    class Meta:\n        db_table = 'item'\n",
        },
        commands=(*ROUND_TRIP, "dbbackup -z", "dbrestore -z --noinput"),
        prints=(".json (", ".json.gz ("),
    ),
    Example(
        page="databases",
        what="a connector for an engine of one's own",
        settings="""
DATABASES["default"]["ENGINE"] = "transaction_hooks"
DBBACKUP_CONNECTOR_MAPPING = {'transaction_hooks': 'dbbackup.db.sqlite.SqliteBackupConnector'}
""",
        files={
            "transaction_hooks/__init__.py": "",
            "transaction_hooks/base.py": "from django.db.backends.sqlite3.base import *\n",
        },
        commands=ROUND_TRIP,
    ),
    Example(
        page="databases",
        what="PostGIS for an engine of one's own",
        settings="DBBACKUP_CONNECTOR_MAPPING = {'transaction_hooks.backends.postgis': "
        "'dbbackup.db.postgresql.PgDumpGisConnector'}",
        later=POSTGRESQL,
    ),
    Example(page="databases", what="a dump by mysqldump, restored by mysql", later=MYSQL),
    Example(
        page="databases", what="PostgreSQL's three connectors, their options and `PSQL_CMD`", later=POSTGRESQL
    ),
    Example(
        page="databases",
        what="row-level security of PostgreSQL (only in pages of 5.0)",
        settings="DBBACKUP_CONNECTORS = {'default': {'ENABLE_ROW_SECURITY': True}}",
        warns=("W018",),
        later=POSTGRESQL,
    ),
    Example(
        page="databases",
        what="where MongoDB checks the password, in the connector's options",
        settings="DBBACKUP_CONNECTORS = {'default': {'AUTH_SOURCE': 'admin'}}",
        later=MONGODB,
    ),
    Example(
        page="databases",
        what="the same in `DATABASES`",
        settings="DATABASES['default']['AUTH_SOURCE'] = 'admin'",
        later=MONGODB,
    ),
)

STORAGE = (
    Example(
        page="storage",
        what="a folder",
        settings=FOLDER,
        commands=(*ROUND_TRIP, "mediabackup", "mediarestore --noinput", "listbackups"),
    ),
    Example(
        page="storage",
        what="a folder, with permissions for files and folders",
        settings=storage(
            "django.core.files.storage.FileSystemStorage",
            '{"location": "/my/backup/dir/", "file_permissions_mode": 0o640, "directory_permissions_mode": 0o750}',
        ),
        commands=ROUND_TRIP,
    ),
    Example(
        page="storage",
        what="options of the other storages, and none for backups: they would go to the media files",
        settings='STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", '
        '"OPTIONS": {"location": MEDIA_ROOT}}, "staticfiles": STORAGES["staticfiles"]}',
        warns=("W013",),
        commands=("dbbackup",),
        status=2,
    ),
    Example(
        page="storage",
        what="Google Cloud Storage",
        settings=storage(
            "storages.backends.gcloud.GoogleCloudStorage",
            '{"bucket_name": "your_bucket_name", "project_id": "your_project_id", "blob_chunk_size": 1024 * 1024}',
        ),
        package="google.cloud.storage",
        later="needs a Google Cloud account",
    ),
    Example(
        page="storage",
        what="Amazon S3",
        settings=storage(
            "storages.backends.s3boto3.S3Boto3Storage",
            '{"access_key": "my_id", "secret_key": "my_secret", "bucket_name": "my_bucket_name", '
            '"default_acl": "private"}',
        ),
        package="boto3",
        later=SERVER,
    ),
    Example(
        page="storage",
        what="another service of S3's kind, and a folder in the bucket",
        settings=storage(
            "storages.backends.s3boto3.S3Boto3Storage",
            '{"access_key": "my_id", "secret_key": "my_secret", "bucket_name": "my_bucket_name", '
            '"default_acl": "private", "region_name": "us-east-1", '
            '"endpoint_url": "https://minio.internal:9000", "location": "backups/prod/"}',
        ),
        package="boto3",
        later=SERVER,
    ),
    Example(
        page="storage",
        what="Dropbox",
        settings=storage(
            "storages.backends.dropbox.DropBoxStorage",
            '{"oauth2_access_token": "my_token", "root_path": "/backups"}',
        ),
        package="dropbox",
        later=DROPBOX,
    ),
    Example(
        page="storage",
        what="FTP, in a form that django-storages refuses: a slash is missing behind the port",
        settings=storage("storages.backends.ftp.FTPStorage", '{"location": "ftp://user:pass@server:21"}'),
        warns=("W013",),
        later=SERVER,
    ),
    Example(
        page="storage",
        what="FTP",
        settings=storage("storages.backends.ftp.FTPStorage", '{"location": "ftp://user:pass@server:21/"}'),
        later=SERVER,
    ),
    Example(
        page="storage",
        what="SFTP",
        settings=storage("storages.backends.sftpstorage.SFTPStorage", "{'host': 'myserver'}"),
        package="paramiko",
        later=SERVER,
    ),
    Example(
        page="storage",
        what="SFTP with all of its options",
        settings=storage(
            "storages.backends.sftpstorage.SFTPStorage",
            "{'host': 'myserver', 'root_path': '~/', 'params': {}, 'interactive': False, 'file_mode': 0o600, "
            "'dir_mode': 0o700, 'known_host_file': '/etc/ssh/ssh_known_hosts'}",
        ),
        package="paramiko",
        later=SERVER,
    ),
    *(
        Example(
            page="storage",
            what=f"install what {what} needs",
            commands=(f"pip install {packages}",),
            later=NOT_OURS,
        )
        for what, packages in (
            ("Google Cloud Storage", "django-storages[google]"),
            ("S3", "django-storages[boto3]"),
            ("Dropbox", "dropbox django-storages"),
            ("FTP", "django-storages"),
            ("SFTP", "paramiko django-storages"),
        )
    ),
)

COMMANDS = (
    *(
        Example(
            page="commands", what=f"the help of `{name}`", commands=(f"{name} --help",), prints=("--noinput",)
        )
        for name in ("dbbackup", "dbrestore", "mediabackup", "mediarestore", "listbackups")
    ),
    Example(
        page="commands", what="back up", commands=("dbbackup",), prints=("default: stored default-host-",)
    ),
    Example(
        page="commands",
        what="restore the newest, after a question",
        commands=("dbbackup", "dbrestore"),
        prints=("Continue? [y/N]", "default: restored default-host-"),
    ),
    Example(
        page="commands", what="back up the media", commands=("mediabackup",), prints=("media: stored host-",)
    ),
    Example(
        page="commands",
        what="restore the media, after a question",
        commands=("mediabackup", "mediarestore"),
        prints=("Continue? [y/N]", "media: restored host-"),
    ),
    Example(
        page="changelog",
        what="several databases, with blanks between them",
        databases=("default", "second"),
        commands=('dbbackup -d "default, second"',),
        prints=("default: stored", "second: stored"),
    ),
    Example(
        page="changelog",
        what="a database or media into another bucket",
        commands=("dbbackup -O s3://bucket/path/", "mediabackup -O s3://bucket/path/"),
        later=SERVER,
    ),
    Example(
        page="changelog",
        what="options for PostgreSQL's restore, and a restore that drops nothing",
        commands=('dbrestore --pg-options="--if-exists"', "dbrestore --no-drop"),
        later=POSTGRESQL,
    ),
)

APP = """\
from django.apps import AppConfig


class YourAppConfig(AppConfig):
    name = 'your_app'

    def ready(self):
        import your_app.signals  # Import your signal handlers
"""


def handlers(what: str, code: str, **more: object) -> Example:
    return Example(
        page="signals",
        what=what,
        settings="INSTALLED_APPS = [*INSTALLED_APPS, 'your_app.apps.YourAppConfig']\n"
        "EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'\n"
        "LOGGING = {'version': 1, 'handlers': {'console': {'class': 'logging.StreamHandler'}}, "
        "'loggers': {'your_app': {'handlers': ['console'], 'level': 'INFO'}}}\n",
        files={"your_app/__init__.py": "", "your_app/apps.py": APP, "your_app/signals.py": code},
        **more,  # type: ignore[arg-type]
    )


SIGNALS = (
    handlers(
        "what is backed up, and where it went",
        """\
from django.dispatch import receiver
from dbbackup import signals

@receiver(signals.pre_backup)
def backup_started(sender, database, **kwargs):
    print(f"Starting backup of database: {database['NAME']}")

@receiver(signals.post_backup)
def backup_completed(sender, database, filename, **kwargs):
    print(f"Completed backup of {database['NAME']} to {filename}")
""",
        commands=("dbbackup",),
        prints=("Starting backup of database: ", "Completed backup of ", " to default-host-"),
    ),
    handlers(
        "a mail after each backup and each restore",
        """\
from django.dispatch import receiver
from django.core.mail import send_mail
from dbbackup import signals

@receiver(signals.post_backup)
def notify_backup_complete(sender, database, filename, **kwargs):
    send_mail(
        subject='Database Backup Complete',
        message=f'Successfully backed up {database["NAME"]} to {filename}',
        from_email='backup@example.com',
        recipient_list=['admin@example.com'],
    )

@receiver(signals.post_restore)
def notify_restore_complete(sender, database_name, filename, **kwargs):
    send_mail(
        subject='Database Restore Complete',
        message=f'Successfully restored {database_name} from {filename}',
        from_email='backup@example.com',
        recipient_list=['admin@example.com'],
    )
""",
        commands=ROUND_TRIP,
        prints=("Subject: Database Backup Complete", "Successfully restored default from default-host-"),
    ),
    handlers(
        "a log of what begins and ends",
        """\
import logging
from django.dispatch import receiver
from dbbackup import signals

logger = logging.getLogger(__name__)

@receiver(signals.pre_backup)
def log_backup_start(sender, database, **kwargs):
    logger.info(f"Starting backup process for {database['NAME']}")

@receiver(signals.post_backup)
def log_backup_complete(sender, database, filename, **kwargs):
    logger.info(f"Backup process completed for {database['NAME']}, file: {filename}")

@receiver(signals.pre_restore)
def log_restore_start(sender, database_name, filename, **kwargs):
    logger.warning(f"Starting restore process for {database_name} from {filename}")

@receiver(signals.post_restore)
def log_restore_complete(sender, database_name, **kwargs):
    logger.info(f"Restore process completed for {database_name}")
""",
        commands=ROUND_TRIP,
        prints=(
            "Starting backup process for ",
            ", file: default-host-",
            "Starting restore process for default from default-host-",
            "Restore process completed for default",
        ),
    ),
    handlers(
        "a handler that does not let a restore happen",
        """\
from django.dispatch import receiver
from django.core.exceptions import ValidationError
from dbbackup import signals

def user_has_permission():
    return False

@receiver(signals.pre_restore)
def validate_restore_conditions(sender, database_name, **kwargs):
    if database_name == 'default' and not user_has_permission():
        raise ValidationError("Restore not allowed for production database")
""",
        commands=ROUND_TRIP,
        prints=("Restore not allowed for production database",),
        status=1,
    ),
    handlers(
        "a question to a monitoring service",
        """\
from django.dispatch import receiver
from django.utils import timezone
from dbbackup import signals
import requests

@receiver(signals.post_backup)
def webhook_notification(sender, database, filename, **kwargs):
    requests.post('https://monitoring.example.com/webhook', json={
        'event': 'backup_complete',
        'database': database['NAME'],
        'filename': filename,
        'timestamp': timezone.now().isoformat(),
    })
""",
        commands=("dbbackup",),
        prints=("https://monitoring.example.com/webhook", "'filename': 'default-host-"),
    ),
    Example(
        page="signals",
        what="an application that names its configuration in `default_app_config`",
        later="Django has not read it since 4.1",
    ),
)

INTEGRATION = (
    Example(
        page="integration",
        what="a job of django-cron: what it calls",
        files={
            "cron.py": "from django.core import management\n\n\ndef do():\n    management.call_command('dbbackup')\n"
        },
        commands=('shell -v0 -c "import cron; cron.do()"',),
        prints=("default: stored",),
    ),
    Example(
        page="integration",
        what="a job of django-crontab: what it calls",
        files={
            "backup.py": """\
from datetime import datetime
from django.core import management

def backup_job():
    print("[{}] Backing up database and media files...".format(datetime.now()))
    management.call_command('dbbackup', '--clean')
    management.call_command('mediabackup', '--clean')
    print("[{}] Backup done!".format(datetime.now()))
""",
        },
        commands=('shell -v0 -c "import backup; backup.backup_job()"',),
        prints=("default: stored", "media: stored", "Backup done!"),
    ),
    Example(
        page="integration",
        what="tasks of Celery: what they call",
        files={
            "tasks.py": """\
from django.core import management

def backup_db():
    management.call_command('dbbackup')

def backup_media():
    management.call_command('mediabackup')
""",
        },
        commands=('shell -v0 -c "import tasks; tasks.backup_db(); tasks.backup_media()"',),
        prints=("default: stored", "media: stored"),
    ),
    *(
        Example(page="integration", what=what, commands=(command,), later=NOT_OURS)
        for what, command in (
            ("write the jobs of django-crontab into the crontab", "crontab add"),
            ("make the schedule of django-celery-beat", "setup_backup_schedule"),
            ("a worker of Celery", "celery -A myproject worker --loglevel=info"),
            ("the schedule of Celery", "celery -A myproject beat --loglevel=info"),
        )
    ),
    Example(
        page="integration",
        what="a restore into a database of its own, every week",
        databases=("default", "test_restore"),
        commands=("dbbackup", "dbrestore --database test_restore --noinput --verbosity 1"),
        prints=("test_restore: restored test_restore-host-",),
    ),
)

EARLIER = (
    Example(
        page="installation (to 4.3)",
        what="the storage in settings of its own: an error that says what to write",
        settings="DBBACKUP_STORAGE = 'django.core.files.storage.FileSystemStorage'\n"
        "DBBACKUP_STORAGE_OPTIONS = {'location': '/my/backup/dir/'}",
        warns=("W015", "W015"),
        commands=("dbbackup",),
        prints=("the setting `DBBACKUP_STORAGE` was replaced by `STORAGES['dbbackup']`", "hint: move it"),
        status=2,
    ),
    Example(
        page="configuration (to 4.3)",
        what="the filter by a name that nothing ever read",
        settings="DBBACKUP_CLEANUP_FILTER = lambda filename: False",
        warns=("W014",),
        commands=ROUND_TRIP,
    ),
    Example(
        page="storage (2.x)",
        what="settings of storages that it had built in",
        settings="""
DBBACKUP_FTP_HOST = 'ftp.host'
DBBACKUP_FTP_USER = 'user, blank if anonymous'
DBBACKUP_FTP_PASSWORD = 'password, can be blank'
DBBACKUP_FTP_PATH = 'path, blank for default'
DBBACKUP_TOKENS_FILEPATH = '<local_tokens_filepath>'
DBBACKUP_DROPBOX_APP_KEY = '<dropbox_app_key>'
DBBACKUP_DROPBOX_APP_SECRET = '<dropbox_app_secret>'
""",
        warns=("W014",) * 7,
        commands=ROUND_TRIP,
    ),
    Example(
        page="configuration (2.x)",
        what="settings that were dropped since",
        settings="""
DBBACKUP_SERVER_NAME = ''
DBBACKUP_FAKE_HOST = 'django-dbbackup'
DBBACKUP_BACKUP_DIRECTORY = '.'
DBBACKUP_SQLITE_EXTENSION = 'sqlite'
DBBACKUP_POSTGRESQL_RESTORE_SINGLE_TRANSACTION = True
""",
        warns=("W014",) * 5,
        commands=ROUND_TRIP,
    ),
)

CONTRIBUTING = (
    Example(
        page="contributing",
        what="hatch: tests, formatters, documentation, environments",
        commands=("hatch test",),
        later=DEVELOPMENT,
    ),
    Example(
        page="contributing",
        what="variables that choose the database and the storage: tests/test_functional.py has them",
        later=DEVELOPMENT,
    ),
    Example(
        page="postgresql_live_tests",
        what="scripts that test its PostgreSQL connectors",
        commands=("python scripts/postgres_live_test.py --all --verbose",),
        later=POSTGRESQL,
    ),
)

EXAMPLES = (
    *INSTALLATION,
    *CONFIGURATION,
    *DATABASES,
    *STORAGE,
    *COMMANDS,
    *SIGNALS,
    *INTEGRATION,
    *EARLIER,
    *CONTRIBUTING,
)
