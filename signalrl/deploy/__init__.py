"""Trained policies outside of training: bundles, and the loop that runs them on a plant.

Nothing here imports torch, stable-baselines3 or SUMO, and nothing is unpickled.
"""
