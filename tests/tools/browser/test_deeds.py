"""What may be irreversible: by words of many languages, and by how a page is built."""

from __future__ import annotations

import pytest

from agentkit.tools.browser import Action, irreversible, observe
from agentkit.tools.browser import actions as act
from agentkit.tools.browser.deeds import deed_at, deed_in

from .conftest import named

DEEDS = """Pay now|Delete account|Jetzt kostenpflichtig bestellen|In den Papierkorb löschen|Konto kündigen|Zahlungspflichtig buchen
Payer maintenant|Supprimer le compte|S'inscrire|Pagar ahora|Eliminar cuenta|Enviar|Paga adesso|Elimina|Pagar agora|Excluir conta
Nu betalen|Account verwijderen|Zapłać teraz|Usuń konto|Betala nu|Ta bort|Køb nu|Slett konto|Maksa nyt|Poista tili|Zaplatit|Smazat účet
Plătește acum|Șterge contul|Megrendelem|Πληρωμή|Διαγραφή λογαριασμού|Оплатить|Удалить аккаунт|Satın al|Hesabı sil
注文を確定する|アカウントを削除|立即购买|删除|결제하기|ادفع الآن|حذف الحساب""".replace("\n", "|").split("|")
HARMLESS = """Next|Search|Show more|Menu|Weiter|Suchen|Mehr anzeigen|Suivant|Rechercher|Siguiente|Buscar|Avanti|Cerca|Volgende|Zoeken
Dalej|Szukaj|Nästa|Næste|Neste|Seuraava|Hae|Další|Hledat|Înainte|Tovább|Επόμενο|Далее|Sonraki|次へ|検索|下一页|다음|التالي
Sender|Borderline|Repository|Detalles del producto|Carica altro""".replace("\n", "|").split("|")


@pytest.mark.parametrize("name", DEEDS)
def test_deeds_are_known_in_many_languages(name):
    assert deed_in(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_leads_on_is_no_deed(name):
    assert deed_in(name) is None


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://x.org/posts/3/delete", "delete"),
        ("https://x.org/unsubscribe?u=1", "unsubscribe"),
        ("https://x.org/deleted-scenes", None),
        ("https://x.org/?next=/delete", None),
    ],
)
def test_addresses_that_do_something(url, word):
    assert deed_at(url) == word


async def test_a_button_beside_a_filled_in_card_number_is_irreversible_whatever_its_name(visit):
    session = await visit("/payment.html")
    page = await observe(session)
    button = Action.on(page, "click", named(page, "Weiter").id)
    assert irreversible(page, button) is None
    await act.fill(session, named(page, "Karte").id, "4111 1111 1111 1111")
    page = await observe(session)
    assert "Karte" in (irreversible(page, Action.on(page, "click", named(page, "Weiter").id)) or "")
    enter = Action.on(page, "press", named(page, "Karte").id, "Enter")
    assert "payment" in (irreversible(page, enter) or "")
    assert irreversible(page, Action.on(page, "click", named(page, "Help").id)) is None


@pytest.mark.parametrize("name", ["Rails", "Htmx"])
async def test_what_declares_that_it_sends_is_irreversible(visit, name):
    page = await observe(await visit("/payment.html"))
    assert "DELETE" in (irreversible(page, Action.on(page, "click", named(page, name).id)) or "")
