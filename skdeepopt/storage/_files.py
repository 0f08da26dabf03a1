"""Save an estimator to one file and load it back, without pickle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import TensorSpan, pack, read_tensors, unpack
from skdeepopt.storage._decode import Decoder
from skdeepopt.storage._document import warn_of_versions, write_document
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node, estimator_value
from skdeepopt.storage._paths import as_path, check_writable, open_model, write_whole
from skdeepopt.storage._supplied import Supplied, Supply
from skdeepopt.storage._trail import Trail

__all__ = ["load", "read_header", "save"]


def save(estimator: Any, path: Any) -> Path:
    """Path of the file that now holds the estimator: weights, parameters and all that fit learned.

    The file appears whole or not at all: it is written beside `path` and then takes its place.

    Parameters
    ----------
    estimator : estimator
        One of this package, or a scikit-learn pipeline or wrapper of common transformers around
        one; fitted or not.
    path : str or path-like
        File to write; an existing one is replaced. Its folder must exist.

    Returns
    -------
    path : Path
        Where the file is.

    Raises
    ------
    TypeError
        Something in the estimator cannot be stored; the message names it as Python would, such as
        ``Pipeline.steps[0][1].mean_``.
    ValueError
        The description is too deep or too long.
    FileNotFoundError, IsADirectoryError, NotADirectoryError
        The folder is missing, or `path` is one.

    Warns
    -----
    UserWarning
        The estimator has callbacks. They are not stored.

    See Also
    --------
    load : Rebuild the estimator.

    Notes
    -----
    The format is in ``docs/model-file.md``. Random states (``RandomState``, ``Generator``) are
    stored as None; integers stay.

    Floats that are mostly zero take the room of the others, and a byte for each to say where it
    stands: the file of a pruned network shrinks with it, and loads to the same bits.

    A fitted compressor such as ``PrunedEstimator`` is stored with its base unfitted, so that the
    file does not carry the network that was made smaller. A ``FrozenEstimator`` around the base
    comes back around an unfitted one: the compressor predicts and fine-tunes as before, and needs
    its base set anew for another ``fit``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> with TemporaryDirectory() as folder:
    ...     load(save(scaler, f"{folder}/scaler.safetensors")).transform([[3.0]])
    array([[2.]])
    """
    if not hasattr(type(estimator), "get_params"):
        slip = " Did you mean save(estimator, path)?" if hasattr(path, "get_params") else ""
        raise TypeError(
            f"skdeepopt.save stores an estimator, not {type(estimator).__name__}.{slip}"
        )
    target = check_writable(as_path(path, "save"))
    encoder = Encoder(estimator_node)
    model = encoder.encode(estimator, Trail(type(estimator).__name__))
    for name in encoder.left_out:
        warnings.warn(
            f"{name} is not stored: callbacks matter while training, and a model file holds no "
            "code. The loaded estimator has none.",
            UserWarning,
            stacklevel=2,
        )
    write_whole(target, pack(write_document(model, is_sparse=encoder.is_sparse), encoder.tensors))
    return Path(path)


def load(path: Any, *, modules: Supply = None) -> Any:
    """Estimator that a file holds, as it was saved.

    Nothing in the file is run, and no module is imported because the file says so. Every byte is
    checked before it is used.

    Parameters
    ----------
    path : str or path-like
        File that ``save`` wrote.
    modules : list of classes and functions, or dict of them by name, default=None
        Code that the estimator was made with and that is in no library this package knows, such as
        the class in ``NeuralClassifier(module=MyNet)``. Where a parameter was a module instance,
        an instance, or a class that builds without arguments.

    Returns
    -------
    estimator : estimator
        With equal parameters and, on one machine, predictions equal to the last bit.

    Raises
    ------
    ModelFileError
        Truncated, altered, hostile, made by a newer version, no model file at all, or in need of
        something in `modules`.
    FileNotFoundError, IsADirectoryError
        There is no such file, or it is a folder.
    TypeError
        `path` or `modules` is of the wrong type.

    Warns
    -----
    UserWarning
        The file holds a scikit-learn object of another minor version than the one installed.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> with TemporaryDirectory() as folder:
    ...     load(save(scaler, f"{folder}/scaler.safetensors")).mean_
    array([1.])
    """
    source = as_path(path, "load")
    supplied = Supplied(modules)
    with _opened(source) as (handle, size_bytes):
        container = unpack(handle, size_bytes)
        decoder = Decoder(read_tensors(handle, container), supplied, estimator_value)
        estimator = _rebuild(decoder, container.document["model"])
    warn_of_versions(source, container.document["versions"], decoder.estimator_names)
    return estimator


def read_header(path: Any) -> dict[str, Any]:
    """What a file says about itself, after every byte was checked, without building anything.

    Parameters
    ----------
    path : str or path-like
        File that ``save`` wrote.

    Returns
    -------
    header : dict
        ``size_bytes``, ``sha256``, ``schema``, ``versions`` (library to version), ``model`` (the
        tree of JSON nodes) and ``tensors`` (name to ``dtype``, ``shape`` and ``size_bytes``).

    Raises
    ------
    ModelFileError, FileNotFoundError, IsADirectoryError, TypeError
        As in ``load``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> with TemporaryDirectory() as folder:
    ...     header = read_header(save(scaler, f"{folder}/scaler.safetensors"))
    >>> header["model"]["estimator"], sorted(header["tensors"])
    ('sklearn.preprocessing.StandardScaler', ['mean_', 'scale_', 'var_'])
    """
    with _opened(as_path(path, "load")) as (handle, size_bytes):
        container = unpack(handle, size_bytes)
    return {
        "size_bytes": container.size_bytes,
        "sha256": container.sha256,
        "schema": container.document["schema"],
        "versions": container.document["versions"],
        "model": container.document["model"],
        "tensors": {name: _shown(span) for name, span in container.spans.items()},
    }


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open file and its size; what is wrong with it is said with its name in front."""
    try:
        handle, size_bytes = open_model(path)
        with handle:
            yield handle, size_bytes
    except ModelFileError as error:
        raise ModelFileError(f"{path} {str(error).rstrip('.')}.") from error.__cause__


def _rebuild(decoder: Decoder, model: Any) -> Any:
    if not isinstance(model, dict) or next(iter(model), None) != "estimator":
        raise ModelFileError("describes something other than an estimator")
    root = Trail(str(model["estimator"]).rpartition(".")[2][:80])
    try:
        estimator = decoder.decode(model, root)
    except RecursionError as error:
        raise ModelFileError("is nested more deeply than this call has room for") from error
    decoder.check_all_used()
    return estimator


def _shown(span: TensorSpan) -> dict[str, Any]:
    return {
        "dtype": span.dtype,
        "shape": list(span.shape),
        "size_bytes": span.end - span.begin,
    }
