"""Data sets: what a task learns from, and what a task states about its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args, overload

import numpy as np
from pydantic import Field

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.noise.corruptions import (
    INPUT_NOISES,
    LABEL_NOISES,
    InputNoiseSettings,
    LabelNoiseSettings,
)
from fairtrial.randomness import make_stream
from fairtrial.settings.base import Rows, Share

# Where the rows of a seed come from: each seed draws its own, all seeds have the same, or each seed
# splits the same rows into training and test rows in another way.
RowOrigin = Literal["drawn", "fixed", "split"]
DATA = {"drawn": ("stream", "n_rows"), "fixed": (), "split": ()}


class Shape(NamedTuple):
    """The size of a task's data: N, the number of test rows, D, and K (0 for regression)."""

    n_rows: int
    n_test_rows: int
    n_features: int
    n_classes: int

    @property
    def of_weights(self) -> tuple[int, ...]:
        """The shape of the weights of a linear model: (D,), or (D, K) for classes."""
        return (self.n_features, self.n_classes) if self.n_classes else (self.n_features,)


class Stream(np.random.Generator):
    """The random numbers of a drawn data set: NumPy's generator, keyed by seed and purpose.

    Attributes
    ----------
    seed : int
        The seed of the run.
    purpose : str
        `"data"`; where test rows are drawn apart, theirs is `"test"`.
    """

    def __init__(self, seed: int, purpose: str):
        super().__init__(make_stream(seed, purpose).bit_generator)
        self.seed, self.purpose = seed, purpose

    def open(self, name: str) -> np.random.Generator:
        """Open another stream of the same rows."""
        return make_stream(self.seed, f"{self.purpose}.{name}")


@dataclass(frozen=True, eq=False)
class Content:
    """Rows as they are read: what the function of a fixed or split data set may return.

    Attributes
    ----------
    X : (N, D)
        Features: float32, or uint8 pixels. Whatever `prepare` takes, if that is given.
    y : (N,)
        Targets: float32 numbers or int32 classes.
    test_X, test_y : (M, D), (M,)
        Test rows, where all seeds have the same.
    class_names : tuple of str
        K names in the order of the classes; none for regression.
    image_shape : (H, W) or None
        Pixels of an image, down and across.
    fingerprint : str
        Of the content.
    n_features : int or None
        D, where `prepare` makes the features.
    prepare : callable or None
        Makes the features of all rows, (N, D) float32, of the row numbers that training sees.
    """

    X: Any
    y: np.ndarray
    test_X: Any = None
    test_y: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    fingerprint: str = ""
    n_features: int | None = None
    prepare: Callable[[np.ndarray], np.ndarray] | None = None


class TaskSettings(KindSettings):
    """Settings of a data set, and what the task states about its rows."""

    input_noise: Annotated[InputNoiseSettings, INPUT_NOISES] | None = Field(
        default=None,
        description="Noise on the features of training rows, validation rows too, drawn for each "
        "seed. Test rows stay clean.",
    )
    label_noise: Annotated[LabelNoiseSettings, LABEL_NOISES] | None = Field(
        default=None,
        description="Wrong classes of training rows, validation rows too, drawn for each seed. "
        "Test rows stay clean.",
    )

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    row_origin = Fact[RowOrigin]("rows")  # Where the rows of a seed come from.

    @property
    def has_noisy_rows(self) -> bool:
        """Whether each seed trains on rows with noise of its own, also where rows are fixed."""
        return self.input_noise is not None or self.label_noise is not None

    @property
    def has_one_data_set(self) -> bool:
        """Whether all seeds train on the same rows and are tested on the same rows."""
        return self.row_origin == "fixed" and not self.has_noisy_rows

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes, else numbers."""
        return bool(self.classes)

    # How many classes there are, or their names; True where reading the data shows it.
    classes = Fact[Any]()

    @property
    def has_images(self) -> bool:
        """Whether the rows are images."""
        return bool(self.definition.images)

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of the images; None before they are read, and where there are none."""
        return self.definition.images if isinstance(self.definition.images, tuple) else None

    has_truth = Fact[bool]()  # Whether the true weights and intercept are known.

    @property
    def has_noise(self) -> bool:
        """Whether the noise on the targets is of a kind whose density may be known."""
        noise = getattr(self, "noise", None)
        return self.has_truth and isinstance(noise, KindSettings)

    # Whether features are made of what is read, as those of a table's columns.
    is_prepared = Fact[bool]("standardise")

    @property
    def test_share(self) -> float:
        """Share of test rows where the seeds split the same rows; 0 elsewhere."""
        return self.test if self.row_origin == "split" else 0.0

    @property
    def known_shape(self) -> Shape | None:
        """The size of the data; None where it must be read or drawn first."""
        found = self.ask(self.definition.shape)
        return None if found is None else Shape(*found)

    @property
    def title(self) -> str:
        """What sentences call it."""
        return self.ask(self.definition.title) or self.kind


TASKS: Family[TaskSettings] = Family("task", TaskSettings, decorators="@ft.dataset")


@dataclass(frozen=True, eq=False, kw_only=True)
class DataSet(Kind[P]):
    """A data set.

    Attributes
    ----------
    rows : str
        Where the rows of a seed come from: `"drawn"` for each seed, `"fixed"` for all, or `"split"`
        into training and test rows for each seed.
    classes : int, tuple of str, bool or callable
        How many classes there are, or their names. 0: the targets are numbers. True: the data
        shows it; not for drawn rows. A function of settings may say so.
    images : (H, W), bool
        Pixels of the images, down and across. True: the data shows it. False: no images.
    pixel_range : int
        What the bytes of images are divided by.
    standardise : bool or None
        Whether features have mean 0 and standard deviation 1 over the rows that training sees, as
        the columns of a table. By default they do, but for images and drawn rows.
    has_truth : bool
        Whether the function returns true weights and intercept, (D + 1,), as a third value; for
        drawn rows of numbers.
    shape : tuple or callable or None
        Numbers of training rows, test rows, features and classes, where they are known without
        reading or drawing.
    is_apart : bool
        Whether test rows are drawn by a second call, from a stream named `"test"`.
    value_bytes : int
        Bytes of a feature, as planning counts them.
    title : str or callable
        What sentences call it; by default its name.
    licence : str
        The licence and its holder, of data that fairtrial brings or fetches.
    """

    family = TASKS

    rows: RowOrigin
    classes: Any = 0
    images: tuple[int, int] | bool = False
    pixel_range: int = 255
    standardise: bool | None = None
    has_truth: bool = False
    shape: Any = None
    is_apart: bool = False
    value_bytes: int = 4
    title: Any = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if self.rows not in DATA:
            known = ", ".join(map(repr, get_args(RowOrigin)))
            raise refuse(self.function, f"its rows = {self.rows!r} must be one of {known}")
        if self.standardise is None:
            is_made = self.rows != "drawn" and not self.images
            object.__setattr__(self, "standardise", is_made)
        super().__post_init__()

    @property
    def data(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the function is called with, beside settings."""
        return DATA[self.rows]

    @property
    def refused(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Wrong labels, where targets are numbers whatever the settings."""
        return () if self.classes else ("label_noise",)

    def add_fields(self) -> dict[str, Any]:
        """Let studies set how many rows are drawn, or the share of test rows."""
        rows = (Rows, Field(10_000, description="Training rows."))
        test_rows = (Rows, Field(10_000, description="Test rows."))
        test = (Share, Field(0.2, description="Share of rows that are held out as test rows."))
        return {
            "drawn": {"rows": rows, "test_rows": test_rows},
            "fixed": {},
            "split": {"test": test},
        }[self.rows]

    def check_facts(self, known: set[str]) -> None:
        """Refuse facts that contradict each other."""
        super().check_facts(known)
        if self.rows == "drawn" and self.classes is True:
            raise refuse(self.function, "its classes must be a number or names, as rows are drawn")
        if self.classes is not True and self.classes == 1:
            raise refuse(self.function, "its classes must be two or more, or 0 for numbers")
        if self.has_truth and (self.rows != "drawn" or self.classes):
            raise refuse(self.function, "its has_truth is for drawn rows whose targets are numbers")


@overload
def dataset(**facts: Any) -> Callable[[Callable[P, Any]], DataSet[P]]: ...
@overload
def dataset(function: Callable[P, Any], /) -> DataSet[P]: ...
def dataset(function: Any = None, /, **facts: Any) -> Any:
    """Make a data set of a function that returns its rows; the facts are those of `DataSet`.

    Parameters
    ----------
    function : callable
        Where rows are drawn, it takes a NumPy generator and a number of rows, and returns `X`
        (N, D) and `y` (N,): training and test rows together, so that what it draws once holds for
        both. Where they are split, it takes settings alone and returns `X` and `y`. Where they are
        fixed, it returns `X`, `y`, `test_X` and `test_y`. Targets are numbers, or whole numbers
        from 0 for classes. A setting `path` is a file beside the study.
    """
    if function is not None and "rows" not in facts:
        raise refuse(function, "its decorator must say where rows come from, as in rows='split'")
    return decorate(DataSet, function, facts)
