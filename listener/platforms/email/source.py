"""E-mail over IMAP: a folder of incoming mail, or the one of sent mail, as a source.

Sent mail is read so that replies which people wrote in their mail program stop clocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from desk.errors import InputError, SourceError
from desk.model.mention import Mention, mention_id
from desk.ports import BadRecord, Batch, Gap, Now
from listener.platforms.email.account import EmailAccount
from listener.platforms.email.answers import UNKNOWN_SIZE, Envelope, Folder, Found, MailboxError, batches
from listener.platforms.email.cursor import Cursor, Seen
from listener.platforms.email.gone import gone_from
from listener.platforms.email.ids import conversation_id, external_id, id_in, id_of
from listener.platforms.email.imap import Mailbox
from listener.platforms.email.letter import Letter, LetterError, is_own_token, read_letter
from listener.platforms.email.mime import HEADER_LIMIT, split
from listener.platforms.email.posts import SOURCE, is_by_brand, to_mention
from listener.platforms.email.threads import Known, Threads
from listener.text import mend

READ_LIMIT = 2_000_000
"""Bytes of one mail that are read: its words come before its pictures. Part of what ids are made from."""
_FETCH_LIMIT = 8_000_000
"""Bytes that one request may bring."""
_PAGE_LIMIT = 24_000_000
"""Bytes that one page may bring; it has fewer mails where they are large."""
_RAW_LIMIT = 16_000
"""Characters of a mail that could not be read that are kept: its headers, and how it begins."""
_MARGIN = timedelta(days=2)
"""How far back a folder that was numbered anew is read again, before the newest mail that is known."""
_ASCENT_LIMIT = 10


class EmailFeed(StrEnum):
    INBOX = "inbox"
    SENT = "sent"


@dataclass(slots=True)
class _Page:
    mentions: list[Mention] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


class EmailSource:
    """One folder of one mailbox. Nothing in it is changed or marked as read."""

    def __init__(
        self,
        account: EmailAccount,
        *,
        feed: EmailFeed,
        now: Now,
        name: str | None = None,
        interval_seconds: float = 60,
        page_size: int = 50,
        first_hours: float = 24,
        lookback: int = 60,
        timeout_seconds: float = 30,
        threads: Threads | None = None,
    ) -> None:
        """`first_hours`: how far back the first pass reads; `lookback`: how many of the newest mails are
        looked for again, to see which are gone; `threads` may be shared with the mailbox's other feed."""
        self._account, self._feed, self._now = account, feed, now
        self._name = name or f"{SOURCE}:{account.key}:{feed}"
        if not 1 <= page_size <= 500:
            raise InputError(f"Source {self._name}: page_size must be 1 to 500, not {page_size}.")
        if not 0 <= lookback <= 1_000:
            raise InputError(f"Source {self._name}: lookback must be 0 to 1,000, not {lookback}.")
        self._interval_seconds, self._page_size = interval_seconds, page_size
        self._first_hours, self._lookback = first_hours, lookback
        self._mailbox = Mailbox(account, timeout_seconds=timeout_seconds)
        self._threads = threads or Threads()

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return self._interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """The next mails, or else which of the last ones are gone.

        Raises SourceError: permanent where the password, the folder or the server's address is wrong.
        """
        now = self._now()
        if cursor is None:
            at = Cursor.first(now - timedelta(hours=self._first_hours))
        else:
            at = Cursor.parse(cursor, self._name)
        for mail in at.seen:
            message_id = id_in(mail.id)
            root = mail.root or conversation_id(self._account, message_id)
            self._threads.learn(message_id, Known(mail.id, root))
        try:
            name = self._folder_name()
            folder = self._mailbox.open(name)
            at = self._numbered(at, folder, now)
            found = self._next(at, folder)
            if found.uids:
                return self._read(at, found.uids, now)
            if found.up_to < folder.next_uid - 1:
                return Batch(cursor=replace(at, uid=found.up_to).dump(), more=True)
            return self._look_again(at)
        except MailboxError as error:
            raise self._failure(error) from error

    def _folder_name(self) -> str:
        return self._account.folder if self._feed is EmailFeed.INBOX else self._mailbox.sent_folder()

    def _numbered(self, at: Cursor, folder: Folder, now: datetime) -> Cursor:
        if at.validity == folder.validity:
            return at
        high = max(folder.next_uid - 1, 0)
        if at.validity is None:
            return replace(at, validity=folder.validity, high=high)
        latest = at.latest_at
        since = at.since_at if latest is None else max(at.since_at, latest - _MARGIN)
        return at.numbered_anew(folder.validity, high, since, now)

    def _next(self, at: Cursor, folder: Folder) -> Found:
        if at.uid < at.high:
            # A day earlier, because the server's calendar may be behind; the exact time is looked at later.
            since = at.since_at - timedelta(days=1)
            found = self._mailbox.uids_after(at.uid, folder, since=since, last=at.high)
            if found.uids or found.up_to < at.high:
                return found
        return self._mailbox.uids_after(max(at.uid, at.high), folder)

    def _read(self, at: Cursor, uids: Sequence[int], now: datetime) -> Batch:
        asked = uids[: self._page_size]
        envelopes = self._envelopes(asked)
        groups = batches(
            ((uid, min(e.size, READ_LIMIT)) for uid, e in sorted(envelopes.items())), _PAGE_LIMIT
        )
        wanted = groups[0] if groups else []
        last = wanted[-1] if len(groups) > 1 else asked[-1]
        unread = [uid for uid in wanted if uid > at.high or self._is_recent(envelopes[uid], at)]
        raws = self._raws([(uid, envelopes[uid]) for uid in unread])
        page = _Page()
        for uid, raw in raws.items():
            self._take(uid, raw, envelopes[uid], at, page, now)
        after = replace(at, uid=last).with_seen(page.seen, (bad.position for bad in page.bad), self._lookback)
        return Batch(page.mentions, (), page.bad, cursor=after.dump(), more=last < uids[-1])

    def _envelopes(self, uids: Sequence[int]) -> dict[int, Envelope]:
        """Of all that are still there: a mail that the server is silent about is read nevertheless."""
        found = self._mailbox.envelopes(uids)
        silent = self._mailbox.existing([uid for uid in uids if uid not in found])
        return found | dict.fromkeys(silent, Envelope(UNKNOWN_SIZE, None))

    def _is_recent(self, envelope: Envelope, at: Cursor) -> bool:
        return envelope.arrived_at is None or envelope.arrived_at >= at.since_at

    def _raws(self, wanted: Sequence[tuple[int, Envelope]]) -> dict[int, bytes | None]:
        """What each mail begins with; None where the server has it and does not hand it over."""
        found: dict[int, bytes | None] = {}
        for group in batches(((uid, min(e.size, READ_LIMIT)) for uid, e in wanted), _FETCH_LIMIT):
            try:
                found |= self._mailbox.beginnings(group, READ_LIMIT)
            except MailboxError as error:
                if not error.refused:
                    raise
                # One mail that is damaged on the server must not keep back those beside it.
                for uid in group:
                    found |= self._single(uid)
        lost = [uid for uid, _ in wanted if uid not in found]
        found |= dict.fromkeys(self._mailbox.existing(lost), None)
        return {uid: found[uid] for uid, _ in wanted if uid in found}

    def _single(self, uid: int) -> dict[int, bytes]:
        try:
            return self._mailbox.beginnings([uid], READ_LIMIT)
        except MailboxError as error:
            if not error.refused:
                raise
            return {}

    def _take(
        self, uid: int, raw: bytes | None, envelope: Envelope, at: Cursor, page: _Page, now: datetime
    ) -> None:
        try:
            if raw is None:
                raise LetterError("the mail server has it, but does not hand it over")
            letter = read_letter(raw)
            if self._is_told_elsewhere(letter):
                return
            is_cut = len(raw) >= READ_LIMIT and envelope.size != len(raw)
            if is_cut and not letter.text:
                raise LetterError(
                    f"it has {_size(envelope)}, and its words are not among the first {READ_LIMIT:,}"
                )
            mention = self._mention(letter, envelope, now, is_cut=is_cut)
        except LetterError as error:
            record = self._bad(uid, raw, at, envelope, str(error))
            if record.position not in {*at.bad, *(bad.position for bad in page.bad)}:
                page.bad.append(record)
            return
        known = {mail.id for mail in (*at.seen, *page.seen)}
        root = mention.conversation_id
        is_root = root == conversation_id(self._account, id_in(mention.external_id))
        arrived = int(mention.created_at.timestamp())
        page.seen.append(Seen(uid, mention.external_id, "" if is_root else root, arrived))
        # A copy of a mail that is known, or a known one under a new number, is not told again.
        if mention.external_id not in known:
            page.mentions.append(mention)

    def _is_told_elsewhere(self, letter: Letter) -> bool:
        """A copy, among the incoming mail, of what the brand has sent: the other feed tells of it."""
        if self._feed is EmailFeed.SENT or not is_by_brand(letter, self._account):
            return False
        if is_own_token(letter.own_token):
            return True
        return letter.message_id is not None and self._look_up_sent(letter.message_id) is not None

    def _mention(self, letter: Letter, envelope: Envelope, now: datetime, *, is_cut: bool) -> Mention:
        is_sent = self._feed is EmailFeed.SENT
        root = self._root(letter)
        parent = self._threads.get(letter.parent)
        if parent is None and letter.parent is not None and is_sent:
            # Whom a reply answers is told by the mail above it.
            parent = self._look_up(letter.parent, self._account.folder)
        mention = to_mention(
            letter,
            self._account,
            root=root,
            parent=None if parent is None else parent.id,
            is_sent=is_sent,
            arrived_at=envelope.arrived_at or min(letter.dated or now, now),
            received_at=now,
            note=f"[the rest of this mail of {_size(envelope)} was not read]" if is_cut else "",
        )
        self._threads.learn(id_of(letter, self._account), Known(mention.external_id, root))
        return mention

    def _root(self, letter: Letter, above: int = 0) -> str:
        """The conversation: by what is known, by what the mail tells, or by asking for what it answers."""
        known = self._threads.root_of(letter)
        if known is not None:
            return known
        if letter.references:
            return conversation_id(self._account, letter.references[0])
        if letter.parent is not None:
            found = None
            if above < _ASCENT_LIMIT:
                found = self._look_up(letter.parent, self._account.folder, above + 1)
                found = found or self._look_up_sent(letter.parent, above + 1)
            return conversation_id(self._account, letter.parent) if found is None else found.root
        own = external_id(self._account, letter)
        taken = self._threads.get(letter.message_id)
        # Two mails of one id are two conversations; who answers either is taken to answer the first.
        if taken is None:
            return conversation_id(self._account, id_of(letter, self._account))
        return taken.root if taken.id == own else own

    def _look_up_sent(self, message_id: str, above: int = 0) -> Known | None:
        try:
            return self._look_up(message_id, self._mailbox.sent_folder(), above)
        except MailboxError as error:
            if not error.permanent:
                raise
            return None

    def _look_up(self, message_id: str, folder: str, above: int = 0) -> Known | None:
        """A mail above, read from a folder; None where it is not there."""
        self._mailbox.open(folder)
        try:
            uids = self._mailbox.with_field("Message-ID", f"<{message_id}>")[:1]
            raws = self._mailbox.beginnings(uids, READ_LIMIT) if uids else {}
            letter = next((read_letter(raw) for raw in raws.values()), None)
        except LetterError:
            return None
        except MailboxError as error:
            if not error.refused:
                raise
            return None
        finally:
            self._mailbox.open(self._folder_name())
        if letter is None or letter.message_id != message_id:
            return None
        found = Known(external_id(self._account, letter), self._root(letter, above))
        self._threads.learn(message_id, found)
        return found

    def _look_again(self, at: Cursor) -> Batch:
        """Nothing is new: which of the last mails are gone?"""
        gaps: list[Gap] = []
        until = at.until_at
        if until is not None:
            at, gaps = self._after_renumbering(at, until)
        uids = {mail.uid for mail in at.seen if mail.uid}
        left = self._mailbox.existing(uids)
        lost = [mail for mail in at.seen if mail.uid and mail.uid not in left]
        gone, kept = gone_from(self._mailbox, lost, self._folder_name()) if lost else ((), ())
        at = replace(at.without([*gone, *kept]), uid=max(at.uid, at.high))
        deleted = [mention_id(SOURCE, external) for external in gone]
        return Batch((), deleted, gaps=gaps, cursor=at.dump())

    def _after_renumbering(self, at: Cursor, until: datetime) -> tuple[Cursor, list[Gap]]:
        """All is read again under new numbers. A folder without any mail that was known is another folder:
        what came into the old one after the last look is lost."""
        missing = [mail for mail in at.seen if not mail.uid]
        gaps: list[Gap] = []
        if missing and not at.met:
            latest = max(mail.at for mail in missing)
            since = datetime.fromtimestamp(latest, tz=until.tzinfo)
            reason = (
                f'The mail server has replaced the folder "{self._folder_name()}": no mail that was read '
                "before is in it, so mails that came in between may be missing."
            )
            gaps.append(Gap(min(since, until), until, reason))
        at = replace(at, until=None, met=False)
        return at.without([mail.id for mail in missing]), gaps

    def _failure(self, error: MailboxError) -> SourceError:
        where = f"Source {self._name}: {error}"
        if error.permanent:
            return SourceError(f"{where}.", permanent=True)
        return SourceError(f"{where}; asked again later.")

    def _bad(self, uid: int, raw: bytes | None, at: Cursor, envelope: Envelope, reason: str) -> BadRecord:
        """Named by what the mail says, so that it is one record under every number that it gets."""
        if raw is None:
            return BadRecord(f"mail {at.validity}/{uid}", f"UID {uid}, {_size(envelope)}", reason)
        head, _ = split(raw[: HEADER_LIMIT + READ_LIMIT])
        shown = raw if len(head) < _RAW_LIMIT else head
        key = hashlib.sha256(raw).hexdigest()[:12]
        return BadRecord(f"mail {key}", mend(shown[:_RAW_LIMIT].decode("utf-8", "replace")), reason)


def _size(envelope: Envelope) -> str:
    return "very many bytes" if envelope.size >= UNKNOWN_SIZE else f"{envelope.size:,} bytes"
