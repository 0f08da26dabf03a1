"""Parameters that a training leaves alone."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from skdeepopt.layers._idle_hook import IdleHook

__all__ = ["Frozen"]


class Frozen(IdleHook):
    """Training hook under which parameters are neither stepped nor decayed.

    Parameters
    ----------
    module : torch.nn.Module
        All of its parameters are frozen. Batch norms in it still follow the data; see
        :class:`KeptBatchNorm`.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> hook = Frozen(layer)
    >>> hook.before_training(n_steps=1), layer.weight.requires_grad
    (True, False)
    >>> hook.after_training()
    >>> layer.weight.requires_grad
    True
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._untouched: set[nn.Parameter | str] | None = None

    def before_training(self, n_steps: int) -> bool:
        """Freeze what is not frozen yet; True where anything was."""
        learning = [p for p in self.module.parameters() if p.requires_grad]
        if self._untouched is None:
            named = [pair for pair in self.module.named_parameters() if not pair[1].requires_grad]
            self._untouched = {part for pair in named for part in pair}
        for parameter in learning:
            parameter.requires_grad_(False)
        return bool(learning)

    def restore(self) -> None:
        """Let the parameters learn again, even before the training began."""
        self.thaw(self.module.parameters())
        self._untouched = None

    def thaw(self, parameters: Iterable[nn.Parameter]) -> None:
        """Let some of the parameters that were frozen here learn again.

        Those that have taken their place meanwhile count as they do: a pruned layer's have the name
        of what they replaced, a masked layer's are the same under another name.

        Parameters
        ----------
        parameters : iterable of torch.nn.Parameter
            Others among them stay as they are.
        """
        if self._untouched is None:
            return
        wanted = set(parameters)
        for name, parameter in self.module.named_parameters():
            if parameter in wanted and not {name, parameter} & self._untouched:
                parameter.requires_grad_(True)
