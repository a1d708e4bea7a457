"""Replies by e-mail: one attempt each under an id of its own, and a read-back that can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from desk.errors import InputError, SendError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost
from desk.ports import Now
from listener.doubt import Doubts
from listener.platforms.email.account import Copies, EmailAccount
from listener.platforms.email.answers import MailboxError
from listener.platforms.email.compose import ComposeError, compose, needs_utf8, token_of
from listener.platforms.email.ids import external_id, own_id, parts_of_id
from listener.platforms.email.imap import Mailbox
from listener.platforms.email.kinds import answered_at, replyable
from listener.platforms.email.letter import OWN_FIELD, Letter, LetterError, read_letter
from listener.platforms.email.posts import SOURCE
from listener.platforms.email.smtp import Outcome, SmtpError, deliver
from listener.platforms.email.source import READ_LIMIT

log = logging.getLogger(__name__)

_LATER_SECONDS = 60.0
_CANNOT_TELL_SECONDS = 900.0
_SAME_ID_LIMIT = 20
"""Mails of one Message-ID, or without any, that are read in search of the one to answer."""


class EmailSender:
    """Answers from the brands' own mailboxes. To be used by one thread at a time."""

    def __init__(
        self,
        accounts: Sequence[EmailAccount],
        *,
        now: Now,
        timeout_seconds: float = 20,
        answer_seconds: float = 60,
        settle_seconds: float = 300,
    ) -> None:
        """Any number of mailboxes. `answer_seconds`: how long a server may take to accept a mail;
        `settle_seconds`: how long one that it accepted may take to show in the mailbox. Raises InputError for
        two accounts of one address."""
        self._voices: dict[str, _Voice] = {}
        for account in accounts:
            if account.key in self._voices:
                raise InputError(f"The mailbox {account.address} is set up twice; keep one.")
            self._voices[account.key] = _Voice(account, now, timeout_seconds, answer_seconds)
        self._doubts = Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Send once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        voice = self._voice(outgoing)
        found = voice.find(outgoing)
        if found is not None:
            return found
        with self._doubts.sending(outgoing):
            return voice.publish(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply in the mailbox. Raises SendLaterError until that is sure."""
        try:
            voice = self._voice(outgoing)
            found = voice.find(outgoing)
        except SendRefusedError as error:
            # Nobody can look: that says nothing about what is out.
            raise SendLaterError(str(error), retry_after_seconds=_CANNOT_TELL_SECONDS) from error
        if found is not None:
            self._doubts.end(outgoing)
            return found
        if not voice.can_tell:
            raise SendLaterError(
                f"Whether reply {outgoing.reply_id} was sent cannot be told, because the mail server keeps "
                f"no copy by itself. It is not sent again. Look into the server's log, or ask "
                f'{outgoing.handle}; with copies = "copy" in the config every reply can be found.',
                retry_after_seconds=_CANNOT_TELL_SECONDS,
            )
        self._doubts.not_there(outgoing, f"the mailbox {voice.account.address}")
        return None

    def _voice(self, outgoing: Outgoing) -> _Voice:
        try:
            mailbox, _, _ = parts_of_id(outgoing.in_reply_to)
        except LetterError as error:
            raise SendRefusedError(f"{error}; nothing was sent.") from error
        voice = self._voices.get(mailbox)
        if voice is None or voice.account.brand != outgoing.brand:
            raise SendRefusedError(
                f"No mailbox {mailbox} with an SMTP server is set up for brand {outgoing.brand}; nothing was "
                "sent. Add it to the config."
            )
        return voice


class _Voice:
    """One mailbox that writes."""

    def __init__(
        self, account: EmailAccount, now: Now, timeout_seconds: float, answer_seconds: float
    ) -> None:
        self.account = account
        self._now, self._timeout_seconds, self._answer_seconds = now, timeout_seconds, answer_seconds
        self._mailbox = Mailbox(account, timeout_seconds=timeout_seconds)
        self._server_keeps = account.copies is Copies.SERVER

    @property
    def can_tell(self) -> bool:
        """Whether a reply that is not in the mailbox was not sent."""
        return self._server_keeps or self.account.copies is Copies.COPY

    def publish(self, outgoing: Outgoing) -> SentPost:
        with self._asking():
            letter = self._original(outgoing)
        allowed = replyable(letter, self.account)
        to = answered_at(letter, self.account)
        if to is None or not allowed.allowed:
            raise SendRefusedError(f"{allowed.reason} Nothing was sent.")
        at = self._now().replace(microsecond=0)
        try:
            message = compose(outgoing, letter, to, self.account, at)
        except ComposeError as error:
            raise SendRefusedError(f"{error}; nothing was sent.") from error
        recipients = [str(message["To"].addresses[0].addr_spec)]
        if self.account.copies is Copies.COPY:
            # Accepted for all or for nobody: where this copy is, the reply was sent.
            recipients.append(self.account.address)
        try:
            deliver(
                self.account,
                message,
                recipients,
                utf8=needs_utf8(to.address),
                timeout_seconds=self._timeout_seconds,
                answer_seconds=self._answer_seconds,
            )
        except SmtpError as error:
            raise _send_error(outgoing, error) from error
        self._file(outgoing, message.as_bytes(), at)
        return self._sent(outgoing, at)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """The reply in the folder of sent mail, as a copy, or named by an answer to it."""
        token = token_of(outgoing, self.account)
        with self._asking():
            found = self._in_sent(token)
            if found is None:
                self._mailbox.open(self.account.folder)
                found = self._carrying(token)
                if found is None and self._mailbox.with_field("References", f"<{token}>"):
                    # The customer, or a server that could not deliver it, refers to it.
                    return self._sent(outgoing, outgoing.approved_at)
        return None if found is None else self._sent(outgoing, found.dated or outgoing.approved_at)

    def _in_sent(self, token: str) -> Letter | None:
        self._mailbox.open(self._mailbox.sent_folder())
        return self._carrying(token)

    def _carrying(self, token: str) -> Letter | None:
        """The mail in the open folder that is the reply called so."""
        uids = self._mailbox.with_field("Message-ID", f"<{token}>")
        # Some providers put an id of their own in place of ours.
        uids = uids or self._mailbox.with_field(OWN_FIELD, token)
        for raw in (self._mailbox.beginnings(uids[:1], READ_LIMIT) if uids else {}).values():
            letter = read_letter(raw)
            if token in {letter.own_token, letter.message_id}:
                return letter
        return None

    def _original(self, outgoing: Outgoing) -> Letter:
        """The mail to answer. Raises SendRefusedError where it is nowhere."""
        _, message_id, _ = parts_of_id(outgoing.in_reply_to)
        others = self._mailbox.kept_folders() or []
        for folder in (self.account.folder, *(name for name in others if name != self.account.folder)):
            self._mailbox.open(folder)
            if message_id:
                uids = self._mailbox.with_field("Message-ID", f"<{message_id}>")
            else:
                uids = self._mailbox.written_by(outgoing.handle, without_id=True)
            for uid in reversed(uids[-_SAME_ID_LIMIT:]):
                raw = self._mailbox.beginnings([uid], READ_LIMIT).get(uid)
                try:
                    letter = None if raw is None else read_letter(raw)
                except LetterError:
                    continue
                if letter is not None and external_id(self.account, letter) == outgoing.in_reply_to:
                    return letter
        raise SendRefusedError(
            f"The mail is in no folder of {self.account.address} any more, so neither its subject nor where "
            "its writer wants answers is known; nothing was sent. "
            "Move it back, or answer in your mail program."
        )

    def _file(self, outgoing: Outgoing, raw: bytes, at: datetime) -> None:
        """Put a copy into the folder of sent mail, where the server has not done so itself."""
        if self.account.copies is not Copies.APPEND or self._server_keeps:
            return
        try:
            if self._in_sent(token_of(outgoing, self.account)) is not None:
                self._server_keeps = True
                return
            self._mailbox.append(self._mailbox.sent_folder(), raw, at)
        except (MailboxError, LetterError) as error:
            # It was sent, and the desk knows: that no copy is filed must not make it sent again.
            log.warning("Reply %d was sent, but not filed among the sent mail: %s.", outgoing.reply_id, error)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around questions to the mailbox, before anything has left."""
        try:
            yield
        except MailboxError as error:
            if error.permanent:
                raise SendRefusedError(f"{error}. Nothing was sent.") from error
            raise SendLaterError(f"{error}; nothing was sent.", retry_after_seconds=_LATER_SECONDS) from error

    def _sent(self, outgoing: Outgoing, at: datetime) -> SentPost:
        return SentPost(
            external_id=own_id(self.account, token_of(outgoing, self.account)),
            created_at=at,
            author_id=self.account.key,
            author_handle=self.account.address,
        )


def _send_error(outgoing: Outgoing, error: SmtpError) -> SendError:
    match error.outcome:
        case Outcome.REFUSED:
            return SendRefusedError(f"{error}. Nothing was sent.")
        case Outcome.LATER:
            return SendLaterError(f"{error}; nothing was sent.", retry_after_seconds=_LATER_SECONDS)
        case Outcome.UNKNOWN:
            return SendUnknownError(
                f"Reply {outgoing.reply_id} left, but {error}. It is looked for in the mailbox first."
            )
