"""The Django project that ``runtests.py`` runs, with one app: itself."""
