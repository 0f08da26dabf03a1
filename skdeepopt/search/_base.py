"""What the searches here have in common: trials on fixed splits, a journal, and an end."""

from __future__ import annotations

import time
import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _check_method_params, check_is_fitted

from skdeepopt._validation import check_integer, check_real
from skdeepopt.estimators._keeping import attributes_kept_on_failure
from skdeepopt.journal._identity import described
from skdeepopt.journal._kept import kept_seed, kept_splits, opened_journal
from skdeepopt.search._clock import SearchClock
from skdeepopt.search._evaluation import Evaluator
from skdeepopt.search._pareto import pareto_rows
from skdeepopt.search._progress import Progress, callbacks_of, print_progress
from skdeepopt.search._split import SplitData, with_parameters
from skdeepopt.search._tables import (
    SINGLE,
    check_some_succeeded,
    cv_results_of,
    failures_of,
    reasons_told,
    rows_of,
)
from skdeepopt.search._trial import TrialResult

__all__ = ["JournaledSearch"]

_NO_IDENTITY = {
    *("n_jobs", "pre_dispatch", "verbose", "timeout", "time_budget", "n_iter_no_change"),
    *("callbacks", "journal", "error_score", "refit", "iid"),
}
"""Parameters that may change between an interrupted search and its continuation."""

_OF_A_REFIT = (
    *("best_index_", "best_params_", "best_score_", "best_estimator_", "refit_time_"),
    "feature_names_in_",
)
"""Attributes that tell of the best candidate; a new search takes those of an earlier one away."""


class JournaledSearch(BaseSearchCV):
    """Search over candidates on fixed splits, that outlives failures and interruptions.

    A subclass says in :meth:`_search` which candidates there are.

    Parameters
    ----------
    estimator : estimator
        A clone is fitted for each candidate and split. Where it, or an estimator inside it, has no
        random state, it gets the search's.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn's searches.
    n_jobs : int or None, default=None
        Workers of joblib's active backend. The candidates do not depend on it.
    refit : bool, str or callable, default=True
        As in scikit-learn's searches. With several metrics, a name says which metric guides the
        search; with a callable or False, the search explores their Pareto front.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn's searches. The splits are drawn once.
    verbose : int, default=0
        Above 0, a line is printed for each candidate.
    pre_dispatch : int or str, default="2*n_jobs"
        Tasks handed to the workers ahead.
    error_score : "raise" or float, default=nan
        Stands for the scores of a candidate that fails, which is ranked last. "raise" ends the
        search with the candidate's own exception.
    return_train_score : bool, default=False
        Score the training rows too.
    random_state : int, RandomState or None, default=None
        None draws a seed, which the journal keeps.
    timeout : float or None, default=None
        Seconds for a candidate on a split, after which it is killed and has failed.
    time_budget : float or None, default=None
        Seconds for the search, those before an interruption included. Then no trial begins; those
        under way end, and the refit follows. One candidate is always tried.
    callbacks : callable, list of callable or None, default=None
        Called with a :class:`SearchProgress` after each candidate; True ends the search.
    journal : path or None, default=None
        Folder that keeps what has finished. A search that finds its own journal goes on from it.
    n_iter_no_change : int or None, default=None
        Ends the search after so many candidates without a better one.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        timeout: float | None = None,
        time_budget: float | None = None,
        callbacks: Any = None,
        journal: Any = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state
        self.timeout = timeout
        self.time_budget = time_budget
        self.callbacks = callbacks
        self.journal = journal
        self.n_iter_no_change = n_iter_no_change

    # scikit-learn lists the names of the scorers that it knew when it was imported.
    _parameter_constraints = {
        **BaseSearchCV._parameter_constraints,
        "scoring": [str, callable, list, tuple, dict, None],
    }

    # scikit-optimize's, next in line for one of the subclasses, refuses a callable and False.
    _check_refit_for_multimetric = BaseSearchCV._check_refit_for_multimetric

    def fit(self, X: Any, y: Any = None, *, groups: Any = None, **params: Any) -> JournaledSearch:
        """Search, and refit the best candidate on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
        groups : array-like of shape (n_samples,) or None, default=None
            For the splitter.
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
        self._check_parameters()
        given = params if groups is None else {**params, "groups": groups}
        was_fitted = hasattr(self, "cv_results_")
        with attributes_kept_on_failure(self):
            X, y, routed = self._routed(X, y, given)
            self._find(X, y, routed)
            if was_fitted:
                self._settle(X, y, routed)
        if not was_fitted:  # what was found stays where only the refit fails
            self._settle(X, y, routed)
        return self

    @property
    def pareto_front_(self) -> Any:
        """Candidates that no other one beats in every metric, of those that compare.

        Returns
        -------
        front : pandas DataFrame
            A row for each, the best by the first metric first; its index is that of
            ``cv_results_``. Columns of the parameters, then the mean of each metric under its name.

        Raises
        ------
        AttributeError
            There is one metric only.
        """
        import pandas as pd

        check_is_fitted(self, "cv_results_")
        if not self.multimetric_:
            raise AttributeError(
                f"{type(self).__name__}.pareto_front_ is that of several metrics, and scoring="
                f"{self.scoring!r} is one. Did you mean scoring=['accuracy', 'neg_model_bytes']?"
            )
        names = list(self._score_names)
        rows = self._comparable(self.cv_results_)
        rows = rows[pareto_rows(rows_of(self.cv_results_, rows), names)]
        params = pd.DataFrame([self.cv_results_["params"][row] for row in rows], index=rows)
        for name in names:
            params[name] = self.cv_results_[f"mean_test_{name}"][rows]
        return params

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Score of the best estimator, by the metric that guided the search.

        Parameters
        ----------
        X, y : array-like
        **params : dict of str to object
            For the scorer, with metadata routing enabled.

        Returns
        -------
        score : float
            By the first metric, where there are several and `refit` names none.
        """
        if not (getattr(self, "multimetric_", False) and callable(self.refit)):
            return float(super().score(X, y, **params))
        check_is_fitted(self)
        routed = process_routing(self, "score", **params).scorer["score"] if params else {}
        name = self._score_names[0]
        if isinstance(self.scorer_, dict):
            return float(self.scorer_[name](self.best_estimator_, X, y, **routed))
        return float(self.scorer_(self.best_estimator_, X, y, **routed)[name])

    @abstractmethod
    def _search(self, evaluator: Evaluator) -> None:
        """Evaluate trials, note each result, and end when :meth:`_note` says so."""

    def _note(self, result: TrialResult) -> bool:
        """Take a result in, and tell the callbacks; True when the search is over."""
        if not self._progress.results and result.test_scores:
            self._check_names(tuple(result.test_scores))
        return self._progress.note(result)

    @property
    def _is_over(self) -> bool:
        """Whether no further trial may begin."""
        return self._progress.is_over

    def _check_parameters(self) -> None:
        """Check what can be checked without the data."""
        self._validate_params()
        for name in ("timeout", "time_budget"):
            if getattr(self, name) is not None:
                check_real(self, name, inclusive=False)
        if self.n_iter_no_change is not None:
            check_integer(self, "n_iter_no_change")
        callbacks_of(f"{type(self).__name__}.callbacks", self.callbacks)

    def _identity(self) -> dict[str, Any]:
        """What makes this search unlike others, but for the data."""
        import skdeepopt

        params = self.get_params(deep=False)
        kept = {name: value for name, value in params.items() if name not in _NO_IDENTITY}
        kept["guide"] = self.refit if isinstance(self.refit, str) else None
        told = {"search": type(self).__name__, "version": skdeepopt.__version__}
        return {**told, **described(kept)}

    def _comparable(self, cv_results: dict[str, Any]) -> np.ndarray:
        """Rows of the candidates whose scores say which of them is better."""
        return np.arange(len(cv_results["params"]))

    def _choose(self, cv_results: dict[str, Any]) -> int:
        """Row of the best candidate."""
        metric = self.refit if self.multimetric_ else "score"
        return int(self._select_best_index(self.refit, metric, cv_results))

    @property
    def _patience(self) -> int | None:
        """Results without a better one that end the search."""
        return self.n_iter_no_change

    def _refit_parameters(self) -> dict[str, Any]:
        """Parameters of the estimator that is fitted on all rows."""
        return self.best_params_

    def _fitted_best(self, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
        """The best candidate, fitted on all rows."""
        targets = () if y is None else (y,)
        best = with_parameters(self.estimator, self._refit_parameters(), self._seed)
        return best.fit(X, *targets, **fit_params)

    def _routed(self, X: Any, y: Any, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Data, and which of the other parameters go where."""
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        return X, y, self._get_routed_params_for_fit(params)

    def _find(self, X: Any, y: Any, routed: Any) -> None:
        """Run the search, and learn what it found."""
        scorer, _ = self._get_scorers()
        clock = SearchClock()
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        guide = self.refit if isinstance(self.refit, str) else None
        with opened_journal(self, X, y, cv, routed) as journal:
            seed = self._seed = kept_seed(self, journal)
            common = SplitData(
                splits=kept_splits(self, journal, cv, X, y, routed.splitter.split, seed),
                scorer=scorer,
                fit_params=routed.estimator.fit,
                score_params=routed.scorer.score,
                with_train_scores=self.return_train_score,
                passes_errors=isinstance(self.error_score, str),
                seed=seed,
            )
            evaluator = Evaluator(
                *(self.estimator, X, y, common),
                journal=journal,
                clock=clock,
                guide=guide,
                score_names=self._names_of(scorer),
                n_jobs=self.n_jobs,
                pre_dispatch=self.pre_dispatch,
                timeout=self.timeout,
            )
            self._run(evaluator, self._new_progress(clock, guide))
        self.search_time_ = clock.seconds()
        self.scorer_ = getattr(scorer, "_scorers", scorer)

    def _run(self, evaluator: Evaluator, progress: Progress) -> None:
        """Search until the end, or an interrupt, and learn the results."""
        self._progress = progress
        try:
            with evaluator:
                self._search(evaluator)
        except KeyboardInterrupt:
            found = any(result.failure is None for result in progress.results)
            if found and not hasattr(self, "cv_results_"):
                self._learn(evaluator)
            raise
        else:
            self._learn(evaluator)
        finally:
            del self._progress

    def _learn(self, evaluator: Evaluator) -> None:
        """Fitted attributes of the search, in place of those of an earlier one."""
        results, names = self._progress.results, evaluator.score_names
        owner = type(self).__name__
        check_some_succeeded(owner, results, names, kept=self.journal)
        error_score = np.nan if isinstance(self.error_score, str) else float(self.error_score)
        table = cv_results_of(self, results, names, error_score)
        for name in _OF_A_REFIT:
            self.__dict__.pop(name, None)
        self.cv_results_ = table
        self.failures_ = failures_of(results)
        self.n_splits_ = evaluator.n_splits
        self.multimetric_ = names != SINGLE
        self._score_names = names
        if self.failures_:
            told = reasons_told(self.failures_)
            warnings.warn(
                f"{owner}: {len(self.failures_)} of {len(results)} candidates failed, and are "
                f"ranked last: {told}. See failures_.",
                FitFailedWarning,
                stacklevel=2,
            )

    def _settle(self, X: Any, y: Any, routed: Any) -> None:
        """Choose the best candidate, and fit it on all rows."""
        if self.refit or not self.multimetric_:
            self.best_index_ = self._choose(self.cv_results_)
            self.best_params_ = self.cv_results_["params"][self.best_index_]
            if not callable(self.refit):
                metric = self.refit if self.multimetric_ else "score"
                self.best_score_ = self.cv_results_[f"mean_test_{metric}"][self.best_index_]
        if self.refit:
            begun = time.perf_counter()
            self.best_estimator_ = self._fitted_best(X, y, routed.estimator.fit)
            self.refit_time_ = time.perf_counter() - begun
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _names_of(self, scorer: Any) -> tuple[str, ...]:
        """The metrics, where they are known before the first score."""
        if hasattr(scorer, "_scorers"):
            return tuple(scorer._scorers)
        return () if callable(self.scoring) and not hasattr(scorer, "_score_func") else SINGLE

    def _check_names(self, names: tuple[str, ...]) -> None:
        """Check `refit` against the metrics, which a callable `scoring` tells only now."""
        if callable(self.scoring) and names != SINGLE:
            self._check_refit_for_multimetric(names)

    def _new_progress(self, clock: SearchClock, guide: str | None) -> Progress:
        callbacks = callbacks_of(f"{type(self).__name__}.callbacks", self.callbacks)
        return Progress(
            clock,
            guide,
            [*([print_progress] if self.verbose else []), *callbacks],
            time_budget=self.time_budget,
            n_iter_no_change=self._patience,
        )
