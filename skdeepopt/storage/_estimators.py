"""An estimator as a node: its public name, its parameters, and what fit learned."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

from skdeepopt._validation import did_you_mean
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._decode import Decoder, fault
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._limits import MAX_ESTIMATORS
from skdeepopt.storage._registry import ESTIMATORS, estimator_name, resolve_estimator
from skdeepopt.storage._trail import Trail

__all__ = ["estimator_node", "estimator_value"]

_REQUESTS: Final = "_metadata_request"
_OUTPUT: Final = "_sklearn_output_config"
_CALLBACKS: Final = "_skl_callbacks"
_KEYS: Final = {"estimator", "params", "state", "requests", "output"}


def estimator_node(encoder: Encoder, estimator: Any, trail: Trail) -> dict[str, Any]:
    """JSON of an estimator whose class is in the table.

    Raises
    ------
    TypeError
        The class is not in the table, or keeps state that cannot be stored.
    """
    name = estimator_name(type(estimator))
    if name is None:
        raise _unknown_class(estimator, trail)
    encoder.n_estimators += 1
    if encoder.n_estimators > MAX_ESTIMATORS:
        raise ValueError(f"One file holds up to {MAX_ESTIMATORS:,} estimators; {trail} is one more")
    params = _storable_params(encoder, estimator, trail)
    with encoder.without_states() if _drops_its_base(estimator) else nullcontext():
        node = {"estimator": name, "params": _encoded(encoder, params, trail)}
    attributes = vars(estimator)
    if not encoder.skips_states:
        node |= _state(encoder, estimator, params, trail)
    if _REQUESTS in attributes:
        node["requests"] = _requests(attributes[_REQUESTS])
    if _OUTPUT in attributes:
        node["output"] = encoder.encode(attributes[_OUTPUT], trail.attribute(_OUTPUT))
    return node


def estimator_value(decoder: Decoder, node: dict[str, Any], trail: Trail) -> Any:
    """Estimator of a node.

    Raises
    ------
    ModelFileError
        The class is unknown, does not take these parameters, or does not fit this state.
    """
    if not {"estimator", "params"} <= set(node) <= _KEYS:
        raise fault(trail, f"an estimator with the keys {sorted(node)!r:.200}")
    cls = resolve_estimator(node["estimator"])
    decoder.estimator_names.append(node["estimator"])
    if len(decoder.estimator_names) > MAX_ESTIMATORS:
        raise fault(trail, f"one more estimator than the {MAX_ESTIMATORS:,} that are allowed")
    params = _decoded(decoder, node, "params", trail)
    try:
        estimator = cls(**params)
    except Exception as error:
        raise _cannot_rebuild(node["estimator"], trail, error) from error
    if "state" in node:
        _restore(decoder, estimator, node, trail)
    if "requests" in node:
        _restore_requests(estimator, node["requests"], trail)
    if "output" in node:
        vars(estimator)[_OUTPUT] = decoder.decode(node["output"], trail.attribute(_OUTPUT))
    return estimator


def is_deep(cls: type) -> bool:
    """Whether a class gives and takes its fitted state itself."""
    return hasattr(cls, "_fitted_state") and hasattr(cls, "_restore_state")


def _drops_its_base(estimator: Any) -> bool:
    """Whether what the estimators among the parameters learned is of no more use.

    A compressor says so in its class. Its file would else carry the network that it made smaller.
    """
    says_so = getattr(type(estimator), "_base_is_dropped", False)
    return says_so and _is_fitted(estimator)


def _dropped_data(encoder: Encoder, estimator: Any) -> tuple[str, ...]:
    """Parameters of a fitted estimator that only its training needs, as its class says.

    Of the base of a fitted compressor too, fitted or not.
    """
    names: tuple[str, ...] = getattr(type(estimator), "_data_is_dropped", ())
    return names if names and (encoder.skips_states or _is_fitted(estimator)) else ()


def _state(
    encoder: Encoder, estimator: Any, params: dict[str, Any], trail: Trail
) -> dict[str, Any]:
    """What fit learned, under the key of a node; nothing where it has not run."""
    if not is_deep(type(estimator)):
        learned = _learned(estimator, params, trail)
        return {"state": _encoded(encoder, learned, trail)} if learned else {}
    if not _is_fitted(estimator):
        return {}
    inside = trail.attribute("_fitted_state()")
    state = encoder.lossy.without_history(estimator._fitted_state())
    return {"state": encoder.encode(state, inside)["dict"]}


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _unknown_class(estimator: Any, trail: Trail) -> TypeError:
    kind = type(estimator)
    known = {item: f"{module}.{item}" for module, items in ESTIMATORS.items() for item in items}
    same = known.get(kind.__name__)
    slip = f" It is not {same} itself." if same else did_you_mean(kind.__name__, known)
    slip = (
        f" Did you mean {trail}.best_estimator_?" if "best_estimator_" in vars(estimator) else slip
    )
    return TypeError(
        f"{trail} is a {kind.__module__}.{kind.__qualname__}, which skdeepopt.save cannot store. "
        f"It stores this package's estimators and scikit-learn's common transformers.{slip}"
    )


def _storable_params(encoder: Encoder, estimator: Any, trail: Trail) -> dict[str, Any]:
    dropped = dict.fromkeys(_dropped_data(encoder, estimator))
    params = {**estimator.get_params(deep=False), **dropped}
    if params.get("callbacks") is not None:
        params["callbacks"] = None
        encoder.left_out.append(f"{trail}.callbacks")
    if vars(estimator).get(_CALLBACKS):
        encoder.left_out.append(f"{trail}.{_CALLBACKS}")
    # What a class came to take later, and what is its default, costs files that lack it nothing.
    unsaid = getattr(type(estimator), "_unsaid_when_none", ())
    return {k: value for k, value in params.items() if k not in unsaid or value is not None}


def _learned(estimator: Any, params: dict[str, Any], trail: Trail) -> dict[str, Any]:
    attributes = vars(estimator)
    state = estimator.__getstate__()
    if not isinstance(state, dict) or state.keys() - {"_sklearn_version"} != attributes.keys():
        raise TypeError(f"{trail} keeps state outside its attributes, which cannot be stored")
    elsewhere = {*params, _REQUESTS, _OUTPUT, _CALLBACKS}
    learned = {name: value for name, value in attributes.items() if name not in elsewhere}
    for name in learned:
        if not _is_settable(type(estimator), name):
            raise TypeError(f"{trail}.{name} hides a name of its class, and cannot be stored")
    return learned


def _is_settable(cls: type, name: str) -> bool:
    return name.isidentifier() and not name.startswith("__") and not hasattr(cls, name)


def _encoded(encoder: Encoder, values: dict[str, Any], trail: Trail) -> dict[str, Any]:
    return {name: encoder.encode(value, trail.attribute(name)) for name, value in values.items()}


def _decoded(decoder: Decoder, node: dict[str, Any], key: str, trail: Trail) -> dict[str, Any]:
    values = node[key]
    if not isinstance(values, dict):
        raise fault(trail, f"{key} that are not a JSON object")
    return {name: decoder.decode(value, trail.attribute(name)) for name, value in values.items()}


def _restore(decoder: Decoder, estimator: Any, node: dict[str, Any], trail: Trail) -> None:
    state = _decoded(decoder, node, "state", trail)
    cls = type(estimator)
    if is_deep(cls):
        try:
            with decoder.allowance:
                estimator._restore_state(state)
        except Exception as error:
            raise _cannot_rebuild(node["estimator"], trail, error) from error
        return
    for attribute in state:
        if not _is_settable(cls, attribute) or attribute in vars(estimator):
            raise fault(trail, f"the attribute {attribute[:80]!r}, which fit does not set")
    vars(estimator).update(state)


def _cannot_rebuild(name: str, trail: Trail, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"does not fit the installed {name}, at {trail} "
        f"({type(error).__name__}: {str(error)[:300]}). Install the versions that read_header shows"
    )


def _requests(request: Any) -> dict[str, dict[str, Any]]:
    from sklearn.utils._metadata_requests import SIMPLE_METHODS

    named = {method: dict(getattr(request, method).requests) for method in SIMPLE_METHODS}
    return {method: asked for method, asked in named.items() if asked}


def _restore_requests(estimator: Any, stored: Any, trail: Trail) -> None:
    from sklearn.utils._metadata_requests import SIMPLE_METHODS

    if not isinstance(stored, dict) or not stored.keys() <= set(SIMPLE_METHODS):
        raise fault(trail, "metadata requests for methods that take none")
    try:
        request = estimator._get_metadata_request()
        for method in SIMPLE_METHODS:
            getattr(request, method).requests.clear()
        for method, asked in stored.items():
            for param, alias in asked.items():
                getattr(request, method).add_request(param=param, alias=alias)
    except (AttributeError, TypeError, ValueError) as error:
        raise fault(trail, f"metadata requests that are none: {error}") from error
    vars(estimator)[_REQUESTS] = request
