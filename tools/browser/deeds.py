"""Words by which a page says that an action is a deed: something that others notice, or that can't be taken back.

English, and the other languages most used on European sites, with their inflections where a tells enough. A word
may mean something harmless in another place or language; then the user is asked once too often.
"""

from __future__ import annotations

import re

# Whole words, or stems with ``*``. In the order: pay, buy, order, book, give, move money; send, post, share, answer, invite;
# sign up and off; delete, empty, cancel, close; agree, grant; upload, vote, report.
_WORDS = {
    "en": "pay* buy* purchase* order checkout check#out book reserve donate transfer withdraw send submit post publish share "
    "tweet retweet reply forward comment message invite apply sign#up register subscribe unsubscribe delete remove erase "
    "destroy discard trash empty cancel close#account deactivate terminate confirm agree accept approve authorise authorize "
    "grant revoke upload install vote block report place#order",
    "de": "bezahl* zahlen zahlungspflichtig* kauf* bestell* zur#kasse buchen reservier* spende* überweis* abheben senden absend* "
    "abschick* verschick* einreich* veröffentlich* teilen antworten weiterleit* kommentier* einlad* bewerb* registrier* "
    "abonnier* abbestell* kündig* lösch* entfern* leeren stornier* abbrechen deaktivier* bestätig* zustimm* akzeptier* "
    "genehmig* hochlad* installier* abstimm* blockier* melden",
    "fr": "payer paiement acheter achat commander réserver donner virement virer retirer envoyer soumettre valider publier partager "
    "répondre transférer commenter inviter postuler inscrire s'inscrire abonner désabonner supprimer effacer enlever vider "
    "annuler résilier désactiver confirmer accepter approuver autoriser révoquer téléverser installer voter bloquer signaler",
    "es": "pagar pago comprar compra pedir pedido reservar donar transferir retirar enviar publicar compartir responder reenviar "
    "comentar invitar solicitar registrar* suscribir* eliminar borrar quitar vaciar cancelar desactivar confirmar aceptar "
    "aprobar autorizar revocar subir instalar votar bloquear denunciar",
    "it": "paga* acquista* compra* ordina* prenota* dona* trasferisci bonifico preleva* invia* pubblica* condividi rispondi inoltra* "
    "commenta* invita* candidati registrati iscriviti disiscriviti elimina* cancella* rimuovi svuota* annulla* disattiva* "
    "conferma* accetta* approva* autorizza* revoca* installa* vota* blocca* segnala*",
    "pt": "pagar pagamento comprar compra encomendar pedido reservar doar transferir levantar sacar enviar publicar partilhar "
    "compartilhar responder encaminhar comentar convidar candidatar registar registrar subscrever inscrever excluir eliminar "
    "apagar remover esvaziar cancelar desativar confirmar aceitar aprovar autorizar revogar carregar instalar votar bloquear "
    "denunciar",
    "nl": "betaal* betalen koop kopen bestel* afrekenen boek* reserveer* doneer* overmaken opnemen verstuur* verzend* stuur plaats "
    "publiceer* deel delen beantwoord* doorsturen reageer* uitnodig* solliciteer* registreer* abonneer* opzeggen verwijder* "
    "wissen leegmaken annuleer* deactiveer* bevestig* accepteer* goedkeur* uploaden installeer* stemmen blokkeer* "
    "rapporteer*",
    "pl": "zapłać płać kup kupuję zamów zamawiam rezerwuj zarezerwuj przelej wypłać wyślij opublikuj udostępnij odpowiedz prześlij "
    "skomentuj zaproś aplikuj zarejestruj* zapisz#się subskrybuj usuń skasuj opróżnij anuluj dezaktywuj potwierdź zaakceptuj "
    "akceptuj zatwierdź zainstaluj głosuj zablokuj zgłoś",
    "sv": "betala köp* beställ* boka reservera donera överför* skicka publicera dela svara vidarebefordra kommentera bjud#in ansök* "
    "registrera prenumerera ta#bort radera töm avbryt avboka inaktivera bekräfta godkänn* acceptera installera rösta blockera",
    "da": "betal* køb* bestil* reserver* doner* overfør* send offentliggør svar videresend kommenter inviter ansøg tilmeld* afmeld* "
    "slet fjern tøm annuller* deaktiver* bekræft* godkend* accepter* installer bloker",
    "nb": "kjøp* bestill* betal* reserver* doner* overfør* publiser* slett fjern tøm avbryt kanseller* bekreft* godkjenn* godta "
    "blokker* meld#deg#på meld#deg#av",
    "fi": "maksa* osta* tilaa* varaa lahjoita siirrä lähetä julkaise jaa vastaa kutsu rekisteröidy poista tyhjennä peruuta vahvista "
    "hyväksy asenna äänestä estä ilmoita",
    "cs": "zaplatit koupit objednat rezervovat darovat převést odeslat poslat zveřejnit sdílet odpovědět přeposlat komentovat pozvat "
    "registrovat odebírat smazat odstranit vyprázdnit zrušit potvrdit přijmout schválit nahrát instalovat hlasovat zablokovat",
    "ro": "plătește plătiți cumpără comandă rezervă donează transferă trimite publică distribuie răspunde invită înregistrează abonează "
    "șterge elimină golește anulează confirmă acceptă aprobă instalează votează blochează",
    "hu": "fizetés fizetek vásárlás megveszem megrendel* rendelés foglalás küldés elküld* közzétesz* megoszt* válasz meghív* regisztráci* "
    "törlés eltávolít* lemond* megerősít* elfogad* jóváhagy* telepít* szavaz*",
    "el": "πληρωμή πλήρωσε αγορά αγόρασε παραγγελία κράτηση δωρεά αποστολή στείλε δημοσίευση κοινοποίηση απάντηση εγγραφή διαγραφή "
    "αφαίρεση ακύρωση επιβεβαίωση αποδοχή έγκριση εγκατάσταση ψήφισε",
    "ru": "оплат* заплат* купи* заказ* забронир* пожертв* перевест* перевод отправ* послать опублик* поделиться ответить переслать "
    "пригласить зарегистр* подписаться отписаться удал* очистить отмен* подтверд* соглас* принять одобр* установить голосовать "
    "заблокировать",
    "tr": "öde ödeme* satın#al sipariş* rezerv* bağış* gönder* yayınla* paylaş* yanıtla* davet* kaydol abone#ol sil kaldır boşalt iptal "
    "onayla* kabul#et yükle oyla engelle",
}
# Scripts without spaces between words: anywhere in a name.
_PARTS = {
    "ja": "購入 注文 支払 決済 予約 送信 投稿 公開 共有 返信 転送 招待 応募 登録 退会 解約 削除 取消 キャンセル 確定 同意 承認 申し込 申込",
    "zh": "购买 購買 支付 付款 下单 下單 订购 预订 預訂 捐款 转账 轉帳 发送 發送 提交 发布 發佈 分享 回复 回覆 邀请 注册 註冊 订阅 删除 刪除 取消 "
    "确认 確認 同意 批准",
    "ko": "결제 구매 주문 예약 기부 이체 보내기 전송 제출 게시 공유 답장 초대 가입 구독 삭제 취소 해지 확인 동의 승인",
    "ar": "ادفع الدفع شراء اشتر اطلب حجز احجز تبرع تحويل إرسال ارسال أرسل نشر مشاركة دعوة تسجيل اشتراك حذف إلغاء الغاء تأكيد موافق قبول",
}
# Addresses of links that do something when they are followed.
_ADDRESS = re.compile(
    r"/(delete|destroy|remove|unsubscribe|cancel|confirm|approve|revoke|deactivate|pay)(?=[/?#.]|$)",
    re.IGNORECASE,
)


def _stem(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\w*").replace(r"\#", r"\s+")


_STEMS = sorted({_stem(word) for words in _WORDS.values() for word in words.split()}, key=len, reverse=True)
_DEEDS = re.compile(
    rf"(?<!\w)(?:{'|'.join(_STEMS)})(?!\w)|{'|'.join(part for parts in _PARTS.values() for part in parts.split())}",
    re.IGNORECASE,
)


def deed_in(name: str) -> str | None:
    """Return the word of a name that says what an action does, None when none does."""
    found = _DEEDS.search(name)
    return found.group(0) if found else None


def deed_at(url: str) -> str | None:
    """Return the word of a link's address that says so."""
    found = _ADDRESS.search(url.partition("?")[0])
    return found.group(1) if found else None
