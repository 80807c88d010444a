"""Environments as data: their schema, their catalog and the traffic of one episode.

Import from the modules: :mod:`signalrl.scenario.catalog` (light), :mod:`signalrl.scenario.schema`
and :mod:`signalrl.scenario.demand`. This package imports none of them, since the catalog is read
whenever signalrl is imported and the schema is not.
"""
