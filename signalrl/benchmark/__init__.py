"""Controllers compared: environments x controllers x seeds, each episode in a fresh process."""
