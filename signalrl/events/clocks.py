"""Moments and the time that passes between them, in zones whose clocks may be changed."""

from __future__ import annotations

from datetime import datetime, tzinfo

YEARS = range(1970, 2200)
"""A time of another year stands for one that is not known, such as 9999-12-31."""


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in a zone; one without a zone is taken as a time of it.

    Of a time that a night of daylight saving has twice the first is meant, and one that it skips
    is as long after midnight as the clocks of before say (RFC 5545, 3.3.5).
    """
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)
    return datetime.fromtimestamp(aware.timestamp(), zone)


def later(moment: datetime, seconds: float) -> datetime:
    """Return the moment some s later, in the same zone; clocks may have been changed between."""
    return datetime.fromtimestamp(moment.timestamp() + seconds, moment.tzinfo)
