"""Articles: commentary as data, one YAML file each, checked against the measures that it names."""

import datetime as dt
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, field_validator, model_validator

import pipeline
from pipeline.claims.measures import TRUTH, Measure, Value, iso_date
from pipeline.claims.results import KINDS, OPINION
from pipeline.errors import FileError
from pipeline.yaml_files import Entry, compose, line_of, validated

CLAIMS_DIR = Path(pipeline.__file__).parent.parent / "dbt_like_sql" / "claims"
SAMPLE_DIR = CLAIMS_DIR / "sample"
NOW = "now"
WORDS = ("date", "text", "flag")  # units of values that are no figures
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")

_CLOSE = re.compile(r"(\d{4}-\d{2}-\d{2}) close")


def _iso_date(given: Any) -> Any:
    """YAML's 2024 must not become a number of seconds."""
    return iso_date(given) if isinstance(given, str) else given


def _iso_instant(given: Any) -> Any:
    if isinstance(given, str) and not re.match(r"(19|2\d)\d{2}-\d{2}-\d{2}[T ]", given):
        raise ValueError(f"'{given}' is no instant; write it as 2024-07-16T13:00-04:00")
    return given


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


def _one_line(given: Any) -> Any:
    return " ".join(given.split()) if isinstance(given, str) else given


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError(f"'{text}': write an id in small letters, digits, - and _, 60 at most")
    return text


Day = Annotated[dt.date, BeforeValidator(_iso_date)]
Id = Annotated[str, AfterValidator(_id)]
Text = Annotated[str, BeforeValidator(_one_line), Field(min_length=1)]


class Condition(Entry):
    """What must hold of the value, or of the field `of` of the evidence.

    One of: `value` within `tolerance`; bounds; a window of dates `from` .. `to`; a `rank` of at least this (1 is the
    first); or `is`, one of the texts or truth values given (`none`: a field of the evidence that is NULL).
    """

    of: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    value: float | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None
    more_than: float | None = None
    at_least: float | None = None
    less_than: float | None = None
    at_most: float | None = None
    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")
    rank: Annotated[int, Field(ge=1)] | None = None
    one_of: Annotated[tuple[Text, ...], BeforeValidator(_listed)] | None = Field(default=None, alias="is")

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        lower = {"more_than", "at_least"} & self.model_fields_set
        upper = {"less_than", "at_most"} & self.model_fields_set
        forms = {
            "value and tolerance": {"value", "tolerance"},
            "from and to": {"first", "last"},
            "rank": {"rank"},
            "is": {"one_of"},
            "bounds": lower | upper,
        }
        given = {name for name in self.model_fields_set - {"of"} if getattr(self, name) not in (None, ())}
        blank = self.model_fields_set - {"of"} - given
        if blank or not given or given not in forms.values() or len(lower) > 1 or len(upper) > 1:
            raise ValueError(
                "say in one way what is expected: value and tolerance; more_than or at_least, and/or less_than or "
                "at_most; from and to (dates); rank; or is"
            )
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"from {self.first} is after to {self.last}")
        return self


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_listed), Field(min_length=1)]


class Reading(Entry):
    """One explicit way to take the words. What it does not say, the claim says.

    reading: its name, for people.
    instant: when the reader knew; `2024-07-16 close`, an instant with its offset, or `now` (with hindsight). Default:
        the article's.
    part: of a claim that says two things, the one that this reading is about; every part has to hold.
    missing: the data that nobody has given us; the reading is then not testable.
    mixes_bases: TRUE where it compares unlike things, as people do (a fund's total return with a price index).
    """

    reading: Text
    part: Text | None = None
    measure: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    instant: str | None = None
    expect: Conditions | None = None
    missing: Text | None = None
    mixes_bases: bool = False

    @field_validator("instant")
    @classmethod
    def _is_an_instant(cls, text: str | None) -> str | None:
        if text is not None and text != NOW:
            parse_instant(text)
        return text


class Claim(Entry):
    """One statement of an article, in our words.

    arithmetic: checks of the article against itself; one that fails makes the claim inconsistent.
    opinion: the part that is a forecast, a motive or a cause, and is not judged.
    """

    id: Id
    claim: Text
    kind: str
    measure: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    expect: Conditions | None = None
    readings: tuple[Reading, ...] = ()
    arithmetic: tuple[Reading, ...] = ()
    missing: Text | None = None
    opinion: Text | None = None
    note: Text | None = None

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"'{kind}' is none of {', '.join(KINDS)}")
        return kind

    @model_validator(mode="after")
    def _can_be_judged(self) -> "Claim":
        measured = bool(self.measure or self.readings)
        if self.kind == OPINION and not self.opinion:
            raise ValueError("an opinion needs the field 'opinion': what it is, a forecast, a motive or a cause")
        if measured and self.missing:
            raise ValueError("'missing' goes with a claim that has no measure; a reading may have its own")
        if not measured and not self.arithmetic and not self.missing and self.kind != OPINION:
            raise ValueError("give a measure, or say under 'missing' which data are")
        if any(one.part for one in self.readings) and not all(one.part for one in self.readings):
            raise ValueError("either every reading has a part or none")
        names = [one.reading for one in (*self.readings, *self.arithmetic)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two readings are called '{twice[0]}'")
        return self


class Head(Entry):
    """What an article's file says before its claims.

    is_synthetic: TRUE where it speaks of the sample's made-up data.
    """

    title: Text
    publisher: Text
    published_at: Annotated[AwareDatetime, BeforeValidator(_iso_instant)]
    note: Text | None = None
    is_synthetic: bool = False


@dataclass(frozen=True)
class Question:
    """A reading, complete: which measure is asked, with which values, at which instant, and what is expected."""

    label: str
    part: str | None
    is_arithmetic: bool
    measure: Measure | None
    values: Mapping[str, Value]
    instant: str | None
    expect: tuple[Condition, ...]
    missing: str | None
    mixes_bases: bool


@dataclass(frozen=True)
class Statement:
    """A claim and its readings."""

    claim: Claim
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Article:
    """A file: who said it, when, and what. `id` is the file's name."""

    id: str
    head: Head
    statements: tuple[Statement, ...]

    @property
    def slug(self) -> str:
        """The id as a name in Dagster, which knows no hyphens."""
        return self.id.replace("-", "_")


def parse_instant(text: str) -> dt.date | dt.datetime:
    """Return the session whose close is meant, or the UTC instant.

    Raises:
        ValueError: it is neither.
    """
    try:
        if close := _CLOSE.fullmatch(text):
            return dt.date.fromisoformat(close[1])
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"'{text}': write '2024-07-16 close', 2024-07-16T13:00-04:00 or now")


def load_articles(folders: Sequence[Path], measures: Mapping[str, Measure]) -> tuple[list[Article], list[str]]:
    """Read every YAML file of the folders; return the articles, and one line for each thing that is wrong."""
    articles: list[Article] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.y*ml"))):
        article, wrong = load_article(path, measures)
        faults += wrong
        if article is None:
            continue
        if article.slug in {one.slug for one in articles}:
            faults.append(f"{path}: there is another article of this name; rename the file")
            continue
        ids = [statement.claim.id for statement in article.statements]
        repeated = {one for one in ids if one in seen}
        faults += [f"{path}: {one}: {seen[one]} has a claim of this id too" for one in sorted(repeated)]
        kept = tuple(one for one in article.statements if one.claim.id not in repeated)
        seen |= dict.fromkeys((one.claim.id for one in kept), path.name)
        articles.append(Article(article.id, article.head, kept))
    return articles, faults


def load_article(path: Path, measures: Mapping[str, Measure]) -> tuple[Article | None, list[str]]:
    """Read one article; a claim that is wrong is left out and has a line, the others stay.

    Returns:
        The article, None where the file as a whole cannot be read, and the faults: file, line, field and what to do.
    """
    try:
        if not ID.fullmatch(path.stem):
            raise FileError(f"{path}: name the file in small letters, digits, - and _: it is the article's id")
        root = compose(path)
        if not isinstance(root, yaml.MappingNode):
            raise FileError(f"{path}:1: expected fields with values, such as 'title:'; see rotation claims new")
        head, nodes = _parts(path, root)
    except FileError as error:
        return None, [_line(error)]
    except RecursionError:
        return None, [f"{path}: lists within lists without end; nobody can read that"]
    statements: dict[str, Statement] = {}
    faults = []
    for node in nodes:
        try:
            claim = validated(path, node, Claim)
            if claim.id in statements:
                raise FileError(f"{path}:{line_of(node, ('id',))}: id: there are two claims {claim.id}")
            statements[claim.id] = Statement(claim, _questions(path, node, claim, measures))
        except FileError as error:
            faults.append(_line(error))
    return Article(path.stem, head, tuple(statements.values())), faults


def _line(error: FileError) -> str:
    return " ".join(str(error).split())


def _parts(path: Path, root: yaml.MappingNode) -> tuple[Head, list[yaml.Node]]:
    """The head, and the node of each claim: so that one that is wrong does not take the others along."""
    rest = [(key, value) for key, value in root.value if key.value != "claims"]
    claims = next((value for key, value in root.value if key.value == "claims"), None)
    head = validated(path, yaml.MappingNode(root.tag, rest, root.start_mark, root.end_mark), Head)
    if not isinstance(claims, yaml.SequenceNode) or not claims.value:
        raise FileError(f"{path}:{root.start_mark.line + 1}: claims: expected a list of claims, each with an id")
    return head, claims.value


def _questions(path: Path, node: yaml.Node, claim: Claim, measures: Mapping[str, Measure]) -> tuple[Question, ...]:
    readings = claim.readings or ((Reading(reading="as said"),) if claim.measure else ())
    located = [(("readings", i) if claim.readings else (), one, False) for i, one in enumerate(readings)]
    located += [(("arithmetic", i), one, True) for i, one in enumerate(claim.arithmetic)]
    questions = []
    for place, reading, is_arithmetic in located:
        try:
            questions.append(_question(claim, reading, measures, is_arithmetic=is_arithmetic))
        except _FieldError as error:
            loc = (*place, *error.field) if error.of_reading else error.field
            named = ".".join(str(part) for part in loc)
            raise FileError(f"{path}:{line_of(node, loc)}: {claim.id}: {named}: {error}") from error
    asked = {one.measure.name: one.measure for one in questions if one.measure}
    if claim.measure in measures:
        asked[str(claim.measure)] = measures[str(claim.measure)]
    known = {name for measure in asked.values() for name in measure.by_name}
    if strange := sorted(claim.parameters.keys() - known):
        line = line_of(node, ("parameters", strange[0]))
        raise FileError(f"{path}:{line}: {claim.id}: parameters.{strange[0]}: no measure of this claim has it")
    return tuple(questions)


class _FieldError(ValueError):
    """What is wrong with a field of a reading, or of its claim."""

    def __init__(self, field: tuple[str, ...], message: str, *, of_reading: bool = True) -> None:
        super().__init__(message)
        self.field, self.of_reading = field, of_reading


def _question(claim: Claim, reading: Reading, measures: Mapping[str, Measure], *, is_arithmetic: bool) -> Question:
    measure, values, expect = None, {}, reading.expect or claim.expect or ()
    if reading.missing is None:
        measure = _measure(claim, reading, measures)
        values = _values(claim, reading, measure)
        if not expect and claim.kind != OPINION:
            raise _FieldError(("expect",), "missing; say what the claim expects of the value")
        for condition in expect:
            if misfit := _misfit(condition, measure):
                raise _FieldError(("expect",), misfit, of_reading=reading.expect is not None)
    return Question(
        label=reading.reading,
        part=reading.part,
        is_arithmetic=is_arithmetic,
        measure=measure,
        values=values,
        instant=reading.instant,
        expect=expect,
        missing=reading.missing,
        mixes_bases=reading.mixes_bases,
    )


def _misfit(condition: Condition, measure: Measure) -> str | None:
    """Why a condition can never fit a measure; of which kind a field of the evidence is, only its row tells."""
    if condition.of is not None:
        known = not measure.evidence or condition.of in measure.evidence
        return None if known else f"the evidence of {measure.name} has no {condition.of}; {', '.join(measure.evidence)}"
    what = f"the value of {measure.name} is a {measure.unit}" if measure.unit in WORDS else f"{measure.name}: a figure"
    if condition.one_of is not None and measure.unit not in ("text", "flag"):
        return f"{what}; 'is' goes with a text or a flag"
    if condition.one_of is not None and measure.unit == "flag":
        strange = [word for word in condition.one_of if word.lower() not in TRUTH]
        return f"{what}; it is true or false, not '{strange[0]}'" if strange else None
    if condition.first is not None and measure.unit != "date":
        return f"{what}; 'from' and 'to' go with a date"
    if condition.rank is not None and measure.unit != "count":
        return f"{what}; 'rank' goes with a count"
    if condition.one_of is None and condition.first is None and measure.unit in WORDS:
        return f"{what}; bounds and tolerances go with a figure"
    return None


def _measure(claim: Claim, reading: Reading, measures: Mapping[str, Measure]) -> Measure:
    name = reading.measure or claim.measure
    if name is None:
        raise _FieldError(("measure",), "missing; name a file of dbt_like_sql/measures, or say what is 'missing'")
    if name not in measures:
        near = difflib.get_close_matches(name, measures, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise _FieldError(
            ("measure",),
            f"there is no measure '{name}'; {meant}rotation claims measures lists all",
            of_reading=reading.measure is not None,
        )
    return measures[name]


def _values(claim: Claim, reading: Reading, measure: Measure) -> dict[str, Value]:
    if strange := sorted(reading.parameters.keys() - measure.by_name.keys()):
        known = ", ".join(measure.by_name) or "none"
        raise _FieldError(("parameters", strange[0]), f"measure {measure.name} has no such parameter; it has {known}")
    given = {**claim.parameters, **reading.parameters}
    values = {}
    for name, parameter in measure.by_name.items():
        text = given.get(name, parameter.default)
        of_reading = name in reading.parameters or name not in claim.parameters
        if text is None:
            strange = sorted(claim.parameters.keys() - measure.by_name.keys())
            other = f"; it has no {strange[0]}" if strange else ""
            raise _FieldError(("parameters",), f"missing parameter {name} of measure {measure.name}{other}")
        try:
            values[name] = parameter.parse(text)
        except ValueError as error:
            raise _FieldError(("parameters", name), str(error), of_reading=of_reading) from error
    return values
