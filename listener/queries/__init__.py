"""Listening queries in the words of platforms that can say less.

A compiled query finds at least what the query means (a superset): what a platform cannot say is left out
where that widens, and the query itself then decides on every post that comes. It never loses one, except
where a caller of `to_x` asks for that (`keep_negated_words`).
"""
