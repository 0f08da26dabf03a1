"""What a reader needs to know of an exported file."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np

import skdeepopt
from skdeepopt.formats._parity import Parity
from skdeepopt.formats._source import Source
from skdeepopt.formats._torch import MOST_ON_PHONES

__all__ = ["OPEN_ONNX", "card"]

_TYPES = {"i": "int64", "f": "float64", "b": "bool", "U": "string"}

_INTEGERS = ("onnx", "openvino")
"""Formats that hold a quantized network as it is."""

OPEN_ONNX = """options = onnxruntime.SessionOptions()
# Processors with VNNI are exact, and faster, without this line; other x86 ones are not exact.
options.add_session_config_entry("session.x64quantprecision", "1")
session = onnxruntime.InferenceSession("{file}", options)
"""
"""Opens an ONNX file wherever there is ONNX Runtime."""

_CODE = {
    "onnx": """import numpy as np
import onnxruntime

"""
    + OPEN_ONNX
    + """inputs = np.zeros({shape}, np.{dtype})
{outputs} = session.run({names}, {{"inputs": inputs}})""",
    "openvino": """import numpy as np
import openvino

model = openvino.Core().compile_model("{file}", "CPU")
inputs = np.zeros({shape}, np.{dtype})
{outputs} = model([inputs]).to_tuple()""",
    "torch": """import torch

model = torch.export.load("{file}").module()
inputs = torch.zeros({shape}, dtype=torch.{dtype})
{outputs} = model(inputs)""",
    "torchscript": """import torch

model = torch.jit.load("{file}")
inputs = torch.zeros({shape}, dtype=torch.{dtype})
{outputs} = model(inputs)""",
    "executorch": """import torch
from executorch.runtime import Runtime

method = Runtime.get().load_program("{file}").load_method("forward")
inputs = torch.zeros({shape}, dtype=torch.{dtype})
{outputs} = method.execute([inputs])""",
}

_CARD = """# {file}

{name} of skdeepopt, as {form}{quantized}: {steps}.

## Input

`inputs`: {dtype}, shape ({sample}), raw samples as the estimator takes them. N is {most}.
{order}
## Outputs

{outputs}

## Figures

| figure | value |
|---|---|
| parameters of the network | {parameters:,} |
| bytes of the file | {size:,} |
| difference from the estimator | {parity} |

## Versions

{versions}

## How to run it

```python
{code}
```
"""


def card(source: Source, form: str, path: Path, parity: Parity) -> str:
    """Markdown about an exported file: shapes, types, classes, figures and how to run it.

    Parameters
    ----------
    source : Source
    form : str
        Name of the format.
    path : Path
        Of the file, with those that belong to it beside it.
    parity : Parity
    """
    return _CARD.format(
        file=path.name,
        name=source.name,
        form=form,
        quantized=" in integers" if source.is_quantized and form in _INTEGERS else "",
        steps=_steps(source),
        dtype=source.dtype,
        sample=", ".join(["N", *map(str, source.sample_shape)]),
        most=f"1 to {MOST_ON_PHONES}" if form == "executorch" else "any number",
        order=_order(source),
        outputs=_outputs(source, form),
        parameters=sum(part.numel() for part in source.module.parameters()),
        size=sum(part.stat().st_size for part in path.parent.iterdir()),
        parity=parity,
        versions="\n".join(f"- {name} {number}" for name, number in _versions(form).items()),
        code=_code(source, form, path.name),
    )


def _steps(source: Source) -> str:
    scaling = ["scaling"] if source.scalings else []
    last = "target" if source.classes is None else "label"
    return ", ".join([*scaling, "network"]) + f" and {last}"


def _order(source: Source) -> str:
    layout = source.layout
    if source.sample_shape == layout.shape or len(layout.shape) != 3:
        return ""
    axes = "height, width, channels" if layout.channels_last else "channels, height, width"
    return f"A sample runs over {axes}; the network sees {layout.shape} (channels first).\n"


def _outputs(source: Source, form: str) -> str:
    if source.classes is None:
        shape = "(N,)" if source.is_flat_target else "(N, n_targets)"
        return f"- `prediction`: float32, shape {shape}, in the units of the targets."
    is_place = source.has_text and form != "onnx"
    kind = "int64" if is_place else _TYPES[source.classes.dtype.kind]
    meaning = "the place of the most likely class, from 0" if is_place else "the most likely class"
    return (
        f"- `label`: {kind}, shape (N,), {meaning}.\n"
        f"- `probabilities`: float32, shape (N, {len(source.classes)}), of the classes\n"
        f"  {source.classes.tolist()}, in this order."
    )


def _versions(form: str) -> dict[str, str]:
    packages = {"onnx": ["onnx", "onnxruntime"], "openvino": ["onnx", "openvino"]}
    own = ["torch", "executorch"] if form == "executorch" else ["torch"]
    found = {name: version(name) for name in packages.get(form, own)}
    return {"skdeepopt": skdeepopt.__version__, **found, "numpy": np.__version__}


def _code(source: Source, form: str, file: str) -> str:
    outputs = ", ".join(source.outputs) if len(source.outputs) > 1 else f"({source.outputs[0]},)"
    return _CODE[form].format(
        file=file,
        shape=(1, *source.sample_shape),
        dtype=source.dtype,
        outputs=outputs,
        names=list(source.outputs),
    )
