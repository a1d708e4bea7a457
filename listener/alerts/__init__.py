"""Where alerts go: chats and webhooks."""
