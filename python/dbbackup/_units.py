"""Bytes and seconds, as people read them."""

_STEP = 1024


def human_bytes(count: int) -> str:
    """Return `count` bytes in the largest binary unit that fits, with one decimal: ``3.1 MiB``, ``512 B``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        # 1023.95 would be printed as 1024.0 of the smaller unit.
        if size < _STEP - 0.05:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} PiB"


def human_seconds(seconds: float) -> str:
    """Return a duration with the two units that matter: ``0.2 s``, ``42 s``, ``3 min 20 s``."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"
