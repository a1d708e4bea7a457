"""The schema, step by step. A released step is never edited: a change is a new step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("answerback")

_M001 = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE accounts (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    handle TEXT NOT NULL,
    customer_id INTEGER NOT NULL REFERENCES customers(id),
    legal_basis TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
) STRICT;
CREATE INDEX accounts_by_customer ON accounts(customer_id);

-- An operator's own records, matched by handle when they are read: one that fits nobody yet waits here.
CREATE TABLE customer_records (
    source TEXT NOT NULL,
    handle TEXT NOT NULL,
    origin TEXT NOT NULL,
    fields TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    PRIMARY KEY (source, handle, origin)
) STRICT;

-- `seq` is what the search index points to: a text key alone would let VACUUM renumber the rows.
CREATE TABLE mentions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    conversation TEXT NOT NULL,
    in_reply_to TEXT,
    brand TEXT NOT NULL,
    author_id TEXT NOT NULL,
    handle TEXT NOT NULL,
    author_name TEXT NOT NULL,
    customer_id INTEGER REFERENCES customers(id),
    from_brand INTEGER NOT NULL CHECK (from_brand IN (0, 1)),
    automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    private INTEGER NOT NULL CHECK (private IN (0, 1)),
    created_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    text TEXT NOT NULL,
    language TEXT,
    url TEXT,
    replyable INTEGER NOT NULL CHECK (replyable IN (0, 1)),
    replyable_reason TEXT NOT NULL,
    awaits_verdict INTEGER NOT NULL CHECK (awaits_verdict IN (0, 1)),
    decision TEXT,
    reasons TEXT,
    case_id INTEGER REFERENCES cases(id)
) STRICT;
CREATE INDEX mentions_by_conversation ON mentions(conversation, created_at);
CREATE INDEX mentions_by_customer ON mentions(customer_id, created_at);
CREATE INDEX mentions_by_case ON mentions(case_id, created_at);
CREATE INDEX mentions_by_time ON mentions(created_at);
CREATE INDEX mentions_unclassified ON mentions(created_at, seq) WHERE awaits_verdict = 1;
CREATE INDEX mentions_undecided ON mentions(created_at, seq) WHERE decision IS NULL;
CREATE INDEX mentions_copies ON mentions(case_id, created_at) WHERE decision = 'copy';

CREATE TABLE verdicts (
    mention_id TEXT PRIMARY KEY REFERENCES mentions(id),
    complaint REAL NOT NULL CHECK (complaint BETWEEN 0 AND 1),
    is_complaint INTEGER NOT NULL CHECK (is_complaint IN (0, 1)),
    needs_look INTEGER NOT NULL CHECK (needs_look IN (0, 1)),
    negative REAL NOT NULL,
    neutral REAL NOT NULL,
    positive REAL NOT NULL,
    language TEXT NOT NULL,
    model TEXT NOT NULL,
    embedding BLOB NOT NULL,
    anger REAL NOT NULL,
    abuse REAL NOT NULL,
    reason TEXT NOT NULL,
    reason_score REAL NOT NULL
) STRICT;

-- Why a verdict is as it is: asked by a desk, answered by the process that classifies. NULL: not yet.
CREATE TABLE explanations (
    mention_id TEXT PRIMARY KEY REFERENCES verdicts(mention_id) ON DELETE CASCADE,
    asked_at INTEGER NOT NULL,
    words TEXT,
    model TEXT
) STRICT;
CREATE INDEX explanations_unanswered ON explanations(asked_at) WHERE words IS NULL;

-- What was promised to whom, under the digest of its definition, so that an old report can be made again.
CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    definition TEXT NOT NULL
) STRICT;

-- A projection of `events`: rewritten from them after each one, never edited otherwise.
CREATE TABLE cases (
    id INTEGER PRIMARY KEY,
    conversation TEXT NOT NULL,
    source TEXT NOT NULL,
    brand TEXT NOT NULL,
    customer_id INTEGER NOT NULL REFERENCES customers(id),
    opening TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'assigned', 'waiting', 'snoozed', 'resolved', 'dismissed')),
    severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 3),
    assignee TEXT,
    policy_id TEXT NOT NULL REFERENCES policies(id),
    opened_at INTEGER NOT NULL,
    due_at INTEGER,
    due_clock TEXT,
    snoozed_until INTEGER,
    first_response_at INTEGER,
    closed_at INTEGER,
    last_mention_id TEXT NOT NULL REFERENCES mentions(id),
    last_customer_at INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    linked_case_id INTEGER REFERENCES cases(id),
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX cases_by_conversation ON cases(conversation, customer_id);
CREATE INDEX cases_by_customer ON cases(customer_id, opened_at);
CREATE INDEX cases_by_opening ON cases(opened_at);
CREATE INDEX cases_open_due ON cases(coalesce(due_at, 9223372036854775807), severity DESC, id)
    WHERE state NOT IN ('resolved', 'dismissed');
CREATE INDEX cases_closed ON cases(-coalesce(closed_at, 0), severity DESC, id)
    WHERE state IN ('resolved', 'dismissed');
CREATE INDEX cases_snoozed ON cases(snoozed_until) WHERE state = 'snoozed';
CREATE INDEX cases_mine ON cases(assignee) WHERE state NOT IN ('resolved', 'dismissed');

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL REFERENCES cases(id) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    mention_id TEXT REFERENCES mentions(id),
    data TEXT NOT NULL,
    UNIQUE (case_id, kind, mention_id)
) STRICT;
CREATE INDEX events_by_case ON events(case_id, seq);
CREATE INDEX events_by_mention ON events(mention_id);
CREATE TRIGGER events_are_not_edited BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE drafts (
    case_id INTEGER NOT NULL REFERENCES cases(id),
    agent TEXT NOT NULL,
    text TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (case_id, agent)
) STRICT;

CREATE TABLE replies (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL REFERENCES cases(id),
    mention_id TEXT NOT NULL REFERENCES mentions(id),
    source TEXT NOT NULL,
    brand TEXT NOT NULL,
    text TEXT NOT NULL,
    agent TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('approved', 'sending', 'sent', 'unconfirmed', 'failed', 'cancelled')),
    approved_at INTEGER NOT NULL,
    send_after INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempted_at INTEGER,
    external_id TEXT,
    sent_at INTEGER,
    error TEXT NOT NULL
) STRICT;
-- Two agents cannot both have a reply on its way to the same customer.
CREATE UNIQUE INDEX replies_one_live ON replies(case_id)
    WHERE state IN ('approved', 'sending', 'unconfirmed');
CREATE INDEX replies_by_question ON replies(mention_id);
CREATE INDEX replies_by_post ON replies(source, external_id);
CREATE INDEX replies_due ON replies(send_after) WHERE state IN ('approved', 'sending', 'unconfirmed');

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('breach_ahead', 'breach', 'urgent', 'source_silent')),
    case_id INTEGER REFERENCES cases(id),
    source TEXT,
    "window" TEXT NOT NULL,
    at INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    CHECK ((case_id IS NULL) <> (source IS NULL))
) STRICT;
CREATE UNIQUE INDEX alerts_of_cases ON alerts(case_id, kind, "window") WHERE case_id IS NOT NULL;
CREATE UNIQUE INDEX alerts_of_sources ON alerts(source, kind, "window") WHERE source IS NOT NULL;

CREATE TABLE deliveries (
    alert_id INTEGER NOT NULL REFERENCES alerts(id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'moot', 'dead')),
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (alert_id, channel)
) STRICT;
CREATE INDEX deliveries_due ON deliveries(next_attempt_at) WHERE state = 'pending';

CREATE TABLE sources (
    name TEXT PRIMARY KEY,
    cursor TEXT,
    state TEXT NOT NULL,
    last_success_at INTEGER,
    last_error TEXT NOT NULL,
    newest_post_at INTEGER,
    headroom TEXT,
    -- Why a person is needed, since when; and since when, until when, and how often it is listened to.
    permanent_since INTEGER,
    interval_seconds REAL,
    listened_since INTEGER,
    listened_until INTEGER
) STRICT;

-- The posts that opened cases, as their copies are recognised, and those for the brand.
CREATE TABLE wordings (
    mention_id TEXT PRIMARY KEY REFERENCES mentions(id) ON DELETE CASCADE,
    exact TEXT NOT NULL,
    simhash BLOB NOT NULL,
    words INTEGER NOT NULL
) STRICT;
-- A near copy shares at least one of eight bands; a cut-off retweet of the brand shares how it begins.
CREATE TABLE wording_bands (
    band INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    mention_id TEXT NOT NULL REFERENCES wordings(mention_id) ON DELETE CASCADE,
    PRIMARY KEY (band, created_at, mention_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX wording_bands_by_mention ON wording_bands(mention_id);

-- When a post is to be looked at again, on platforms whose feeds do not tell that it is gone.
-- A table of its own: the search index follows every change of `mentions`.
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY REFERENCES mentions(seq) ON DELETE CASCADE,
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX looks_due ON looks(source, due_at);
CREATE INDEX looks_recent ON looks(source, created_at);

-- What platforms have charged, by source, month in UTC ("2026-11") and kind.
CREATE TABLE spending (
    account TEXT NOT NULL,
    month TEXT NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL,
    reads INTEGER NOT NULL,
    PRIMARY KEY (account, month, kind)
) STRICT;

-- The caps of the config that runs, and the last month in which one of them stopped the reading.
CREATE TABLE budgets (
    account TEXT PRIMARY KEY,
    micro_usd INTEGER,
    reads INTEGER,
    stopped_month TEXT
) STRICT;

-- Stretches of time from which posts may be missing for good.
CREATE TABLE gaps (
    source TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (source, since, until)
) STRICT;

-- How far a step that reads the event log has come.
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- What could not be read: kept whole and listed, so that nothing is lost.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    position TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    UNIQUE (source, position, reason)
) STRICT;
"""


@MIGRATIONS()
def m001_first_schema(db: Database) -> None:
    for statement in _statements(_M001):
        db.conn.execute(statement)
    db["mentions"].enable_fts(  # type: ignore[union-attr]
        ["text", "handle", "author_name"],
        create_triggers=True,
        tokenize="unicode61 remove_diacritics 2",
    )


@MIGRATIONS()
def m002_equal_words(db: Database) -> None:
    db.conn.execute("CREATE INDEX wordings_by_words ON wordings(exact)")


@MIGRATIONS()
def m003_waiting_in_a_conversation(db: Database) -> None:
    """A chat is one conversation: what waits in it is found without reading all that was ever said there."""
    db.conn.execute(
        "CREATE INDEX mentions_unclassified_in_conversation ON mentions(conversation, created_at) "
        "WHERE awaits_verdict = 1"
    )


def _statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
