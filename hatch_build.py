"""Packaging hook: build the kernel image for the interpreter that packs, and tag the wheel for this platform."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelImageHook(BuildHookInterface[Any]):
    """Runs ``kernel_rs/build_kernel.py`` before a wheel, editable ones included, is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the image and say that the wheel is not pure; ``version`` is the kind of wheel and plays no part."""
        del version
        subprocess.run([sys.executable, str(Path(self.root) / "kernel_rs" / "build_kernel.py")], check=True)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
