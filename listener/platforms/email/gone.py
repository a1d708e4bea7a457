"""Mails that have left their folder: deleted, or put somewhere else?

Who tidies a mailbox moves mails all day. Only a mail that is in no folder any more, or in the one of rubbish,
was deleted; where that cannot be told, it was not.
"""

from __future__ import annotations

from collections.abc import Sequence

from listener.platforms.email.answers import MailboxError
from listener.platforms.email.cursor import Seen
from listener.platforms.email.ids import parts_of_id
from listener.platforms.email.imap import Mailbox


def gone_from(mailbox: Mailbox, lost: Sequence[Seen], folder: str) -> tuple[list[str], list[str]]:
    """External ids of those that are deleted, and of those that are elsewhere. Leaves another folder open.

    Raises MailboxError where the server cannot be asked now.
    """
    folders = mailbox.kept_folders()
    if folders is None:
        return [], [mail.id for mail in lost]
    # Without an id of its own nothing finds a mail in another folder.
    missing = {mail.id: message_id for mail in lost if (message_id := parts_of_id(mail.id)[1])}
    for name in (folder, *(other for other in folders if other != folder)):
        if not missing:
            break
        try:
            mailbox.open(name)
        except MailboxError as error:
            if not error.permanent:
                raise
            continue  # a folder that cannot be opened holds nothing for us
        for external, message_id in list(missing.items()):
            if mailbox.with_field("Message-ID", f"<{message_id}>"):
                del missing[external]
    return list(missing), [mail.id for mail in lost if mail.id not in missing]
