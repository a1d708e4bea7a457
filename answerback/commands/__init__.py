"""One module a command: reads its options, calls the parts, prints. No rules live here."""
