"""Tasks and pages in other languages, from the task's values to the form that arrives."""

from __future__ import annotations

import pytest

from agentkit.agents.web import WebAgent
from agentkit.agents.web.order import named
from agentkit.agents.web.values import values_in

from .chooser import Chooser
from .writer import Writer, steps

TASKS = {
    "de": ("Registriere dich mit dem Namen „Änne Groß“ und der Stadt „Köln“.", "Änne Groß", "Köln"),
    "ja": ("名前に「山田」、都市に「大阪」と入力して、登録してください。", "山田", "大阪"),
    "ar": ("سجّل بالاسم «أحمد علي» والمدينة «القاهرة».", "أحمد علي", "القاهرة"),
}
FIELDS = {
    "de": ("Name", "Stadt", "Registrieren"),
    "ja": ("名前", "都市", "登録する"),
    "ar": ("الاسم", "المدينة", "تسجيل"),
}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Melde dich mit dem Namen Ada Groß in Köln an.", {"Ada Groß": "namen", "Köln": "groß in"}),
        ("Suche nach „Schuhe“ und ‹Socken›", {"Schuhe": "suche nach", "Socken": ""}),
        ("名前に山田、都市に大阪を入力", {"山田": "名前", "大阪": "都市"}),
        ("パスワードは「ひみつ」です", {"ひみつ": "パスワード"}),
        ("Найди город Москву и «Анна Каренина»", {"Анна Каренина": "", "Москву": "найди город"}),
        ("ابحث عن «كتاب»", {"كتاب": "ابحث عن"}),
    ],
)
def test_values_are_found_in_other_languages(task, expected) -> None:
    found = {value.text: value.cue for value in values_in(task)}
    for text, cue in expected.items():
        assert text in found, found
        assert found[text].endswith(cue), found


def test_names_are_found_where_no_spaces_stand() -> None:
    assert named("登録", "山田を登録する")
    assert not named("削除", "山田を登録する")


@pytest.mark.parametrize("policy", ["rank", "generate"])
@pytest.mark.parametrize("language", TASKS)
async def test_a_form_is_filled_in_its_own_language(site, browser, language, policy) -> None:
    (task, name, city), (first, second, button) = TASKS[language], FIELDS[language]
    wanted = (
        f'type "{name}" into textbox "{first}"',
        f'type "{city}" into textbox "{second}"',
        f'click button "{button}"',
    )
    writer = Writer(
        steps(
            ("fill", f'textbox "{first}"', name),
            ("fill", f'textbox "{second}"', city),
            ("click", f'button "{button}"'),
        )
    )
    model = Chooser(*wanted, "finish") if policy == "rank" else writer
    web = WebAgent(model, policy=policy, memory="off", browser=browser)
    paused = await web.arun(task, url=f"{site.url}/{language}")
    # The values are the user's own; what is asked is whether to send the form.
    assert paused.status == "needs_input", paused.error
    assert paused.question is not None
    assert f'"{button}"' in paused.question.text
    assert f'{first} = "{name}" (your task)' in (paused.question.why or "")
    assert (await web.aresume(paused, "yes")).status == "done"
    assert site.received == [{"name": name, "city": city}]
