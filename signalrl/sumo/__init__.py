"""Everything that touches SUMO: processes, the plant, outputs and the network reader."""
