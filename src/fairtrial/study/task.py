"""The tasks: what is learned, by the data set that a study names."""

from typing import Annotated

from fairtrial.kinds.data import tasks
from fairtrial.kinds.data.datasets import TASKS, RowOrigin, TaskSettings

__all__ = ["AnyTask", "RowOrigin", "Task"]

AnyTask = TaskSettings
Task = Annotated[TaskSettings, TASKS]
# The settings of the data sets that fairtrial brings.
LineTask, LinearTask = tasks.line.settings, tasks.linear.settings
FashionMnistTask, DigitsTask = tasks.fashion_mnist.settings, tasks.digits.settings
TableTask, ImagesTask = tasks.table.settings, tasks.images.settings
