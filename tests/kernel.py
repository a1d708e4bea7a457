"""Builders and small stand-ins for tests of the kernel: posts, verdicts, a sender, a channel, a desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from desk import intake, outbox, threads
from desk.model.alert import Notice
from desk.model.calendar import BusinessCalendar
from desk.model.case import Case, CaseId
from desk.model.event import Event
from desk.model.mention import Author, Mention, MentionId, Replyable
from desk.model.reply import Outgoing, Reply, SentPost
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.model.timeline import Span, spans
from desk.model.verdict import Sentiment, Verdict
from desk.ports import BadRecord, Batch
from desk.store import Store, cases, events, mentions, replies
from desk.triage import Rules, TriagePolicy

BRAND = "fernway"


def utc(text: str) -> datetime:
    """`2026-11-17 12:00` as an aware time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = utc("2026-11-17 12:00")
"""A Tuesday; most scenarios begin here."""


def after(minutes: float = 0, *, hours: float = 0, days: float = 0) -> datetime:
    """So long after NOON."""
    return NOON + timedelta(minutes=minutes, hours=hours, days=days)


def post(
    external_id: str,
    text: str = "My parcel never came",
    at: datetime = NOON,
    *,
    by: str = "anna",
    thread: str = "t1",
    source: str = "bluesky",
    reply_to: str | None = None,
    seen: datetime | None = None,
    brand: str = BRAND,
    replyable: Replyable = Replyable(),  # noqa: B008
    language: str | None = "en",
    name: str = "",
    private: bool = False,
) -> Mention:
    """A customer's post, seen when it was written."""
    return Mention(
        source=source,
        external_id=external_id,
        conversation_id=thread,
        in_reply_to=reply_to,
        brand=brand,
        author=Author(f"id-{by}", by, name or by.title()),
        from_brand=False,
        created_at=at,
        received_at=seen or at,
        text=text,
        language=language,
        replyable=replyable,
        private=private,
    )


def brand_post(
    external_id: str,
    text: str = "Sorry, we are on it",
    at: datetime = NOON,
    *,
    thread: str = "t1",
    source: str = "bluesky",
    reply_to: str | None = None,
    automatic: bool = False,
    brand: str = BRAND,
) -> Mention:
    """The brand's own post, made in the platform's app."""
    return Mention(
        source=source,
        external_id=external_id,
        conversation_id=thread,
        in_reply_to=reply_to,
        brand=brand,
        author=Author("id-brand", brand, brand.title()),
        from_brand=True,
        created_at=at,
        received_at=at,
        text=text,
        automatic=automatic,
    )


def verdict(
    complaint: float = 0.9,
    *,
    is_complaint: bool | None = None,
    needs_look: bool = False,
    negative: float = 0.5,
    language: str = "en",
) -> Verdict:
    return Verdict(
        complaint=complaint,
        is_complaint=complaint >= 0.5 if is_complaint is None else is_complaint,
        needs_look=needs_look,
        sentiment=Sentiment(negative, 1 - negative, 0.0),
        language=language,
        model="test-1",
        embedding=b"\0" * 4,
    )


COMPLAINT = verdict(0.9)
PRAISE = verdict(0.05, negative=0.05)
UNSURE = verdict(0.3, needs_look=True)
FURIOUS = verdict(0.97, negative=0.95)


class WordPredictor:
    """Knows four kinds of text by one word each; everything else is a complaint."""

    version = "test-1"

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        return [self._one(text.casefold()) for text in texts]

    @staticmethod
    def _one(text: str) -> Verdict:
        for word, said in (("furious", FURIOUS), ("hmm", UNSURE), ("love", PRAISE), ("thank", PRAISE)):
            if word in text:
                return said
        return COMPLAINT


WEEKDAYS_9_TO_17 = BusinessCalendar(
    "office", "Europe/Berlin", (((time(9), time(17)),),) * 5 + ((),) * 2, frozenset()
)
HOUR = SlaPolicy("hour", first_response_seconds=3600, next_response_seconds=1800, resolution_seconds=86_400)
"""First answer within an hour, the next ones within half an hour, resolved within a day, around the clock."""


class Desk:
    """A store and the pipeline around it, driven by hand."""

    def __init__(
        self,
        path: Path,
        *,
        policy: SlaPolicy = HOUR,
        triage: TriagePolicy = TriagePolicy(),  # noqa: B008
    ) -> None:
        self.store = Store(path)
        self.rules = Rules(triage, [PolicyRule(policy)])
        self.predictor = WordPredictor()

    def record(
        self,
        *posts: Mention,
        now: datetime | None = None,
        deleted: Sequence[str] = (),
        bad: Sequence[BadRecord] = (),
        cursor: str | None = None,
    ) -> intake.Intake:
        moment = now or max((p.received_at for p in posts), default=NOON)
        gone = tuple(MentionId(each) for each in deleted)
        return intake.record(
            self.store, "test", Batch(posts, deleted=gone, bad=tuple(bad), cursor=cursor), moment
        )

    def classify(self, limit: int = 100) -> int:
        with self.store.read() as db:
            waiting = mentions.unclassified(db, limit)
        read = self.predictor.predict([mention.text for mention in waiting])
        with self.store.write() as db:
            mentions.save_verdicts(db, zip(waiting, read, strict=True))
        return len(waiting)

    def triage(self, now: datetime, limit: int = 200) -> int:
        return threads.triage_pending(self.store, self.rules, now, limit)

    def take(self, *posts: Mention, now: datetime | None = None, deleted: Sequence[str] = ()) -> None:
        """Record, classify and triage."""
        moment = now or max((p.received_at for p in posts), default=NOON)
        self.record(*posts, now=moment, deleted=deleted)
        self.classify()
        self.triage(moment)

    def case(self, case_id: int = 1) -> Case:
        with self.store.read() as db:
            case = cases.get(db, CaseId(case_id))
        assert case is not None, f"no case {case_id}"
        return case

    def case_ids(self) -> list[int]:
        with self.store.read() as db:
            return [row[0] for row in db.execute("SELECT id FROM cases ORDER BY id").fetchall()]

    def log(self, case_id: int = 1) -> list[Event]:
        with self.store.read() as db:
            return events.of_case(db, CaseId(case_id))

    def spans(self, case_id: int = 1) -> list[Span]:
        with self.store.read() as db:
            return spans(events.of_case(db, CaseId(case_id)), events.policies(db))

    def span(self, clock: Clock, case_id: int = 1) -> Span:
        """The only run of a clock."""
        (found,) = [span for span in self.spans(case_id) if span.clock is clock]
        return found

    def mention(self, mention_id: str) -> Mention:
        with self.store.read() as db:
            found = mentions.get(db, MentionId(mention_id))
        assert found is not None, f"no mention {mention_id}"
        return found

    def decision(self, mention_id: str) -> tuple[str | None, int | None]:
        """What the triage decided on a mention, and its case."""
        with self.store.read() as db:
            row = db.execute("SELECT decision, case_id FROM mentions WHERE id = ?", (mention_id,)).fetchone()
        return row[0], row[1]

    def reply(self, reply_id: int = 1) -> Reply:
        with self.store.read() as db:
            return next(
                reply
                for row in db.query("SELECT * FROM replies WHERE id = ?", (reply_id,))
                for reply in [replies.reply_of(row)]
            )

    def approve(
        self, text: str = "We are sorry", *, now: datetime, agent: str = "mia", case: int = 1
    ) -> Reply:
        return outbox.approve(self.store, CaseId(case), agent=agent, text=text, now=now)

    def answer(
        self,
        sender: FakeSender,
        text: str = "We are sorry",
        *,
        now: datetime,
        agent: str = "mia",
        case: int = 1,
    ) -> None:
        """Approve and send at once, so that the platform's time is `now`."""
        outbox.approve(self.store, CaseId(case), agent=agent, text=text, now=now, undo_seconds=0)
        assert outbox.send_due(self.store, {sender.source: sender}, now) == 1


class FakeSender:
    """A platform that keeps what it publishes, and fails as it is told: one entry of `script` a call."""

    def __init__(self, source: str = "bluesky", *script: Exception | None) -> None:
        self.source = source
        self.script = list(script)
        self.find_script: list[Exception | None] = []
        self.published: list[Outgoing] = []
        self.attempts: list[Outgoing] = []
        self.clock: datetime | None = None
        self.publish_before_failing = False

    def send(self, outgoing: Outgoing) -> SentPost:
        self.attempts.append(outgoing)
        failure = self.script.pop(0) if self.script else None
        if failure is None or self.publish_before_failing:
            self.published.append(outgoing)
        if failure is not None:
            raise failure
        return self._sent(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        failure = self.find_script.pop(0) if self.find_script else None
        if failure is not None:
            raise failure
        return self._sent(outgoing) if outgoing in self.published else None

    def _sent(self, outgoing: Outgoing) -> SentPost:
        return SentPost(
            external_id=f"out-{outgoing.reply_id}",
            created_at=self.clock or outgoing.approved_at,
            author_id="id-brand",
            author_handle=BRAND,
        )


class FakeChannel:
    """A chat that keeps what it took, and fails as it is told."""

    def __init__(self, name: str = "chat", *script: Exception | None) -> None:
        self.name = name
        self.script = list(script)
        self.took: list[Notice] = []
        self.tries = 0

    def deliver(self, notice: Notice) -> None:
        self.tries += 1
        failure = self.script.pop(0) if self.script else None
        if failure is not None:
            raise failure
        self.took.append(notice)
