"""What a measurement ran on, without anything that names the machine or its owner."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

__all__ = ["describe_machine", "package_versions"]

# Instructions that decide how fast low precision runs.
_FLAGS = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "sve",
    "bf16",
    "i8mm",
)
_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-optimize",
    "skorch",
    "torch",
    "onnx",
    "onnxruntime",
    "torch-pruning",
)


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, system, threads and load, as plain values for JSON.

    Returns
    -------
    facts : dict
        ``cpu``, ``instructions``, ``physical_cores``, ``usable_cpus``, ``memory_gib``, ``os``,
        ``gpu`` (None without one), ``torch_threads`` and ``load_average`` of the last minute.

    Examples
    --------
    >>> facts = describe_machine()
    >>> facts["physical_cores"] >= 1
    True
    """
    processors = _processors()
    first = processors[0] if processors else {}
    present = set((first.get("flags") or first.get("Features") or "").split())
    return {
        "cpu": first.get("model name") or platform.processor() or platform.machine(),
        "instructions": [flag for flag in _FLAGS if flag in present],
        "physical_cores": _physical_cores(processors),
        "usable_cpus": _usable_cpus(),
        "memory_gib": _memory_gib(),
        "os": _system(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch_threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def package_versions() -> dict[str, str]:
    """Version of Python and of each installed package that a figure depends on."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _processors() -> list[dict[str, str]]:
    path = Path("/proc/cpuinfo")
    blocks = path.read_text().strip().split("\n\n") if path.exists() else []
    lines = [[line.partition(":") for line in block.splitlines()] for block in blocks]
    return [{key.strip(): value.strip() for key, _, value in block} for block in lines]


def _physical_cores(processors: list[dict[str, str]]) -> int:
    cores = {(entry["physical id"], entry["core id"]) for entry in processors if "core id" in entry}
    return len(cores) or os.cpu_count() or 1


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _system() -> str:
    # The full release string of a kernel often carries the name of who built it.
    release = ".".join(platform.release().split(".")[:2])
    return f"{platform.system()} {release} {platform.machine()}"
