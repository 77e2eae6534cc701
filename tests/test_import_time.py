"""What the package costs to import: hardly more than torch, and no heavy package before it is needed."""

import os
import statistics
import subprocess
import sys

HEAVY = ("sklearn", "scipy", "pandas", "pyarrow", "altair", "vl_convert", "jinja2", "PIL", "zarr", "joblib", "rich", "typer", "dask", "transformers")
SLOW_PARTS = ("torch._dynamo", "torch._inductor", "torch.export", "torch.onnx")  # of torch, which torch itself leaves for later
TOUCH = "import wherefrom as wf\nfor name in wf.__all__:\n    getattr(wf, name)\n"
MOST, PAIRS, TRIES = 1.2, 5, 3
# modules compiled once, as an installed package is
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "EAGER_IMPORT")}


def cpu_seconds(code: str) -> float:
    """The child's own, user and system: time that it waits for a core is not its."""
    child = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, code
    return used.ru_utime + used.ru_stime


def test_every_public_name_costs_little_more_than_torch() -> None:
    for code in ("import torch", TOUCH):
        cpu_seconds(code)  # compiles
    ratios = []
    for _ in range(TRIES):  # a busy machine can spoil one
        torch_alone, ours = zip(*((cpu_seconds("import torch"), cpu_seconds(TOUCH)) for _ in range(PAIRS)), strict=True)
        ratios.append(statistics.median(ours) / statistics.median(torch_alone))
        if ratios[-1] <= MOST:
            break
    print(f"import of every public name: {ratios[-1]:.2f} times import torch")
    assert min(ratios) <= MOST, ratios


def test_no_public_name_loads_a_heavy_package() -> None:
    look = f"import sys, torch\nbefore = set(sys.modules)\n{TOUCH}print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", look], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "wherefrom.attribution" in loaded
    assert not [name for name in loaded if any(name == heavy or name.startswith(f"{heavy}.") for heavy in HEAVY + SLOW_PARTS)]


def test_names_of_rooms_are_not_the_modules_of_the_same_name() -> None:
    look = (
        "import importlib, pkgutil, sys, types\nimport wherefrom\n"
        "names = [module.name for module in pkgutil.walk_packages(wherefrom.__path__, 'wherefrom.') if module.name != 'wherefrom.__main__']\n"
        "for name in names:\n    importlib.import_module(name)\n"
        "for room in [sys.modules[name] for name in names if hasattr(sys.modules[name], '__path__')]:\n"
        "    print(*(f'{room.__name__}.{name}' for name in getattr(room, '__all__', ()) if isinstance(getattr(room, name), types.ModuleType)))\n"
    )
    done = subprocess.run([sys.executable, "-c", look], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["wherefrom.retraining.train"]
