"""What connectors raise, at the names that django-dbbackup gave them."""

from dbbackup.exceptions import CommandConnectorError, ConnectorError, DumpError, RestoreError

__all__ = ["CommandConnectorError", "ConnectorError", "DumpError", "RestoreError"]
