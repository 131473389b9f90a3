"""The normative vocabulary of DITA: what is true, without behaviour. Imports nothing else of the project."""
