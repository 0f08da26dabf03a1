"""Save an estimator to one file and load it back, without pickle."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Any

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import Container, TensorKey
from skdeepopt.storage._decode import Decoder
from skdeepopt.storage._document import warn_of_versions, write_description
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node, estimator_value
from skdeepopt.storage._lossy import check_lossy
from skdeepopt.storage._opening import opened
from skdeepopt.storage._packed import pack
from skdeepopt.storage._paths import as_path, check_writable, write_whole
from skdeepopt.storage._supplied import Supplied, Supply
from skdeepopt.storage._trail import Trail

__all__ = ["load", "packed", "read_header", "save"]


def save(estimator: Any, path: Any, *, lossy: str | Iterable[str] | None = None) -> Path:
    """Path of the file that now holds the estimator: weights, parameters and all that fit learned.

    The file appears whole or not at all: it is written beside `path` and then takes its place.

    Parameters
    ----------
    estimator : estimator
        One of this package, or a scikit-learn pipeline or wrapper of common transformers around
        one; fitted or not.
    path : str or path-like
        File to write, such as ``model.skdo``; an existing one is replaced. Its folder must exist.
    lossy : {"float16", "bfloat16", "history"}, list of these, or None, default=None
        What may be lost: float32 weights of more than 256 different values are rounded to what
        float16 or bfloat16 holds, and stay float32; the history of training is left out. None
        loses nothing.

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
        The description is too deep or too long, or `lossy` names something else.
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

    Every tensor is written in the form that takes the fewest bits and loads to the same ones: where
    its zeros are and what the others are, few different values by their numbers, and else the
    exponents by their frequencies. So the file of a pruned or quantized network shrinks with it.

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
    ...     load(save(scaler, f"{folder}/scaler.skdo")).transform([[3.0]])
    array([[2.]])
    """
    if not hasattr(type(estimator), "get_params"):
        slip = " Did you mean save(estimator, path)?" if hasattr(path, "get_params") else ""
        raise TypeError(
            f"skdeepopt.save stores an estimator, not {type(estimator).__name__}.{slip}"
        )
    encoder = Encoder(estimator_node, check_lossy(lossy))
    target = check_writable(as_path(path, "save"))
    blob = packed(estimator, encoder)
    for name in encoder.left_out:
        warnings.warn(
            f"{name} is not stored: callbacks matter while training, and a model file holds no "
            "code. The loaded estimator has none.",
            UserWarning,
            stacklevel=2,
        )
    write_whole(target, [blob])
    return Path(path)


def packed(estimator: Any, encoder: Encoder | None = None) -> bytes:
    """Bytes of the file that :func:`save` writes.

    Parameters
    ----------
    estimator : estimator
    encoder : Encoder or None, default=None
        New; knows afterwards what was left out. None loses nothing.

    Raises
    ------
    TypeError, ValueError
        As in :func:`save`.
    """
    encoder = Encoder(estimator_node) if encoder is None else encoder
    model = encoder.encode(estimator, Trail(type(estimator).__name__))
    return pack(write_description(model), encoder.tensors)


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
    ...     load(save(scaler, f"{folder}/scaler.skdo")).mean_
    array([1.])
    """
    source = as_path(path, "load")
    supplied = Supplied(modules)
    with opened(source) as container:
        decoder = Decoder(container.tensors, supplied, estimator_value, container.coded_bytes)
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
        ``size_bytes``, ``sha256`` (as far as the file holds it), ``schema``, ``versions`` (library
        to version), ``model`` (the tree of JSON nodes) and ``tensors`` (name to ``dtype``,
        ``shape`` and ``size_bytes``, what it takes in the file, rounded up).

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
    ...     header = read_header(save(scaler, f"{folder}/scaler.skdo"))
    >>> header["model"]["estimator"], sorted(header["tensors"])
    ('sklearn.preprocessing.StandardScaler', ['mean_', 'scale_', 'var_'])
    """
    with opened(as_path(path, "load"), with_spans=True) as container:
        return {
            "size_bytes": container.size_bytes,
            "sha256": container.sha256,
            "schema": container.document["schema"],
            "versions": container.document["versions"],
            "model": container.document["model"],
            "tensors": {container.names[key]: _shown(container, key) for key in container.tensors},
        }


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


def _shown(container: Container, key: TensorKey) -> dict[str, Any]:
    stored = container.tensors[key]
    return {
        "dtype": stored.dtype,
        "shape": list(stored.shape),
        "size_bytes": ceil(sum(container.spans[key]) / 8),
    }
