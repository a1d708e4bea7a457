"""Everything that talks to platforms and chats: sources, reply senders, alert channels."""
