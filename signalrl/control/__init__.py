"""The core: from a measurement to a safe signal state, without IO, clock, SUMO or torch."""
