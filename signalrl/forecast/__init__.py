"""From the calendar to what traffic will do: where, when and how surely it exceeds the signals."""
