"""The loop's work on one batch: gradients, update and measurement, compiled where that can be."""

from __future__ import annotations

import functools
import operator
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..backend import is_array_type
from ..core.tensor import raw
from ..errors import TraceError
from ..optim import Optimizer
from ..optim.clip import grad_norm
from ..optim.traced import lay_together
from ..program.compile import compile

if TYPE_CHECKING:
    from .training import Training

MOST_PROGRAMS = 8  # of each function; a loader that asks for more is better served without


class Steps:
    """`gradients`, `update` and `measure` of a training, as programs or, where `why_not` says so, as they are written.

    Between the gradients and the update the loop looks at the loss, so these are two programs: what is not finite must
    not reach the parameters.  `seconds` is the time that compiling has taken, the traced batches in it.
    """

    def __init__(self, training: Training, compiled: bool = True) -> None:
        self.training = training
        self.why_not = _refusal(training) if compiled else "as asked for"
        self.seconds = 0.0
        self._text = ""
        self._told: str | None = "nothing yet"
        self._parts: list[Any] = []
        self._programs: dict[str, Any] = {}

    def begin(self) -> None:
        """Before an epoch: compile anew where a part is another one; what is in one, the programs look at."""
        now = _parts(self.training)
        if self.why_not is None and not (self._parts and all(map(operator.is_, now, self._parts))):
            self._parts = now
            lay_together(self.training.optimizer)
            functions: dict[str, Callable[..., Any]]
            functions = {"gradients": _gradients, "update": _update, "measure": _measure}
            self._programs = {name: compile(_of(f, self.training)) for name, f in functions.items()}

    def gradients(self, x: Any, y: Any) -> tuple[Any, float, Any]:
        """(outputs, mean loss, norm) of a batch; outputs are a raw array, and the gradients are left in `.grad`.

        The norm, where they lie, is that of all gradients together; None where the training does not bound it.
        """
        outputs, loss, norm = self._call("gradients", _gradients, x, y)
        return raw(outputs), float(loss), norm

    def update(self) -> None:
        """The optimizer's step, if the scaler does not skip it."""
        self._call("update", _update)

    def measure(self, x: Any, y: Any) -> tuple[Any, float]:
        """(outputs, mean loss) of a batch, with nothing recorded."""
        outputs, loss = self._call("measure", _measure, x, y)
        return raw(outputs), float(loss)

    def executor(self) -> str:
        """Which executor runs the programs and why; or why there are none.  Known after the first step."""
        if self.why_not is not None:
            return f"not compiled: {self.why_not}"
        line = next((line for line in self._text.splitlines() if line.startswith("executor: ")), "executor: unknown")
        return f"compiled in {self.seconds:.2f} s; {line}"

    def _call(self, name: str, function: Callable[..., Any], *batch: Any) -> Any:
        if self.why_not is not None:
            return function(self.training, *batch)
        program = self._programs[name]
        n_traces, began = program.n_traces, time.perf_counter()
        try:
            result = program(*batch)
        except TraceError as error:
            self.why_not = str(error)
            return function(self.training, *batch)
        if program.n_traces != n_traces:
            self._text = program.explain()  # which plans it too
            self.seconds += time.perf_counter() - began
            self._look_at(program, batch)
        return result

    def _look_at(self, program: Any, batch: tuple[Any, ...]) -> None:
        """Give up where nearly every batch would be traced."""
        if strange := [part for part in batch if not is_array_type(type(raw(part)))]:
            self.why_not = f"the loader gives a {type(strange[0]).__name__} for x or y; expected arrays"
        elif program.n_traces > MOST_PROGRAMS:
            self.why_not = (
                f"the batches have had more than {MOST_PROGRAMS} shapes, or the model's numbers as many values; "
                "expected batches of one size"
            )

    def tell_once(self, say: Callable[[str], None] | None) -> None:
        """After a step, one line of how it was run, once and again where that has changed."""
        if self.why_not == self._told:
            return
        self._told = self.why_not
        if say is not None:
            say(self.executor())
        elif (self.why_not or "").startswith("compile: "):  # a trace's refusal, which nobody else tells
            warnings.warn(f"fit: {self.executor()}", RuntimeWarning, stacklevel=4)


# what is compiled; none of it looks at a value


def _gradients(training: Training, x: Any, y: Any) -> tuple[Any, Any, Any]:
    training.optimizer.zero_grad()
    outputs = training.model(x)
    loss = training.loss_fn(outputs, y)
    training.scaler.scale(loss).backward()
    training.scaler.unscale_(training.optimizer)
    return outputs, loss, None if training.clip_norm is None else grad_norm(training.parameters())


def _update(training: Training) -> None:
    training.scaler.step(training.optimizer)


def _measure(training: Training, x: Any, y: Any) -> tuple[Any, Any]:
    outputs = training.model(x)
    return outputs, training.loss_fn(outputs, y)


def _of(f: Callable[..., Any], training: Training) -> Callable[..., Any]:
    """f of this training, which seems to wrap the user's parts, so that a trace watches them and what they name."""

    def function(*batch: Any) -> Any:
        return f(training, *batch)

    function.__name__ = "the training step"
    return functools.update_wrapper(function, functools.partial(training.loss_fn, training.model, training.optimizer))


def _refusal(training: Training) -> str | None:
    """Why a training is not compiled, where that is known beforehand."""
    if not isinstance(training.optimizer, Optimizer):
        return f"the optimizer is a {type(training.optimizer).__name__}; expected one of gpugrad.optim"
    return None


def _parts(training: Training) -> list[Any]:
    return [training.model, training.optimizer, training.loss_fn]
