"""The techniques that ``compare`` holds against a baseline, and their run that can be continued."""

from skdeepopt.study._claims import claims_for
from skdeepopt.study._run import Task, missing_tasks, run_task, seconds_left, warm_up
from skdeepopt.study._setting import StudySetting, setting_for
from skdeepopt.study._store import CellStore
from skdeepopt.study._techniques import TECHNIQUES, TOGETHER, Technique, technique

__all__ = [
    "TECHNIQUES",
    "TOGETHER",
    "CellStore",
    "StudySetting",
    "Task",
    "Technique",
    "claims_for",
    "missing_tasks",
    "run_task",
    "seconds_left",
    "setting_for",
    "technique",
    "warm_up",
]
