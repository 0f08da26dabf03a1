"""Bayesian optimization over parameters, cross-validated, that outlives failing candidates."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import skopt
from scipy.stats import rankdata
from skopt.callbacks import check_callback
from skopt.utils import eval_callbacks

from skdeepopt._validation import check_integer
from skdeepopt.search._base import JournaledSearch
from skdeepopt.search._costs import costs_of
from skdeepopt.search._evaluation import Evaluator, Trial, TrialResult
from skdeepopt.search._optimizers import initial_points, new_optimizer, plain
from skdeepopt.search._trial import guiding_metrics
from skdeepopt.space._check import check_space
from skdeepopt.space._dimensions import as_dimensions, labelled

__all__ = ["BayesSearchCV"]


class BayesSearchCV(JournaledSearch, skopt.BayesSearchCV):
    """scikit-optimize's search, that a failing candidate, a kill or a full disk does not undo.

    Takes what ``skopt.BayesSearchCV`` takes, and is one. Beyond it:

    - A candidate that raises, diverges, hangs beyond `timeout` or takes its process down costs that
      candidate only. It has a reason in ``cv_results_["failure"]`` and ``failures_``, and counts as
      the worst seen, so that the model avoids its surroundings.
    - Tuples, lists, arrays, estimators, None, and mixtures of them are categories.
    - With several metrics and a callable `refit`, or False, candidates are sought along the whole
      Pareto front.
    - Metadata routing, a `journal`, a `time_budget` and `callbacks`.
    - The default model takes hundredths of a second for a suggestion.

    Parameters
    ----------
    estimator : estimator
        A clone is fitted for each candidate and split. Where it, or an estimator inside it, has no
        random state, it gets the search's.
    search_spaces : dict, list of dict, or list of (dict, int)
        Choices for each parameter: a tuple (low, high[, prior[, base]]) is a range, a list holds
        categories; dimensions of skopt and distributions of scipy serve too. Of several spaces,
        each gets `n_iter` candidates, or as many as stand beside it.
    optimizer_kwargs : dict or None, default=None
        For ``skopt.Optimizer``. With one that chooses the model or the acquisition, such as
        ``base_estimator`` or ``acq_func``, it is skopt's own that suggests. By default 10
        candidates are drawn at random first, but no more than half of `n_iter`;
        ``n_initial_points`` is taken as it is.
    n_iter : int, default=50
        Candidates. A space that holds fewer is tried as a whole.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn's searches.
    fit_params : dict or None, default=None
        For ``fit`` of the estimator, beside those given to :meth:`fit`.
    n_jobs : int or None, default=None
        Workers of joblib's active backend; there is work for ``n_points`` times the splits. None
        is as many as ``joblib.parallel_config`` says, and one outside of it. Candidates do not
        depend on it.
    n_points : int, default=1
        Candidates suggested at a time.
    iid : object, default="deprecated"
        Not used, as in skopt.
    refit : bool, str or callable, default=True
        With several metrics, a name says which one guides the search. A callable, such as
        ``smallest_within(0.005)``, takes ``cv_results_`` and gives the row of the best.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn's searches: None is 5 folds. The splits are drawn once.
    verbose : int, default=0
        Above 0, a line is printed for each candidate.
    pre_dispatch : int or str, default="2*n_jobs"
        Tasks handed to the workers ahead.
    random_state : int, RandomState or None, default=None
        An integer gives the same candidates on any number of workers. None draws a seed, which
        the journal keeps.
    error_score : "raise" or float, default=nan
        Stands for the scores of a candidate that fails, which is ranked last. "raise", skopt's
        default, ends the search with the candidate's own exception.
    return_train_score : bool, default=False
        Score the training rows too.
    timeout : float or None, default=None
        Seconds for a candidate on a split, after which it is killed and has failed.
    time_budget : float or None, default=None
        Seconds for the search, those before an interruption included. Then no candidate begins;
        those under way end, and the refit follows. One candidate is always tried.
    callbacks : callable, list of callable or None, default=None
        Called with a ``SearchProgress`` (number, parameters, scores, failure, best_parameters,
        best_score, seconds, ...) after each candidate; True ends the search.
    journal : path or None, default=None
        Folder that keeps what has finished. A search that finds its own journal goes on from it,
        to the candidates of one that was never interrupted; n_iter may have grown.
    n_iter_no_change : int or None, default=None
        Ends the search after so many candidates without a better one; with several metrics,
        without one that joins their front.

    Attributes
    ----------
    cv_results_ : dict of str to array of shape (n_candidates,)
        scikit-learn's columns, and ``"failure"``: the reason, or "".
    best_index_, best_params_, best_score_, best_estimator_, refit_time_, scorer_, n_splits_, \
multimetric_
        As in scikit-learn's searches.
    failures_ : list of (dict, str)
        Parameters and reason of each candidate that failed.
    pareto_front_ : pandas DataFrame
        With several metrics: the candidates that no other beats in all of them.
    search_time_ : float
        Seconds, without the refit, with those before an interruption.
    optimizers_ : list of skopt Optimizer
        One for each space.
    optimizer_results_ : list of OptimizeResult
        One for each space, with costs (negative scores). Categories that skopt cannot encode
        stand there as strings.

    References
    ----------
    Snoek, Larochelle & Adams (2012), "Practical Bayesian Optimization of Machine Learning
    Algorithms", arXiv:1206.2944.
    Knowles (2006), "ParEGO", IEEE Transactions on Evolutionary Computation 10(1).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> space = {"hidden_layer_sizes": [(8,), (16, 8)], "alpha": (1e-5, 1.0, "log-uniform")}
    >>> network = MLPClassifier(solver="lbfgs", max_iter=20, tol=1.0)
    >>> search = BayesSearchCV(network, space, n_iter=4, cv=2, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> search.best_params_["hidden_layer_sizes"] in space["hidden_layer_sizes"]
    True
    """

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        n_iter: int = 50,
        scoring: Any = None,
        fit_params: Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
        n_points: int = 1,
        iid: Any = "deprecated",
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        *,
        timeout: float | None = None,
        time_budget: float | None = None,
        callbacks: Any = None,
        journal: str | os.PathLike[str] | None = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            timeout=timeout,
            time_budget=time_budget,
            callbacks=callbacks,
            journal=journal,
            n_iter_no_change=n_iter_no_change,
        )
        self.search_spaces = search_spaces
        self.optimizer_kwargs = optimizer_kwargs
        self.n_iter = n_iter
        self.fit_params = fit_params
        self.n_points = n_points
        self.iid = iid

    @property
    def total_iterations(self) -> int:
        """Candidates in all spaces."""
        return sum(n_iter for _, n_iter in self._parts())

    def fit(
        self, X: Any, y: Any = None, *, groups: Any = None, callback: Any = None, **params: Any
    ) -> BayesSearchCV:
        """Search, and refit the best candidate on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
        groups : array-like of shape (n_samples,) or None, default=None
            For the splitter.
        callback : callable, list of callable or None, default=None
            skopt's: called with the space's OptimizeResult after each batch; what is true ends the
            search of that space.
        **params : dict of str to object
            For ``fit`` of the estimator, such as ``sample_weight``, cut to the rows of each split.
            With metadata routing enabled, for whoever has requested them.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            A parameter, the space or the data are wrong; the journal is damaged or another
            search's; every candidate has failed, or a metric is NaN for all of them.
        Exception
            What a callback, or a callable `refit`, raises. The journal stays.
        """
        self._callbacks = check_callback(callback)
        try:
            super().fit(X, y, groups=groups, **{**(self.fit_params or {}), **params})
        finally:
            del self._callbacks
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_integer(self, "n_iter")
        check_integer(self, "n_points")
        if not isinstance(self.optimizer_kwargs, (Mapping, type(None))):
            raise TypeError(
                f"BayesSearchCV.optimizer_kwargs is a dict, not {self.optimizer_kwargs!r}."
            )
        check_space(self, self.estimator, self.search_spaces)
        for _, n_iter in self._parts():
            check_integer(self, "search_spaces", value=n_iter)
        if self.iid != "deprecated":
            warnings.warn("BayesSearchCV.iid is not used.", FutureWarning, stacklevel=3)

    def _parts(self) -> list[tuple[Mapping[str, Any], int]]:
        """Each space, and how many candidates it gets."""
        spaces = self.search_spaces
        listed = [spaces] if isinstance(spaces, Mapping) else list(spaces)
        return [part if isinstance(part, tuple) else (part, self.n_iter) for part in listed]

    def _identity(self) -> dict[str, Any]:
        told = super()._identity()
        if len(self._parts()) == 1:
            # A search may grow: but for the initial points, none depends on how many will come.
            told["n_initial_points"] = initial_points(self.optimizer_kwargs or {}, self.n_iter)
            del told["n_iter"]
        return told

    def _learn(self, evaluator: Evaluator) -> None:
        super()._learn(evaluator)
        if self.return_train_score:  # as skopt does it, unlike scikit-learn
            for name in evaluator.score_names:
                means = np.nan_to_num(self.cv_results_[f"mean_train_{name}"], nan=-np.inf)
                self.cv_results_[f"rank_train_{name}"] = rankdata(-means, "min").astype(int)

    def _search(self, evaluator: Evaluator) -> None:
        generator = np.random.RandomState(self._seed)
        self.optimizer_kwargs_ = dict(self.optimizer_kwargs or {})
        self.optimizers_: list[skopt.Optimizer] = []
        self._optim_results: list[Any] = []
        for space, n_iter in self._parts():
            if not (n_iter and not self._is_over):
                continue
            pairs = {name: labelled(d) for name, d in as_dimensions(space).items()}
            optimizer = new_optimizer(
                [dimension for dimension, _ in pairs.values()],
                self.optimizer_kwargs_,
                n_iter=n_iter,
                random_state=generator,
            )
            self.optimizers_.append(optimizer)
            values = {name: meant for name, (_, meant) in pairs.items()}
            self._explore(evaluator, optimizer, values, self._affordable(optimizer, n_iter))
            if optimizer.Xi:
                self._optim_results.append(optimizer.get_result())

    def _affordable(self, optimizer: skopt.Optimizer, n_iter: int) -> int:
        """How many candidates of a space there are to try."""
        n_candidates = getattr(optimizer, "n_candidates", n_iter)
        if n_candidates >= n_iter:
            return n_iter
        warnings.warn(
            f"BayesSearchCV.n_iter={n_iter} candidates are more than the {n_candidates} that the "
            f"space holds; each is tried once.",
            UserWarning,
            stacklevel=6,
        )
        return int(n_candidates)

    def _explore(
        self,
        evaluator: Evaluator,
        optimizer: skopt.Optimizer,
        values: Mapping[str, Mapping[Any, Any]],
        n_iter: int,
    ) -> None:
        """Try candidates of one space, a batch at a time."""
        results: list[TrialResult] = []
        while len(results) < n_iter:
            points = optimizer.ask(min(self.n_points, n_iter - len(results)))
            first = len(self._progress.results)
            trials = [
                Trial(first + at, _parameters(point, values)) for at, point in enumerate(points)
            ]
            n_before = len(results)
            for result in evaluator.in_order(self._while_going(trials)):
                results.append(result)
                self._note(result)
            if len(results) == n_before:  # the time ran out before the first of them began
                return
            self._tell(optimizer, points, results, n_before, evaluator.score_names)
            if eval_callbacks(self._callbacks, optimizer.get_result()) or self._is_over:
                return

    def _tell(
        self,
        optimizer: skopt.Optimizer,
        points: list[list[Any]],
        results: list[TrialResult],
        n_before: int,
        names: Sequence[str],
    ) -> None:
        """Tell an optimizer of what is new, and what that changes about the rest."""
        guide = self.refit if isinstance(self.refit, str) else None
        costs = costs_of(results, guiding_metrics(guide, names), optimizer.rng)
        optimizer.tell(points[: len(results) - n_before], costs[n_before:])
        optimizer.yi[:] = costs

    def _while_going(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        for trial in trials:
            if self._is_over:
                return
            yield trial


def _parameters(point: Sequence[Any], values: Mapping[str, Mapping[Any, Any]]) -> dict[str, Any]:
    """What a point stands for, as plain Python objects."""
    return {
        name: meant[held] if meant else held
        for (name, meant), held in zip(values.items(), plain(point), strict=True)
    }
