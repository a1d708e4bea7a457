"""The laws that every store must keep, whatever database is behind it.

A new store joins by one more line in `FACTORIES`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import intake
from desk.model.case import CaseId
from desk.model.mention import MentionId
from desk.model.sla import PolicyRule
from desk.ports import Batch
from desk.store import Store, cases, marks, mentions, sources
from desk.store.queue_view import Key, QueueFilter, QueueRow, Shelf, counts, page
from desk.threads import triage_pending
from desk.triage import Rules, TriagePolicy
from tests.kernel import COMPLAINT, FURIOUS, HOUR, NOON, UNSURE, after, post

Factory = Callable[[Path], Store]


def sqlite(folder: Path) -> Store:
    return Store(folder / "desk.db")


FACTORIES: list[Factory] = [sqlite]


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def factory(request: pytest.FixtureRequest) -> Factory:
    made: Factory = request.param
    return made


@pytest.fixture
def store(factory: Factory, tmp_path: Path) -> Iterator[Store]:
    store = factory(tmp_path)
    yield store
    store.close()


def put(store: Store, name: str, value: int) -> None:
    with store.write() as db:
        marks.put(db, name, value)


def got(store: Store, name: str) -> int:
    with store.read() as db:
        return marks.get(db, name)


def test_what_was_written_is_there_for_another_store_on_the_same_place(
    factory: Factory, store: Store, tmp_path: Path
) -> None:
    put(store, "a", 1)
    again = factory(tmp_path)
    assert got(again, "a") == 1
    again.close()


def test_an_error_takes_the_whole_transaction_back(store: Store) -> None:
    put(store, "a", 1)
    with pytest.raises(ZeroDivisionError), store.write() as db:
        marks.put(db, "a", 2)
        marks.put(db, "b", 3)
        _ = 1 // 0
    assert (got(store, "a"), got(store, "b")) == (1, 0)
    put(store, "a", 4)
    assert got(store, "a") == 4, "and the store goes on"


def test_an_inner_transaction_takes_only_itself_back(store: Store) -> None:
    with store.write() as db:
        marks.put(db, "outer", 1)
        with pytest.raises(ZeroDivisionError), store.write() as inner:
            marks.put(inner, "inner", 1)
            _ = 1 // 0
        marks.put(db, "after", 1)
    assert (got(store, "outer"), got(store, "inner"), got(store, "after")) == (1, 0, 1)


def test_an_inner_transaction_goes_with_its_outer_one(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write():
        put(store, "inner", 1)
        assert got(store, "inner") == 1, "a read inside sees what was written"
        _ = 1 // 0
    assert got(store, "inner") == 0


def test_a_read_keeps_nothing(store: Store) -> None:
    with store.read() as db:
        marks.put(db, "a", 1)
    assert got(store, "a") == 0


def test_a_read_sees_one_moment(factory: Factory, store: Store, tmp_path: Path) -> None:
    other = factory(tmp_path)
    put(store, "a", 1)
    with store.read() as db:
        assert marks.get(db, "a") == 1
        put(other, "a", 2)
        assert marks.get(db, "a") == 1
    assert got(store, "a") == 2
    other.close()


def test_the_data_version_moves_with_others_commits_only(
    factory: Factory, store: Store, tmp_path: Path
) -> None:
    other = factory(tmp_path)
    before = store.data_version()
    put(store, "a", 1)
    assert got(store, "a") == 1
    assert store.data_version() == before
    put(other, "a", 2)
    moved = store.data_version()
    assert moved != before
    assert store.data_version() == moved
    other.close()


@pytest.mark.parametrize("shared", [True, False], ids=["one store", "a store each"])
def test_three_writers_lose_nothing(factory: Factory, store: Store, tmp_path: Path, shared: bool) -> None:
    """Read, add one, write: a lost update would show in the sum."""
    stores = [store if shared else factory(tmp_path) for _ in range(3)]
    failures: list[BaseException] = []
    start = threading.Barrier(3)

    def work(mine: Store) -> None:
        try:
            start.wait()
            for _ in range(60):
                with mine.write() as db:
                    marks.put(db, "sum", marks.get(db, "sum") + 1)
        except BaseException as failure:  # noqa: BLE001 - told by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert got(store, "sum") == 180
    for mine in stores:
        if mine is not store:
            mine.close()


def test_two_processes_that_take_the_same_batch_keep_each_post_once(
    factory: Factory, store: Store, tmp_path: Path
) -> None:
    batch = Batch(tuple(post(str(n), by=f"user{n % 7}") for n in range(60)), cursor="60")
    stores = [store, factory(tmp_path)]
    new: list[MentionId] = []
    start = threading.Barrier(2)

    def work(mine: Store) -> None:
        start.wait()
        for _ in range(3):
            new.extend(intake.record(mine, "test", batch, NOON).new)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == sorted({mention.id for mention in batch.mentions})
    with store.read() as db:
        assert db.execute("SELECT count(*), count(DISTINCT customer_id) FROM mentions").fetchone() == (60, 7)
        assert sources.cursor(db, "test") == "60"
    stores[1].close()


RULES = Rules(TriagePolicy(), [PolicyRule(HOUR)])
TEXTS = [COMPLAINT, FURIOUS, UNSURE]


def fill(store: Store, facts: list[tuple[int, int, str]]) -> None:
    """A case for each (minutes after noon, verdict, brand)."""
    posts = [
        post(str(n), f"word{n % 3} common", after(minute), by=f"user{n}", thread=f"t{n}", brand=brand)
        for n, (minute, _, brand) in enumerate(facts)
    ]
    intake.record(store, "test", Batch(posts), after(10_000))
    with store.write() as db:
        mentions.save_verdicts(db, zip(posts, (TEXTS[number] for _, number, _ in facts), strict=True))
    triage_pending(store, RULES, after(10_000))


def walk(store: Store, wanted: QueueFilter, limit: int) -> list[QueueRow]:
    rows: list[QueueRow] = []
    key: Key | None = None
    while True:
        found = page(store, wanted, key, limit)
        assert len(found.rows) <= limit
        rows += found.rows
        key = found.next_key
        if key is None:
            return rows
        assert len(found.rows) == limit, "only the last page may be short"


facts = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.sampled_from(["fernway", "acme"])), max_size=12
)


@pytest.fixture(scope="module", params=FACTORIES, ids=lambda factory: factory.__name__)
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Store]:
    return lambda: request.param(tmp_path_factory.mktemp("store"))


@settings(max_examples=25)
@given(facts=facts, limit=st.integers(1, 5), closed=st.sets(st.integers(1, 12)))
def test_law_pages_in_a_row_are_one_big_sort(
    fresh: Callable[[], Store],
    facts: list[tuple[int, int, str]],
    limit: int,
    closed: set[int],
) -> None:
    store = fresh()
    fill(store, facts)
    with store.write() as db:
        for case_id in closed:
            db.execute(
                "UPDATE cases SET state = 'resolved', due_at = NULL, due_clock = NULL WHERE id = ?",
                (case_id,),
            )
        everything = [
            case for n in range(1, len(facts) + 1) if (case := cases.get(db, CaseId(n))) is not None
        ]
    assert len(everything) == len(facts)
    far = after(days=9_999)
    wanted = sorted(everything, key=lambda case: (case.due_at or far, -case.severity, case.id))
    for shelf in (Shelf.ALL, Shelf.TODO, Shelf.CLOSED):
        for brand in (None, "acme"):
            seen = [row.case for row in walk(store, QueueFilter(shelf, brand=brand), limit)]
            assert seen == [
                case
                for case in wanted
                if brand in (None, case.brand)
                and (shelf is Shelf.ALL or (case.state == "resolved") == (shelf is Shelf.CLOSED))
            ]
            assert len(seen) == counts(store, QueueFilter(brand=brand), NOON).by_shelf[shelf]
    store.close()


HOSTILE = [
    '"',
    '""',
    "'",
    "NEAR(",
    "NEAR(a b, 2)",
    "*",
    "a*",
    "a OR",
    "AND",
    "NOT x",
    "text:zebra",
    "-zebra",
    "^zebra",
    "(",
    ")",
    "{handle}",
    "word0 + word1",
    "😀",
    "\x00",
    "a\x00b",
    "%_",
    "'; DROP TABLE cases; --",
    "\u202e\u200b",
    "ا" * 500,
]


@pytest.mark.parametrize("words", HOSTILE, ids=repr)
def test_whatever_a_person_types_is_searched_for_and_never_obeyed(store: Store, words: str) -> None:
    fill(store, [(0, 0, "fernway")])
    assert page(store, QueueFilter(search=words)).rows == ()
    assert counts(store, QueueFilter(search=words), NOON).by_shelf[Shelf.ALL] == 0
    assert len(page(store, QueueFilter()).rows) == 1


@given(words=st.text(max_size=20))
def test_law_no_search_fails(searched: Store, words: str) -> None:
    page(searched, QueueFilter(search=words))


@pytest.fixture(scope="module")
def searched(fresh: Callable[[], Store]) -> Store:
    store = fresh()
    fill(store, [(n, 0, "fernway") for n in range(6)])
    return store


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", 6),
        ("   ", 6),
        ("common", 6),
        ("COMMON", 6),
        ("comm", 6),  # the last word from its beginning
        ("word0", 2),
        ("common word1", 2),
        ("word0 word1", 0),  # all of them
        ("com word1", 0),  # earlier words whole
        ("user3", 1),  # the handle
        ("User3", 1),  # the name
        ("word0!", 2),
        ('"word0"', 2),
    ],
)
def test_searching_finds_posts_handles_and_names(searched: Store, words: str, found: int) -> None:
    assert len(page(searched, QueueFilter(search=words)).rows) == found
    assert counts(searched, QueueFilter(search=words), NOON).by_shelf[Shelf.TODO] == found


def test_search_is_blind_to_accents(store: Store) -> None:
    intake.record(store, "test", Batch([post("1", "Das Päckchen aus Łódź, café")]), NOON)
    with store.write() as db:
        mentions.save_verdicts(db, [(post("1", "Das Päckchen aus Łódź, café"), COMPLAINT)])
    triage_pending(store, RULES, NOON)
    for words in ("packchen", "PÄCKCHEN", "cafe"):
        assert len(page(store, QueueFilter(search=words)).rows) == 1, words


def test_overdue_counts_only_what_is_our_turn(store: Store) -> None:
    fill(store, [(0, 0, "fernway"), (1, 0, "fernway"), (5, 0, "acme")])
    assert counts(store, QueueFilter(), after(59)).overdue == 0
    assert counts(store, QueueFilter(), after(61)).overdue == 2
    assert counts(store, QueueFilter(brand="acme"), after(61)).overdue == 0
    assert counts(store, QueueFilter(), after(65)).overdue == 3
    with store.write() as db:
        db.execute("UPDATE cases SET state = 'waiting' WHERE id = 1")
    assert counts(store, QueueFilter(), after(65)).overdue == 2


def test_a_page_of_my_cases_shows_no_others(store: Store) -> None:
    fill(store, [(n, 0, "fernway") for n in range(4)])
    with store.write() as db:
        db.execute("UPDATE cases SET state = 'assigned', assignee = 'mia' WHERE id IN (2, 3)")
        db.execute("UPDATE cases SET state = 'assigned', assignee = 'leo' WHERE id = 4")
    assert [row.case.id for row in page(store, QueueFilter(Shelf.MINE, agent="mia")).rows] == [2, 3]
    assert page(store, QueueFilter(Shelf.MINE, agent="")).rows == ()
    assert [row.case.id for row in page(store, QueueFilter(Shelf.TODO)).rows] == [1, 2, 3, 4]
