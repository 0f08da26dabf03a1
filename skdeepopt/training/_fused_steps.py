"""Optimizers whose step goes straight to torch's fused kernel.

torch gathers parameters, gradients and states anew at every step, which for a small network takes
longer than the update. Here the lists are gathered once. The arithmetic is torch's own.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["DirectAdam", "DirectAdamW", "DirectSGD"]


class _Direct(torch.optim.Optimizer):
    """Calls `_update` with the lists of each group; torch's own step makes the states first."""

    _gathered: list[tuple[dict[str, Any], list[Any], list[list[Any]]]] | None = None

    def step(self, closure: Any = None) -> Any:
        """Update the parameters once.

        Parameters
        ----------
        closure : callable or None, default=None
            As in torch; with it, torch's own step runs.
        """
        parts = self._lists() if closure is None else None
        if parts is None:
            self._gathered = None
            return super().step(closure)
        with torch.no_grad():
            for group, parameters, states in parts:
                self._update(group, parameters, [p.grad for p in parameters], states)
        return None

    # torch wraps a step that lacks this mark into a record for its profiler.
    step.hooked = True  # type: ignore[attr-defined]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over states, and gather them anew at the next step.

        Parameters
        ----------
        state_dict : dict
        """
        self._gathered = None
        super().load_state_dict(state_dict)

    def _lists(self) -> Any:
        """Lists of each group, or None where a state or a gradient is missing."""
        if self._kernel is None:
            return None  # A torch that has renamed it; its own step does the same.
        if self._gathered is None:
            parts = []
            for group in self.param_groups:
                parameters = group["params"]
                if not group["fused"] or not all(p in self.state for p in parameters):
                    return None
                states = [[self.state[p][key] for p in parameters] for key in self._state_keys]
                parts.append((group, parameters, states))
            self._gathered = parts
        if any(p.grad is None for _, parameters, _ in self._gathered for p in parameters):
            return None
        return self._gathered

    _state_keys: tuple[str, ...]
    _kernel: Any

    def _update(
        self, group: dict[str, Any], parameters: list[Any], gradients: list[Any], states: Any
    ) -> None:
        raise NotImplementedError


class _DirectAdamBase(_Direct):
    _state_keys = ("exp_avg", "exp_avg_sq", "step")

    def _update(
        self, group: dict[str, Any], parameters: list[Any], gradients: list[Any], states: Any
    ) -> None:
        averages, squares, steps = states
        torch._foreach_add_(steps, 1)
        self._kernel(
            parameters,
            gradients,
            averages,
            squares,
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=group["maximize"],
        )


class DirectAdamW(_DirectAdamBase, torch.optim.AdamW):
    """``torch.optim.AdamW``, straight to the kernel."""

    _kernel = getattr(torch, "_fused_adamw_", None)


class DirectAdam(_DirectAdamBase, torch.optim.Adam):
    """``torch.optim.Adam``, straight to the kernel."""

    _kernel = getattr(torch, "_fused_adam_", None)


class DirectSGD(_Direct, torch.optim.SGD):
    """``torch.optim.SGD`` with momentum, straight to the kernel."""

    _state_keys = ("momentum_buffer",)
    _kernel: Any = getattr(torch, "_fused_sgd_", None)

    def _update(
        self, group: dict[str, Any], parameters: list[Any], gradients: list[Any], states: Any
    ) -> None:
        self._kernel(
            parameters,
            gradients,
            states[0],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            is_first_step=False,
        )
