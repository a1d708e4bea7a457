"""A recorded day from a file, as if it happened now: for trying things out, and for the demo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from desk.ports import Now, ReplySender
from listener.platform import Connected, Feed, NamedSettings, Platform, Secrets


class ReplaySettings(NamedSettings):
    """Posts from a file."""

    type: Literal["replay"]
    path: Path
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    live_from: AwareDatetime | None = None
    """The time in the file that falls on the start: what is before it comes at once."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_file(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("path"), str | Path):
            return {"name": f"replay:{Path(data['path']).name}"} | data
        return data

    def anchored(self, folder: Path) -> Self:
        return self.model_copy(update={"path": folder / self.path})


def _connect(sources: Sequence[ReplaySettings], _secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.replay.source import ReplaySource, sources_in  # noqa: PLC0415
    from listener.platforms.replay.stage import ReplaySender as StageSender  # noqa: PLC0415
    from listener.platforms.replay.stage import ReplayStage  # noqa: PLC0415

    feeds: list[Feed] = []
    senders: dict[str, ReplySender] = {}
    for settings in sources:
        stage = ReplayStage()
        source = ReplaySource(
            settings.path,
            name=settings.name,
            speed=settings.speed,
            rebase=True,
            live_from=settings.live_from,
            now=now,
            stage=stage,
        )
        feeds.append(Feed(source))
        senders |= {key: StageSender(key, stage, now) for key in sources_in(settings.path)}
    return Connected(feeds, senders)


def _problems(settings: ReplaySettings) -> Iterable[str]:
    if not settings.path.is_file():
        yield f"There is no file {settings.path} to replay."


PLATFORM = Platform(
    title="A recorded day",
    settings=ReplaySettings,
    connect=_connect,
    asks="Nothing: no account, no token, no network.",
    steps=("Name a file of JSON lines in `path`, or see the bundled day: answerback demo",),
    replies_with=(),
    problems=_problems,
)
