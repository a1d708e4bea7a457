"""Half an hour of listening and answering, compressed into a minute, under faults and kills."""
