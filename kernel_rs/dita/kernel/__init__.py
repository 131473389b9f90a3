"""The binding to the Rust kernel and the loader that lets only a certified one drive. Imports ``dita.spec`` only."""
