"""Giveaways and advertisements are named with a reason; a complaint never is."""

from __future__ import annotations

import time

import pytest

from desk.model.spam import giveaway_or_spam


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GIVEAWAY time! Follow us and tag two friends to win a Fernway coat", "A giveaway"),
        ("Fernway ÇEKİLİŞ! Beğen, takip et, arkadaşını etiketle, mont senin olsun", "A giveaway"),
        ("Розыгрыш! Подпишись и сделай репост, приз — куртка Fernway", "A giveaway"),
        ("Gewinnspiel: Folge uns und gewinne eine Jacke von Fernway", "A giveaway"),
        ("¡Sorteo Fernway! Sigue la cuenta y comparte", "A giveaway"),
        ("SORTEIO Fernway: siga, curta e marque dois amigos", "A giveaway"),
        ("مسابقة فيرنواي تابعونا واربح معطف", "A giveaway"),
        ("Follow & RT for a chance of a Fernway voucher", "follows and shares"),
        ("RT + follow to win one of ten coats", "follows and shares"),
        ("Fernway AIRDROP is live, claim your tokens at https://x.example", "crypto or trading"),
        ("Guaranteed returns with bitcoin, 500 traders trust us", "crypto or trading"),
        ("Fernway is hiring! Store associate, apply here https://x.example", "job advertisement"),
        ("Вакансия: продавец в Fernway, зарплата от 60000 руб", "job advertisement"),
        ("Fernway coats: S $40, M $45, L $50. Order now, WhatsApp 0123", "price list"),
        ("Montlar 400 TL, 500 TL, 650 TL, kapıda ödeme", "price list"),
    ],
)
def test_what_is_named_and_why(text: str, reason: str) -> None:
    found = giveaway_or_spam(text)
    assert found is not None
    assert reason in found
    assert "“" in found


@pytest.mark.parametrize(
    "text",
    [
        "I won your giveaway, did follow and retweet, and never got the prize",
        "Your giveaway is rigged, I entered and the winner works for you",
        "Follow and RT to win, they said. Where is my coat?",
        "Çekilişi kazandım ama hediyem gelmedi, kimse dönüş yapmıyor",
        "Выиграла в розыгрыше, приз так и не прислали",
        "Ich habe beim Gewinnspiel gewonnen und bekomme keine Antwort",
        "Gané el sorteo y nunca llegó el premio",
        "You charged me $20, then $35, then $50 for one coat that is for sale at $15",
        "Paid with bitcoin, guaranteed delivery in two days, nothing came",
        "If you are hiring, apply some sense: three weeks for a reply",
        "Bought three coats: $40, $45 and $50. One has a hole in it",
        "I would like to follow up on my order",
        "My Fernway parcel is late",
        "",
    ],
)
def test_what_may_be_a_complaint_is_let_through(text: str) -> None:
    assert giveaway_or_spam(text) is None


@pytest.mark.parametrize(
    "unit", ["giveaway ", "follow", "1", "$1", "follow and ", "1,", "rt @", "#", "\u0301"]
)
def test_no_text_takes_long(unit: str) -> None:
    started = time.process_time()
    giveaway_or_spam(unit * 20_000)
    assert time.process_time() - started < 1
