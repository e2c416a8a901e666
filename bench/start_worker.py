"""Starts a worker, whatever is installed: this package, on the build that is named.

    python -P start_worker.py FOLDER [TARGET]

A script, not a module: the build may have other benchmarks, or none. These are loaded
under a name of their own. An editable install's finder goes before the path, so these
and the target have finders that go before it.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


class FoundOnly:
    """Finds a package in one folder, and its modules in the package."""

    def __init__(self, package: str, folder: str) -> None:
        self._package = package
        self._folder = folder

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where a module is, or None where it is another's.

        Raises:
            ModuleNotFoundError: it is not there; no other finder may find it elsewhere.
        """
        if name == self._package:
            path = [self._folder]
        elif not name.startswith(self._package + "."):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def main() -> None:
    """Load the package under its name and be its worker."""
    here = Path(__file__).parent
    name = "pensieve_bench"
    spec = spec_from_file_location(
        name, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec
    assert spec.loader
    sys.modules[name] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    sys.meta_path.insert(0, FoundOnly(name, ""))
    folder, target, *_ = [*sys.argv[1:], ""]
    if target:
        sys.meta_path.insert(0, FoundOnly("pensieve", target))
    from pensieve_bench.worker import main as work  # type: ignore[import-not-found]

    work(Path(folder))


if __name__ == "__main__":
    main()
