"""Where the wings meet: participants, rounds, transcripts, checkpoints, engines."""

from fedmf.federation.attendance import Attendance
from fedmf.federation.cost import Forecast, forecast
from fedmf.federation.data_choice import DataChoice
from fedmf.federation.engine import Engine, Observation, Uploaded
from fedmf.federation.local.engine import LocalEngine
from fedmf.federation.local.training import make_plan, train_locally, trained_model
from fedmf.federation.measurement import Fit
from fedmf.federation.participant import Participant, ParticipantState
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.run_directory import RunDirectory
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.table_reader import TableReader
from fedmf.federation.training import RoundRecord, Training, TrainingResult
from fedmf.federation.transcript import Entry, Transcript

__all__ = [
    "Attendance",
    "DataChoice",
    "Engine",
    "Entry",
    "Fit",
    "Forecast",
    "LocalEngine",
    "Observation",
    "Participant",
    "ParticipantState",
    "RoundRecord",
    "RunDirectory",
    "TableReader",
    "Training",
    "TrainingPlan",
    "TrainingResult",
    "TrainingSettings",
    "Transcript",
    "Uploaded",
    "forecast",
    "make_plan",
    "train_locally",
    "trained_model",
]
