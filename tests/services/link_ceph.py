"""Lets the virtual environment of this interpreter import the system's ``rados`` and ``rbd``.

``.venv/bin/python tests/services/link_ceph.py``. PyPI has no usable build of these modules;
distributions have, each for its own Python. Links to just these two files show the
environment nothing else of the system's, follow upgrades of the packages, and may be made
again at any time. Needs nothing but the standard library.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

SYSTEM = Path("/usr/lib/python3/dist-packages")
MODULES = ("rados", "rbd")


def link(source: Path, target: Path, suffix: str) -> None:
    """Link both modules of ``source`` into ``target``; SystemExit if one is not made for us.

    ``suffix`` is what the interpreter wants its extension modules to end with.
    """
    for module in MODULES:
        file = source / f"{module}{suffix}"
        if not file.exists():
            others = ", ".join(path.name for path in source.glob(f"{module}.*.so"))
            raise SystemExit(
                f"{file} is missing: "
                + (
                    f"there is only {others}, for another Python"
                    if others
                    else f"install python3-{module}"
                )
            )
    for module in MODULES:
        name = target / f"{module}{suffix}"
        if name.is_symlink() or name.exists():
            name.unlink()
        name.symlink_to(source / name.name)


def main() -> None:
    """Link them, and see that they load."""
    if sys.prefix == sys.base_prefix:
        raise SystemExit("run this with the Python of a virtual environment")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    link(SYSTEM, Path(sysconfig.get_path("platlib")), suffix)
    subprocess.run([sys.executable, "-c", "import rados, rbd"], check=True)


if __name__ == "__main__":
    main()
