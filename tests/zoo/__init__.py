"""An app with models of every kind that a backup as JSON has to bring back. Copied into projects, too."""
