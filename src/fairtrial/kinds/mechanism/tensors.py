"""TensorFlow, loaded when it is first used: files of kinds are imported without it."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf
else:

    class _LazyModule(ModuleType):
        """A module whose first attribute loads it."""

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # Asked by tools that look at modules.
                raise AttributeError(name)
            from fairtrial.loading import load_tensorflow

            load_tensorflow()
            import tensorflow

            self.__dict__.update(vars(tensorflow))
            return getattr(tensorflow, name)

        def __reduce__(self) -> str:
            return "tf"

    tf = _LazyModule("tensorflow")


def is_off(number: Any) -> bool:
    """Say whether a number of `Kind.off_at_zero` is no part of the program."""
    return isinstance(number, float) and number == 0.0


__all__ = ["is_off", "tf"]
