import numpy as np

from signalrl.control.measurement import COLUMNS, Column, Measurement


def test_an_empty_measurement_has_a_zero_for_every_lane_and_column() -> None:
    measurement = Measurement.empty(3, time_s=7.0)
    assert measurement.time_s == 7.0
    assert measurement.values.shape == (3, COLUMNS)
    assert measurement.values.dtype == np.float32
    assert not measurement.values.any()


def test_a_column_is_a_view_over_all_lanes() -> None:
    measurement = Measurement.empty(2)
    measurement[Column.QUEUED][1] = 4.0
    assert measurement[Column.QUEUED].tolist() == [0.0, 4.0]
    assert measurement.values[1, Column.QUEUED] == 4.0
    assert measurement.values.sum() == 4.0


def test_there_is_a_column_for_each_name() -> None:
    assert sorted(Column) == list(range(COLUMNS))
