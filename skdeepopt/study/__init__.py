"""The techniques that ``compare`` holds against a baseline, and their run that can be continued."""

from skdeepopt.study._run import Task, missing_tasks, run_task, seconds_left, warm_up
from skdeepopt.study._setting import StudySetting, setting_for
from skdeepopt.study._store import CellStore
from skdeepopt.study._techniques import TECHNIQUES, Technique, technique

__all__ = [
    "TECHNIQUES",
    "CellStore",
    "StudySetting",
    "Task",
    "Technique",
    "missing_tasks",
    "run_task",
    "seconds_left",
    "setting_for",
    "technique",
    "warm_up",
]
