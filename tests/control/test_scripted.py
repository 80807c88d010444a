import numpy as np

from signalrl.control.measurement import COLUMNS, Column, Measurement
from signalrl.control.plant import Plant
from signalrl.control.scripted import ScriptedPlant
from tests.networks import three_ways


def test_without_a_script_every_lane_is_empty_for_ever() -> None:
    plant: Plant = ScriptedPlant(three_ways())
    plant.advance(1e9)
    measurement = plant.measure()
    assert measurement.time_s == 1e9
    assert measurement.values.shape == (len(three_ways().lanes), COLUMNS)
    assert not measurement.values.any()
    assert not plant.ended


def test_a_script_says_what_is_measured_when() -> None:
    def script(measurement: Measurement) -> None:
        measurement[Column.QUEUED][:] = measurement.time_s

    plant = ScriptedPlant(three_ways(), script, start_s=10.0)
    assert plant.time_s == 10.0
    assert np.unique(plant.measure()[Column.QUEUED]).tolist() == [10.0]
    plant.advance(12.5)
    assert np.unique(plant.measure()[Column.QUEUED]).tolist() == [12.5]


def test_it_records_what_it_is_shown_and_when() -> None:
    plant = ScriptedPlant(three_ways())
    plant.show([(0, "Grr")])
    plant.advance(5.0)
    plant.show([])
    plant.show([(0, "yrr")])
    assert plant.shown == [(0.0, 0, "Grr"), (5.0, 0, "yrr")]


def test_it_ends_when_the_script_ends() -> None:
    plant = ScriptedPlant(three_ways(), end_s=5.0)
    plant.advance(4.9)
    assert not plant.ended
    plant.advance(5.0)
    assert plant.ended
