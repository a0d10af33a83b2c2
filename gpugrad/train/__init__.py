"""Training: a loop that reads like the algorithm, callbacks for the rest, and whole runs in folders of their own.

training = fit(model, optimizer, nn.cross_entropy, loader, epochs=20, validation=batches,
               metric=Accuracy(), callbacks=[EarlyStopping(patience=5), Checkpoint("runs/mine")])
outcome = run(Config("digits"))
predictions = load_run(outcome.folder).predict("new.csv")
"""

from .callback import Callback
from .checkpoint import load_checkpoint, save_checkpoint
from .config import Config
from .curve import LearningCurve, plot_history
from .early_stopping import EarlyStopping
from .evaluating import evaluate
from .interrupt import Interruptible
from .job import Outcome
from .loop import fit
from .metrics import R2, Accuracy, Metric
from .progress import BarProgress, PlainProgress, progress_for
from .running import resume, run
from .saving import Checkpoint, MetricsLog
from .trained import Evaluation, Predictions, Trained, load_run
from .training import Training

__all__ = [
    "R2",
    "Accuracy",
    "BarProgress",
    "Callback",
    "Checkpoint",
    "Config",
    "EarlyStopping",
    "Evaluation",
    "Interruptible",
    "LearningCurve",
    "Metric",
    "MetricsLog",
    "Outcome",
    "PlainProgress",
    "Predictions",
    "Trained",
    "Training",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_run",
    "plot_history",
    "progress_for",
    "resume",
    "run",
    "save_checkpoint",
]
