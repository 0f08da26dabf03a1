"""Search that trains many candidates a little and few of them on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from skdeepopt.search._base import JournaledSearch
from skdeepopt.search._brackets import Bracket
from skdeepopt.search._climb import run_at_once
from skdeepopt.search._contest import Candidate, Contest, run_together
from skdeepopt.search._evaluation import Evaluator
from skdeepopt.search._highest import highest_results, highest_rows, rank_by_resource
from skdeepopt.search._plan import check_plan, planned
from skdeepopt.search._progress import Progress
from skdeepopt.search._resource import EpochFit, check_resource, fit_for
from skdeepopt.search._split import FitTrial
from skdeepopt.search._suggestions import Suggestions
from skdeepopt.search._tables import rows_of
from skdeepopt.search._trial import Trial, TrialResult
from skdeepopt.space._check import check_space
from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._dimensions import as_dimensions
from skdeepopt.space._present import present_parameters

__all__ = ["HyperbandSearchCV"]


class HyperbandSearchCV(JournaledSearch):
    """Search that trains many candidates a little, and the best of them on from their weights.

    Parameters
    ----------
    estimator : estimator
        A clone is fitted for each candidate and split. Where it, or an estimator inside it, has no
        random state, it gets the search's.
    param_distributions : dict of str to choices
        A tuple (low, high[, prior]) is a range, a list holds choices; dimensions of scikit-optimize
        and distributions of scipy are taken as they are. See :func:`search_space`.
    resource : str, default="epochs"
        What is rationed. "epochs" takes a deep estimator, in wrappers or as the last step of a
        pipeline: a candidate that is promoted trains on. "n_samples", and any integer parameter of
        the estimator such as "n_estimators", fit anew in each rung.
    min_resources : int or "auto", default="auto"
        Of a bracket's first rung. "auto" is 1 epoch, else a 27th of `max_resources`.
    max_resources : int or "auto", default="auto"
        Of the last rung, and of the refit. "auto" is the estimator's own value, and all samples of
        the smallest training split.
    factor : int, default=3
        One in so many candidates is promoted, to so many times the resource.
    n_brackets : int or None, default=None
        Brackets in a round; None is all. The first one begins with the least resource, and each
        further one with more. Where a short training tells much of a long one, as it mostly does
        for networks, several rounds of the first bracket alone find more for the same cost.
    n_finalists : int, default=2
        Candidates of each bracket that train to the end, at least. Hyperband's own number is 1;
        but who is best among the last few, chance says as much as merit. An asynchronous search
        promotes by `factor` alone.
    n_rounds : int, default=1
        How often all brackets run.
    sampler : {"bayes", "random"}, default="bayes"
        "bayes" begins with the estimator's own parameters, as far as the space holds them; None
        and "auto" of a deep estimator count as what they stand for. Three of four of the next
        candidates are near them, but for axes on which they are the least that the space allows,
        and the others anywhere; then it draws four of five candidates where a Gaussian process,
        fitted to the results of all rungs, expects the most improvement. "random" draws all at
        random.
    asynchronous : bool, default=False
        Promote whoever is among the best so far when a worker is free, rather than wait for the
        whole rung. No worker idles, but with several of them the result depends on who is first.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn's searches. Of several metrics, the one that `refit` names decides who
        is promoted, else the first.
    n_jobs : int or None, default=None
        Workers of joblib's active backend.
    refit : bool, str or callable, default=True
        As in scikit-learn's searches; the best parameters are fitted to all rows with
        `max_resources`. A callable is handed the rows of ``cv_results_`` that reached the highest
        resource.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn's searches. The splits are drawn once, so that a network that trains on
        never sees a row that it is scored on.
    verbose : int, default=0
        Above 0, a line is printed for each candidate and rung.
    random_state : int, RandomState or None, default=None
        None draws a seed, which the journal keeps.
    error_score : "raise" or float, default=nan
        Stands for the scores of a candidate that fails, which is never promoted. "raise" ends the
        search with the candidate's own exception.
    return_train_score : bool, default=False
        Score the training rows too.
    timeout : float or None, default=None
        Seconds for a rung of a candidate on a split, after which it is killed and has failed.
    time_budget : float or None, default=None
        Seconds for the search, those before an interruption included. Then nothing more begins.
    callbacks : callable, list of callable or None, default=None
        Called with a :class:`SearchProgress` after each candidate and rung; True ends the search.
    journal : path or None, default=None
        Folder that keeps what has finished, and the weights of those that may train on. A search
        that finds its own journal goes on from it. Nothing in it is run: it holds no pickle.
    n_iter_no_change : int or None, default=None
        Candidates without a better score after which no further bracket begins; no further
        candidate, where the search is asynchronous.

    Attributes
    ----------
    cv_results_ : dict of str to array
        scikit-learn's columns, a row for each candidate as it was at its highest rung, and
        "resource", "bracket" (position in `brackets_`), "rung" and "failure" (the reason, or "").
        Whoever reached a higher resource is ranked higher.
    best_index_, best_params_, best_score_, best_estimator_, refit_time_, scorer_, multimetric_, \
n_splits_
        As in scikit-learn's searches; the best of those that reached the highest resource. The
        parameters do not hold the resource.
    n_resources_used_ : int
        Epochs (or samples, or whatever the resource is) over all candidates, rungs and splits,
        without the refit. What a wrapper's own fine-tuning takes is not counted.
    min_resources_, max_resources_ : int
        As used.
    brackets_ : list of dict
        ``"n_candidates"`` and ``"resources"``, a list each with an entry for each rung, of all
        brackets in the order in which they begin.
    failures_ : list of (params, reason)
        Candidates that failed.
    pareto_front_ : pandas DataFrame
        With several metrics: the candidates at the highest resource that no other one there beats
        in all of them.

    Raises
    ------
    ValueError
        A parameter, the space or the data are wrong; the journal is damaged or another search's;
        every candidate has failed.

    Notes
    -----
    Every rung trains over a whole schedule of the learning rate, from half of the candidate's peak
    in later ones, so that scores compare within a rung. Whoever a rung leaves behind competes again
    when another bracket comes to the same rung. Estimators that ``skdeepopt.save`` cannot store
    begin anew in each rung.

    References
    ----------
    Li et al. (2017), arXiv:1603.06560: brackets of successive halving.
    Li et al. (2020), arXiv:1810.05934: the asynchronous rule.
    Falkner, Klein & Hutter (2018), arXiv:1807.01774: candidates from a model of the results.
    Mallik et al. (2023), arXiv:2306.12370: candidates near what is believed to be good.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import CNNClassifier, HyperbandSearchCV
    >>> X, y = load_digits(return_X_y=True)
    >>> space = {"lr": (1e-3, 1e-1, "log-uniform"), "dropout": (0.0, 0.5)}
    >>> model = CNNClassifier(architecture="mlp", max_epochs=4)
    >>> search = HyperbandSearchCV(model, space, factor=2, cv=2, random_state=0)
    >>> search = search.fit(X[:300], y[:300])
    >>> search.brackets_[0]
    {'n_candidates': [4, 2, 2], 'resources': [1, 2, 4]}
    >>> search.n_resources_used_, sorted(search.best_params_)
    (64, ['dropout', 'lr'])
    """

    pre_dispatch = "n_jobs"
    """A task read ahead would be chosen without the results that come meanwhile."""

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        resource: str = "epochs",
        min_resources: int | str = "auto",
        max_resources: int | str = "auto",
        factor: int = 3,
        n_brackets: int | None = None,
        n_finalists: int = 2,
        n_rounds: int = 1,
        sampler: str = "bayes",
        asynchronous: bool = False,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        timeout: float | None = None,
        time_budget: float | None = None,
        callbacks: Any = None,
        journal: Any = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.factor = factor
        self.n_brackets = n_brackets
        self.n_finalists = n_finalists
        self.n_rounds = n_rounds
        self.sampler = sampler
        self.asynchronous = asynchronous
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.random_state = random_state
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.timeout = timeout
        self.time_budget = time_budget
        self.callbacks = callbacks
        self.journal = journal
        self.n_iter_no_change = n_iter_no_change

    def _check_parameters(self) -> None:
        super()._check_parameters()
        owner = type(self).__name__
        check_plan(self)
        if not isinstance(self.param_distributions, Mapping):
            raise TypeError(
                f"{owner}.param_distributions is a dict of parameter names to choices, not "
                f"{self.param_distributions!r}."
            )
        check_space(self, self.estimator, self.param_distributions)
        parameter = check_resource(owner, self.estimator, self.resource)
        if parameter in self.param_distributions:
            raise ValueError(
                f"{owner}.param_distributions leaves {parameter!r} out, since that is the resource."
            )

    def _identity(self) -> dict[str, Any]:
        # More rounds begin as fewer do, so that a finished search can go on.
        return {name: value for name, value in super()._identity().items() if name != "n_rounds"}

    @property
    def _patience(self) -> int | None:
        # A rung's first results are no better than the last rung's: brackets are what counts here.
        return None

    def _search(self, evaluator: Evaluator) -> None:
        owner = type(self).__name__
        parameter = check_resource(owner, self.estimator, self.resource)
        brackets = planned(self, parameter, evaluator.n_train)
        self.min_resources_ = min(bracket.resources[0] for bracket in brackets)
        self.max_resources_ = brackets[0].resources[-1]
        self.brackets_ = [bracket.to_plain() for bracket in brackets]
        fit = fit_for(self.resource, parameter, self.max_resources_, self._seed)
        self._contest = self._new_contest(evaluator, brackets, fit)
        if self.asynchronous:
            run = partial(evaluator.run, fit=fit)
            run_at_once(self._contest, run, evaluator.journal, int(self.factor))
        else:
            in_order = partial(evaluator.in_order, fit=fit)
            run_together(self._contest, in_order, lambda left: evaluator.forget(_last(left)))

    def _new_contest(
        self, evaluator: Evaluator, brackets: tuple[Bracket, ...], fit: FitTrial
    ) -> Contest:
        coordinates = Coordinates(as_dimensions(self.param_distributions))
        return Contest(
            brackets=brackets,
            coordinates=coordinates,
            suggestions=Suggestions(
                coordinates,
                seed=self._seed,
                max_resources=self.max_resources_,
                is_informed=self.sampler == "bayes",
                first=present_parameters(self.estimator, coordinates, evaluator.n_train),
            ),
            judged=lambda result: result.mean(self._guide(evaluator)),
            note=self._note,
            is_over=lambda: self._is_over,
            continues=_Continuing(evaluator, isinstance(fit, EpochFit)),
            patience=self.n_iter_no_change,
        )

    def _guide(self, evaluator: Evaluator) -> str:
        """Metric that decides who is promoted."""
        names = evaluator.score_names
        named = isinstance(self.refit, str) and self.refit in names
        return self.refit if named else (*names, "score")[0]

    def _run(self, evaluator: Evaluator, progress: Progress) -> None:
        try:
            super()._run(evaluator, progress)
        finally:
            self.__dict__.pop("_contest", None)

    def _learn(self, evaluator: Evaluator) -> None:
        everything, contest = self._progress.results, self._contest
        self._progress.results = found = highest_results(everything)
        super()._learn(evaluator)
        owners = [contest.candidates[result.trial.number] for result in found]
        begun = [contest.brackets[owner.bracket].resources for owner in owners]
        rungs = [r.index(f.trial.resource) for r, f in zip(begun, found, strict=True)]
        self.cv_results_["bracket"] = np.array([owner.bracket for owner in owners])
        self.cv_results_["rung"] = np.array(rungs)
        rank_by_resource(self.cv_results_, self._score_names)
        self.n_resources_used_ = sum(_used(result) for result in everything)

    def _comparable(self, cv_results: dict[str, Any]) -> np.ndarray:
        # A short training's score is none of the long one's.
        return highest_rows(cv_results)

    def _choose(self, cv_results: dict[str, Any]) -> int:
        rows = self._comparable(cv_results)
        return int(rows[super()._choose(rows_of(cv_results, rows))])

    def _refit_parameters(self) -> dict[str, Any]:
        parameter = check_resource(type(self).__name__, self.estimator, self.resource)
        most = {} if parameter == "n_samples" else {parameter: self.max_resources_}
        return {**super()._refit_parameters(), **most}


class _Continuing:
    """Whether candidates have kept what it takes to go on, found out from the first that could."""

    def __init__(self, evaluator: Evaluator, may: bool) -> None:
        self._evaluator = evaluator
        self._answer: bool | None = None if may else False

    def __call__(self, candidate: Candidate) -> bool:
        if self._answer is None:
            self._answer = self._found_out(candidate)
        return self._answer

    def _found_out(self, candidate: Candidate) -> bool:
        # Kept, since the weights are dropped when they have been trained on.
        journal = self._evaluator.journal
        kept = journal.find("continues")
        if kept is None:
            kept = {"continues": journal.get(f"{_last(candidate).key}/0") is not None}
            journal.add("continues", kept)
        return bool(kept["continues"])


def _last(candidate: Candidate) -> Trial:
    """Trial that has brought a candidate where it is."""
    return Trial(candidate.number, {}, candidate.resource)


def _used(result: TrialResult) -> int:
    """Resource of a result on the splits that were tried."""
    step = (result.trial.resource or 0) - result.trial.before
    return step * int(np.isfinite(result.fit_time).sum())
