"""What a training tells while it runs."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

from skorch.callbacks import Callback

__all__ = ["progress_callback"]


def progress_callback(epochs: int) -> Callback:
    """A live bar where standard output is a terminal, plain lines elsewhere."""
    return ProgressBar(epochs) if sys.stdout.isatty() else ProgressLines(epochs)


class ProgressLines(Callback):
    """One line an epoch.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self._start = perf_counter()
        self._before = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        done = len(net.history) - self._before
        left = (perf_counter() - self._start) / done * (self.epochs - done)
        sys.stdout.write(
            f"epoch {done}/{self.epochs}  {_described(net.history[-1])}  {left:.0f} s left\n"
        )
        sys.stdout.flush()


class ProgressBar(Callback):
    """A bar over all batches of all epochs, with loss, accuracy, rate and time left.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task("", total=None, epoch=0, epochs=self.epochs, state="")
        self._before = len(net.history)
        self._bar.start()

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        self._start = perf_counter()
        self._seen, self._loss, self._right = 0, 0.0, 0.0
        self._bar.update(
            self._task,
            epoch=len(net.history) - self._before,
            total=self.epochs * len(dataset_train),
        )

    def on_batch_end(
        self, net: Any, batch: Any = None, loss: Any = None, n_right: Any = None, **kwargs: Any
    ) -> None:
        n_samples = len(batch[0])
        self._seen += n_samples
        self._loss += loss.item() * n_samples
        parts = [f"loss {self._loss / self._seen:.4f}"]
        if n_right is not None:
            self._right += float(n_right)
            parts.append(f"accuracy {self._right / self._seen:.4f}")
        parts.append(f"{self._seen / (perf_counter() - self._start):,.0f} samples/s")
        self._bar.update(self._task, advance=n_samples, state="  ".join(parts))

    def close(self) -> None:
        """Give the terminal back, also after an interrupted training."""
        if "_bar" in self.__dict__:
            self.__dict__.pop("_bar").stop()


def _described(record: Any) -> str:
    parts = [f"loss {record['train_loss']:.4f}"]
    if "train_score" in record:
        parts.append(f"accuracy {record['train_score']:.4f}")
    if "valid_loss" in record:
        parts.append(f"validation loss {record['valid_loss']:.4f}")
    if "valid_score" in record:
        parts.append(f"accuracy {record['valid_score']:.4f}")
    parts += [f"lr {record['lr']:.2g}", f"{record['dur']:.1f} s"]
    return "  ".join(parts)
