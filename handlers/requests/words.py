"""What a request is made of, and everything that is wrong with one, each with its place and what would do."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from handlers.requests.remedies import meant, would_do
from processor.errors import PoisonError

Fields = Mapping[str, Any]
ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")
AN_ID = "6fd315c1-d913-55ca-8471-3a99aba1cfb0"


def _identifier(value: str) -> str:
    if not ID.fullmatch(value):
        raise ValueError(f"{value[:80]!r} is not an id", f"the id as Genesys shows it, such as {AN_ID}")
    return value


Id = Annotated[
    str, AfterValidator(_identifier), Field(examples=[AN_ID], json_schema_extra={"pattern": f"^{ID.pattern}$"})
]
"""Of a thing in Genesys: it becomes a part of addresses."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`place` as in the file (`scheduleEntries[1].startTime`); `remedy` names a value or form that would do."""

    place: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """One line."""
        said = f"{self.place}: {self.message}" if self.place else self.message
        return f"{said} ({self.remedy})"


class InvalidRequest(PoisonError):
    """A request that nobody can carry out as it is written; tells all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)), problems[0].place)
        self.problems = tuple(problems)


ELSEWHERE = "docs/requests.md has the fields of this kind"


class Part(BaseModel):
    """A value inside a request: camelCase outside, nothing that nobody reads."""

    elsewhere: ClassVar[str] = ELSEWHERE
    """Where a person finds what may stand there."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    def fields(self) -> dict[str, Any]:
        """As a file would say it; what was not said is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """What is wrong beyond the shape of each field, read from fields that may themselves be wrong."""
        del fields
        yield from ()

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises `InvalidRequest` with every problem at once."""
        try:
            part, problems = cls.model_validate(fields), []
        except ValidationError as error:
            part, problems = None, [problem_of(cls, one) for one in error.errors()]
        known = {problem.place for problem in problems}
        problems += [problem for problem in cls.review(fields) if problem.place not in known]
        if problems or part is None:
            raise InvalidRequest(problems)
        return part


class Request(Part):
    """What somebody wants changed. One model for each kind; `kind` is the word in files, addresses and outcomes."""

    kind: ClassVar[str]

    by: str | None = Field(default=None, max_length=200)
    """Who asks for it, for the audit trail."""
    expected: Mapping[str, Any] | None = None
    """What must still be there for the change to be made, in the words of an outcome's `after`; `--undo` sets it."""
    undoes: str | None = Field(default=None, max_length=200)
    """The id of the request that this one takes back."""

    @abstractmethod
    def subject(self) -> str:
        """What it changes (`queue/<id>`): the record's key, so that requests about one thing keep their order."""


def place(location: Iterable[int | str]) -> str:
    """`("scheduleEntries", 1, "startTime")` as `scheduleEntries[1].startTime`."""
    said = ""
    for step in location:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return said


NOT_PYDANTICS = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"a valid dictionary( or instance of \w+)?|a valid mapping"), "names and values"),
    (re.compile(r"valid tuple|Tuple"), "list"),
)
"""Its words for what a file has."""


def problem_of(model: type[Part], error: ErrorDetails) -> Problem:
    """In words for the writer of a file; a validator of ours has its own: `ValueError(message, remedy)`."""
    told = (error.get("ctx") or {}).get("error")
    if isinstance(told, ValueError) and len(told.args) == 2:
        return Problem(place(error["loc"]), str(told.args[0]), str(told.args[1]))
    message = error["msg"]
    for theirs, ours in NOT_PYDANTICS:
        message = theirs.sub(ours, message)
    if error["type"] == "extra_forbidden":
        near = meant(model, error["loc"])
        return Problem(place(error["loc"]), message, f"{f'{near}, or ' if near else ''}leave it out; {model.elsewhere}")
    if error["type"] != "missing" and not isinstance(error["input"], dict | list):
        message = f"{message}, not {error['input']!r}"[:300]
    return Problem(place(error["loc"]), message, would_do(model, error["loc"]) or model.elsewhere)
