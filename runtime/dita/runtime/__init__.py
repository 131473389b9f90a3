"""The live loop and everything around it: engine, recovery, strategy, settings, sessions, command line."""
