"""The fault matrix: every platform under every fault, through the real loop, store and outbox."""
