"""The edges of DITA: venue client, exchange simulator, journal, projections. Every module imports ``dita.spec`` only."""
