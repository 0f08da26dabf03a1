"""What a fitted network answers: by an engine or its module, past the checks or through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepopt.data._layout import ImageLayout, layout_of
from skdeepopt.data._rows import as_rows
from skdeepopt.estimators._keeping import named_messages
from skdeepopt.estimators._samples import INPUT_TYPES, as_tensor, plain_layout
from skdeepopt.training._net import TensorNet

__all__ = ["AnswersMixin"]


class AnswersMixin:
    """Outputs of the net of a deep estimator."""

    net_: TensorNet
    _layout: ImageLayout

    @property
    def _engine(self) -> Any:
        """What answers in the module's place, if anything does."""
        return self.net_.engine_

    def _answer_through(self, engine: Any) -> None:
        """Let an engine answer in the module's place, until the next training."""
        self.net_.engine_ = engine

    def _network_inputs(self, X: Any) -> torch.Tensor:
        """Samples as the network takes them, of shape (n_samples, *image_shape_)."""
        return self._images(X, self._plain_layout(X))

    def _network_changed(self) -> None:
        """The network has other shapes, and answers as before."""
        self.net_.renew_optimizer()

    def _outputs(self, X: Any) -> np.ndarray:
        """Float32 outputs of shape (n_samples, n_outputs): the engine's, or else the module's."""
        layout = self._plain_layout(X)
        if layout is not None and self.net_.engine_ is not None:
            outputs = self.net_.engine_.run(layout.as_images(X))
        else:
            images = self._images(X, layout)
            outputs = self.net_.outputs(images).numpy()
        if np.isnan(outputs.max()):
            raise ValueError(
                f"{type(self).__name__} takes X of values like those in fit, not up to "
                f"{np.abs(np.asarray(X)).max():.3g}: the network's outputs are not numbers."
            )
        return outputs

    def _plain_layout(self, X: Any) -> ImageLayout | None:
        """Layout of an array without column names that needs no more checks."""
        if not hasattr(self, "net_") or hasattr(self, "feature_names_in_"):
            return None
        return plain_layout(X, self._layout)

    def _images(self, X: Any, layout: ImageLayout | None) -> torch.Tensor:
        """Images of data with their plain layout, or with all checks where there is none."""
        return self._checked_images(X) if layout is None else layout.as_images(as_tensor(X))

    def _checked_images(self, X: Any) -> torch.Tensor:
        check_is_fitted(self, "net_")
        rows, shape = as_rows(X, owner=type(self).__name__)
        with named_messages(type(self).__name__):
            rows = validate_data(self, rows, reset=False, dtype=list(INPUT_TYPES))
        layout = layout_of(shape or rows.shape, self._layout, owner=type(self).__name__)
        return layout.as_images(as_tensor(rows))
