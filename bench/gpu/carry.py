"""Gather what a GPU host that reaches no registry needs, as wheels in one folder.

Such a host has a Python with transformers, tokenizers, huggingface_hub, jinja2 and
numpy, as those with PyTorch do, and NVIDIA's libraries. Pensieve's own wheel is built
here, by an interpreter of the host's version; the others come from the registry. MLX's
are left to whoever knows the GPU: put mlx, mlx-cuda-13 and mlx-lm beside them.

    python -m pensieve.bench.gpu.carry FOLDER --python python3.12

On the host: pip install --no-index --no-deps --target SITE FOLDER/*.whl.
"""

import argparse
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BROUGHT = [
    "click",
    "falcon",
    "gunicorn",
    "llguidance",
    "msgspec",
    "platformdirs",
    "prometheus-client",
    "psutil",
    "rich",
    "scipy-openblas32",
    "uvloop",
    "xxhash",
]
"""Of Pensieve's dependencies, those that such a host may not have as new as needed."""
GLIBCS = ["2_5", "2_12", "2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35"]
LIMIT_BYTES = 64 << 20


def requirements() -> list[str]:
    """Return those of BROUGHT that pyproject.toml names, with their versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [each.split(";")[0].strip() for each in project["dependencies"]]
    return [each for each in stated if each.split(">")[0].split("[")[0] in BROUGHT]


def main() -> None:
    """Fill the folder, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="python3.12")
    options = parser.parse_args()

    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        if not old.name.startswith("mlx"):
            old.unlink()
    pip = [options.python, "-m", "pip", "--disable-pip-version-check"]
    platforms = [f"--platform=manylinux_{each}_x86_64" for each in GLIBCS]
    platforms += ["--platform=manylinux1_x86_64", "--platform=manylinux2014_x86_64"]
    only = ["--only-binary=:all:", "--implementation=cp", *platforms]
    download = [*pip, "download", "--quiet", "--no-deps", *only, "--dest", str(folder)]
    subprocess.run([*download, *requirements()], check=True)
    build = [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True)

    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        print(f"{wheel.stat().st_size / 1e6:6.1f} MB  {wheel.name}")
    total = sum(wheel.stat().st_size for wheel in wheels)
    print(f"{total / 1e6:6.1f} MB of {LIMIT_BYTES / 1e6:.1f}, with the code beside it")


if __name__ == "__main__":
    main()
