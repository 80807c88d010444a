"""Public events: calendars, venues, and the traffic that they bring."""
