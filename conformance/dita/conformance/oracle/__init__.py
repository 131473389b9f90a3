"""The reference compiled: the very source of ``dita.reference``, through mypyc, for campaigns of many steps.

There is no second oracle: nothing is written by hand that answers a step. ``source`` takes the installed source and
says differently only how a record is changed and how an enumeration's member is reached, ``build`` compiles that into a
folder named by everything it was made from, ``load`` imports it under a private name, beside the interpreted reference,
and refuses it unless ``agreement`` finds both the same. Compiling needs the packages of ``dita[dev]`` and a C compiler.
"""
