"""Writes the reference pages that are made from the Django app: of settings and of system checks.

``PYTHONPATH=python python .ci/reference.py docs/reference``. It needs Django, but no project.
"""

import json
import sys
from pathlib import Path

from dbbackup._setting import Setting
from dbbackup.checks import CHECKS, TAG
from dbbackup.conf import DJANGO_SETTINGS, SETTINGS


def settings_page() -> str:
    """Return the page of settings: an overview, then each with its type, default and reason."""
    overview = [
        f"| [`{setting.name}`](#{_anchor(setting)}) | {_default(setting)} |" for setting in SETTINGS.values()
    ]
    django = [f"| {setting.name} | {setting.meaning} |" for setting in DJANGO_SETTINGS]
    sections = [_setting_section(setting) for setting in SETTINGS.values()]
    return SETTINGS_PAGE.format(
        overview="\n".join(overview), sections="\n".join(sections), django="\n".join(django)
    )


def checks_page() -> str:
    """Return the page of system checks."""
    sections = [
        f"## {check.id}\n\n{_sentence(check.msg)}\n\n"
        f"- *Why it matters:* {check.reason}.\n"
        f"- *What to do:* {check.hint}.\n"
        for check in CHECKS
    ]
    return CHECKS_PAGE.format(tag=TAG, sections="\n".join(sections))


def _setting_section(setting: Setting) -> str:
    lines = [
        f"### {setting.name}\n",
        f"{setting.meaning}\n",
        f"- *Type:* {setting.kind.must_be}{f' ({setting.unit})' if setting.unit else ''}",
        f"- *Default:* {_default(setting)}",
        f"- *Why:* {setting.reason}",
    ]
    if setting.older_name:
        lines.append(f"- *Also read:* `{setting.older_name}`, which counts where both are set")
    if setting.empty_is_default:
        lines.append("- *Empty, or `None`:* the default")
    if setting.since:
        lines.append(f"- *Since:* {setting.since}")
    return "\n".join(lines) + "\n"


def _default(setting: Setting) -> str:
    if setting.falls_back_to:
        return f"as `{setting.falls_back_to}`"
    return setting.default_text or f"`{_literal(setting.default)}`"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else json.dumps(value)


def _anchor(setting: Setting) -> str:
    return setting.name.lower()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


SETTINGS_PAGE = """\
# Settings

Settings of the Django app. They are read when a command runs. `manage.py check` warns of values that cannot
be used and of names that nothing reads ([system checks](checks.md)). Those without *Since* are
django-dbbackup's.

<!-- Made by `make gen`; edit python/dbbackup/conf.py. -->

| setting | default |
|---|---|
{overview}

What is read of Django's own settings:

| setting | what for |
|---|---|
{django}

`DBBACKUP_STORAGE` and `DBBACKUP_STORAGE_OPTIONS` are errors: `STORAGES["dbbackup"]` has taken their place.

## Each setting

{sections}"""

CHECKS_PAGE = """\
# System checks

What `manage.py check` says about the settings of backups; `manage.py check --tag {tag}` says nothing else.
All are warnings: they keep no command from running, and the exit status is 0. None opens a connection to a
storage or a database. `SILENCED_SYSTEM_CHECKS = ["dbbackup.W014"]` silences one. W006, W009 and W010 were
django-dbbackup's, and are not used again.

<!-- Made by `make gen`; edit python/dbbackup/checks.py. -->

{sections}"""


def main() -> None:
    """Write the pages into the folder that is named on the command line."""
    folder = Path(sys.argv[1])
    (folder / "settings.md").write_text(settings_page())
    (folder / "checks.md").write_text(checks_page())


if __name__ == "__main__":
    main()
