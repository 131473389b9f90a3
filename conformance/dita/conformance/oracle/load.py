"""The compiled reference as a function, beside the interpreted one and under names of its own."""

import importlib
import sys
from collections.abc import Mapping
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Final, NamedTuple

from dita.conformance.differential import Step
from dita.conformance.oracle.agreement import disagreement
from dita.conformance.oracle.build import FOLDER, Built, OracleRefused, build
from dita.conformance.oracle.source import ENTRY, reference_sources
from dita.reference import step

AGREEMENT_STEPS: Final = 3_000
AGREEMENT_SEED: Final = 1


class Oracle(NamedTuple):
    """Who says what the kernel has to answer."""

    name: str  # "interpreted", or "compiled" with the beginning of its key
    step: Step


INTERPRETED: Final = Oracle("interpreted", step)


def compiled_oracle(sources: Mapping[str, str] | None = None, optimise: int = 2, folder: Path = FOLDER) -> Oracle:
    """The compiled reference, built if need be (half a minute) and found equal to the interpreted one on a sample.

    Raises OracleRefused.
    """
    built = build(reference_sources() if sources is None else sources, optimise, folder)
    oracle = Oracle(f"compiled {built.key[:16]}", imported(built))
    differs = disagreement(oracle.step, AGREEMENT_SEED, AGREEMENT_STEPS)
    if differs:
        raise OracleRefused(f"oracle {oracle.name}: it is not the reference: {differs}; nothing it says counts")
    return oracle


def imported(built: Built) -> Step:
    """The step of a build, out of its own files and no others. Raises OracleRefused."""
    if built.package not in sys.modules:
        for name in built.files:
            if "/" not in name:  # what the package's modules share
                _import_shared(built.home / name)
        package = ModuleType(built.package)
        package.__path__ = [str(built.home.resolve() / built.package)]
        sys.modules[built.package] = package
    module = importlib.import_module(f"{built.package}.{ENTRY}")
    origin = Path(module.__spec__.origin or "") if module.__spec__ is not None else Path()
    found: object = getattr(module, ENTRY, None)
    if origin.parent != built.home.resolve() / built.package or not isinstance(found, BuiltinFunctionType):
        raise OracleRefused(
            f"`{built.package}.{ENTRY}` is `{origin}` and not compiled; remove `{built.home}` and try again"
        )
    compiled: Step = found
    return compiled


def _import_shared(path: Path) -> None:
    name = path.name.partition(".")[0]
    spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, str(path.resolve())))
    if spec is None or spec.loader is None:
        raise OracleRefused(f"`{path}` is no module of this Python; remove its folder and try again")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
