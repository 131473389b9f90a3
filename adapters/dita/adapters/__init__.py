"""The edges of DITA: venue client, exchange simulator, journal. Every module imports ``dita.spec`` only."""
