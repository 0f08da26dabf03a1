"""The brackets that a search's parameters ask for."""

from __future__ import annotations

from typing import Any

from skdeepopt._validation import check_choice, check_flag, check_integer
from skdeepopt.search._brackets import Bracket, hyperband_brackets

__all__ = ["SAMPLERS", "check_plan", "planned"]

SAMPLERS = ("bayes", "random")

_SPAN = 27
"""Factor between the most and the least resource where neither is said, for what is no epochs."""


def check_plan(search: Any) -> None:
    """Check the parameters that say which brackets there are.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range.
    """
    for name in ("min_resources", "max_resources"):
        if getattr(search, name) != "auto":
            check_integer(search, name)
    check_integer(search, "factor", minimum=2)
    check_integer(search, "n_finalists")
    check_integer(search, "n_rounds")
    if search.n_brackets is not None:
        check_integer(search, "n_brackets")
    check_choice(search, "sampler", SAMPLERS)
    check_flag(search, "asynchronous")


def planned(search: Any, parameter: str, n_train: int) -> tuple[Bracket, ...]:
    """Brackets of all rounds, in the order in which they begin.

    Parameters
    ----------
    search : HyperbandSearchCV
    parameter : str
        That is the resource; "n_samples" for the samples.
    n_train : int
        Samples of the smallest split.

    Raises
    ------
    ValueError
        The least resource is more than the most, or there is no most.
    """
    most = _most(search, parameter, n_train)
    least = search.min_resources
    if least == "auto":
        least = 1 if search.resource == "epochs" else max(1, most // _SPAN)
    if least > most:
        raise ValueError(
            f"{type(search).__name__}.min_resources is at most max_resources, which is {most}, not "
            f"{least}. Did you mean the other way round?"
        )
    brackets = hyperband_brackets(
        int(least), most, int(search.factor), n_finalists=int(search.n_finalists)
    )
    return brackets[: search.n_brackets] * int(search.n_rounds)


def _most(search: Any, parameter: str, n_train: int) -> int:
    owner, most = type(search).__name__, search.max_resources
    if parameter == "n_samples":
        if most != "auto" and most > n_train:
            raise ValueError(
                f"{owner}.max_resources is 'auto' or at most the {n_train} samples of the smallest "
                f"training split, not {most}. Did you mean 'auto'?"
            )
        return n_train if most == "auto" else int(most)
    if most != "auto":
        return int(most)
    own = search.estimator.get_params()[parameter]
    if type(own) is not int or own < 1:
        raise ValueError(
            f"{owner}.max_resources is an integer where the estimator's own {parameter} is none, "
            f"and that is {own!r}. Did you mean max_resources={_SPAN}?"
        )
    return own
