"""Tests against real servers of other projects, which a test starts itself; see `make test-platforms`."""
