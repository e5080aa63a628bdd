"""What a network must do: data, head, loss, metric."""

from nassay.tasks.base import Split, Task, tasks

__all__ = ["Split", "Task", "tasks"]
