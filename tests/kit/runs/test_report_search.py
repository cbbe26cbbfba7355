"""The search in the report: what is told of it, and that one can follow it in a real browser."""

from __future__ import annotations

import itertools
import json

import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import expect
from reading import HOSTILE, harmless, open_report, report

from agentkit.contracts import event as ev
from agentkit.contracts.result import Evidence
from agentkit.runs.report import events_of, write_report
from agentkit.runs.report_search import Search, main_score, searches

SHOWN = "document.querySelectorAll('.region:not(.later)').length"


def look(node: int, above: int | None = None, *, about: str = "cup", image: str = "a", **more) -> ev.Looked:
    depth = 0 if above is None else 1
    return ev.Looked(
        image=image, box=(0, 0, 100 - node, 80), about=about, node=node, above=above, depth=depth, **more
    )


def part(node: int, **more) -> ev.Part:
    return ev.Part(node=node, box=(0, 0, 9, 9), **more)


def one(events) -> Search:
    (search,) = searches(events)
    return search


# What is told of a search.


def test_a_search_replayed_after_a_crash_counts_once(tmp_path):
    run = recorded.search_run(tmp_path / "r")
    events = events_of(run.folder)
    search = one([*events, *events])
    assert [region.order for region in search.visited] == [1, 2, 3, 4]
    assert [search.path(region)[0].node for region in search.visited] == [0, 0, 0, 0]
    assert len(search.looks) == 4
    assert len(search.found) == 1


def test_a_second_look_with_other_scores_is_another_moment():
    search = one([look(0), look(1, 0, scores={"visits": 1.0}), look(1, 0, scores={"visits": 2.0})])
    assert [item.region.node for item in search.looks] == [0, 1, 1]
    assert search.regions[1].orders == [2, 3]
    assert search.regions[1].scores == {"visits": 2.0}
    assert search.regions[1].title.startswith("2, 3: ")


def test_regions_wait_until_they_are_looked_at_or_given_up():
    search = one(
        [
            look(0, parts=[part(1, scores={"exists": 0.4}), part(2), part(3, closed=True)]),
            look(1, 0, scores={"exists": 0.1}, parts=[part(4)]),
            look(2, 0),
        ]
    )
    assert [item.waiting for item in search.looks] == [2, 2, 1]
    assert {node: region.state for node, region in search.regions.items()} == {
        0: "visited",
        1: "visited",
        2: "visited",
        3: "closed",
        4: "waiting",
    }
    assert search.regions[1].hopes == {"exists": 0.4}
    assert (search.regions[1].since, search.regions[4].since) == (1, 2)


def test_a_full_scan_of_several_things_is_a_search_for_each():
    """Its root is never looked at, and its regions have the same numbers in every search."""
    tiles = [look(node, 0, about=about, sought=about) for about in ("cup", "hat") for node in (1, 2)]
    found = searches(tiles)
    assert [(search.about, len(search.looks)) for search in found] == [("cup", 2), ("hat", 2)]


def test_the_same_search_in_another_turn_is_another_search():
    turns = [look(0, sought="cup", span=f"{turn}:look/1:search") for turn in (2, 5)]
    assert len(searches(turns)) == 2
    assert len(searches([turns[0], turns[0].model_copy(update={"span": "2:look/2:search"})])) == 1


def test_finds_belong_to_their_search_and_their_look():
    cup, hat = (Evidence(kind="region", image="a", box=(1, 1, 5, 5), label=label) for label in ("cup", "hat"))
    events = [
        look(0, sought="cup"),
        look(1, 0, sought="cup"),
        ev.Found(evidence=cup),
        look(0, about="hat", sought="hat"),
        ev.Found(evidence=hat),
        ev.Found(evidence=Evidence(kind="region", image="none", box=(1, 1, 5, 5))),
    ]
    first, second = searches(events)
    assert (first.found, second.found) == ([cup], [hat])
    assert (first.look_at(cup), second.look_at(hat), first.look_at(hat)) == (2, 1, None)


def test_what_is_told_in_the_end_belongs_to_the_region_that_held_it():
    """A search that settles on its best doubtful find says so after its last look, which was elsewhere."""
    looks = [look(0), look(1, 0), look(2, 0)]
    evidence = Evidence(kind="region", image="a", box=(1, 1, 5, 5), path=[looks[1].box])
    search = one([*looks, ev.Found(evidence=evidence)])
    assert [(order, region.node) for order, region, _ in search.finds] == [(3, 1)]
    assert [region.found for region in search.visited] == [False, True, False]


def test_the_strategy_of_the_run_stands_in_where_looks_do_not_say_it():
    assert one([look(0, strategy="dyfo")]).strategy == "dyfo"
    (search,) = searches([look(0)], "zoomeye")
    assert search.strategy == "zoomeye"
    assert search.words.startswith("ZoomEye")
    (search,) = searches([look(0)], "my own")
    assert search.words == ""


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(-1, 12), st.floats(0, 1), st.integers(0, 3)),
        min_size=1,
        max_size=25,
    )
)
def test_any_order_of_looks_can_be_drawn(steps):
    """Even those of a damaged run: regions above that never came, or that go round in a circle."""
    events = [
        look(
            node,
            above if above >= 0 else None,
            sought="cup",
            scores={"exists": score},
            parts=[part(20 + 4 * node + i) for i in range(parts)],
        )
        for node, above, score, parts in steps
    ]
    search = one(events)
    assert len(search.looks) <= len(steps)
    assert all(item.waiting >= 0 for item in search.looks)
    json.dumps(search.data())
    drawn = search.tree()
    spots = {region.node: (x, y) for region, x, y, _ in drawn.spots}
    assert len(spots) == len(drawn.spots) <= len(search.regions)
    for x, y in spots.values():
        assert 0 <= x <= drawn.width
        assert 0 <= y <= drawn.height
    for region in search.visited:
        path = search.path(region)
        assert path[-1] is region
        assert len({step.node for step in path}) == len(path)


def test_a_chain_deeper_than_the_stack_is_drawn():
    chain = [look(node, node - 1 if node else None) for node in range(3000)]
    search = one([replace_depth(event) for event in chain])
    assert [region.node for region in search.top_down()] == list(range(3000))
    assert search.tree().height > 3000


def replace_depth(event: ev.Looked) -> ev.Looked:
    return event.model_copy(update={"depth": event.node})


def test_siblings_do_not_touch_and_parents_are_between():
    parts = [part(node) for node in range(1, 5)]
    search = one([look(0, parts=parts), *(look(node, 0) for node in range(1, 5))])
    drawn = search.tree()
    xs = {region.node: x for region, x, _, _ in drawn.spots}
    radii = {region.node: radius for region, _, _, radius in drawn.spots}
    row = sorted(xs[node] for node in range(1, 5))
    assert xs[0] == pytest.approx(sum(row) / 4)
    assert all(b - a > 2 * max(radii.values()) for a, b in itertools.pairwise(row))


def test_heat_of_a_long_search_keeps_the_file_small(tmp_path):
    search = Search("a", "cup")
    cells = [(0.0, 0.0, 1.0, 1.0, 1.0 / (i + 1)) for i in range(1024)]
    for node in range(100):
        search.add(look(node, heat=cells))
    kept = [len(item["heat"]) for item in search.data()["looks"]]
    assert kept == [200] * 100


@given(st.dictionaries(st.sampled_from(["priority", "exists", "visits", "reward", "x"]), st.floats(-2, 9)))
def test_the_score_that_tells_most_is_shown(scores):
    shown = main_score(scores)
    if "exists" in scores:
        assert shown == min(max(scores["exists"], 0), 1)
    assert shown is None or 0 <= shown <= 1
    assert shown is not None or not any(0 <= value <= 1 for value in scores.values())


# The page.


def test_what_a_search_says_is_escaped(tmp_path):
    page = report(recorded.long_search(tmp_path / "r", 12, about=HOSTILE))
    harmless(page)
    assert page.text.count("window.hit=1") > 10


def test_a_search_without_an_end_says_so(tmp_path):
    page = report(recorded.long_search(tmp_path / "r", 8, end_with=False))
    assert "unfinished 8" not in page.text
    assert "Search for red thing unfinished" in page.text
    run = recorded.long_search(tmp_path / "s", 8, end_with=False)
    recorded.end(run, answer="not visible")
    assert "Search for red thing not found" in report(run).text


def test_several_searches_have_an_overview(tmp_path):
    run = recorded.long_search(tmp_path / "r", 5)
    digest = recorded.picture(run, (60, 900))
    recorded.look_around(run, digest, (60, 900), 4, "blue thing", span="9:look/")
    page = report(run)
    assert {"#search-1", "#search-2"} <= set(page.addresses)
    assert "red thing found · 5 looks" in page.text
    assert "blue thing not found · 4 looks" in page.text


def test_evidence_has_its_box_its_way_and_its_search(tmp_path):
    page = report(recorded.search_run(tmp_path / "r"))
    assert "red thing · 0.93 sure (1700, 900, 1780, 980)" in page.text
    assert "how it was found (look 4 of 4)" in page.text
    assert "found in 1 step" in page.text


# In a browser.


async def test_the_slider_walks_through_the_search(page, tmp_path):
    await open_report(page, recorded.search_run(tmp_path / "r"))
    assert await page.evaluate(SHOWN) == 4
    await page.get_by_label("look", exact=True).fill("2")
    assert await page.evaluate(SHOWN) == 2
    assert (await page.locator(".current .place").inner_text()).startswith(
        "(1200, 800, 2400, 1600), 1200 × 800"
    )
    spoken = await page.get_by_label("look", exact=True).get_attribute("aria-valuetext")
    assert spoken == "look 2 of 4: (1200, 800, 2400, 1600) for red thing: exists 0.3"
    await page.locator("button.node").nth(2).click()
    assert await page.locator("output").inner_text() == "3 of 4"
    assert await page.locator(".close-up").get_attribute("viewBox") == "1200 800 600 400"
    # The bright place of the picture is the region that is looked at.
    assert await page.evaluate("document.querySelector('.spot').style.left") == "50%"


async def test_keys_and_buttons_step_through_time(page, tmp_path):
    await open_report(page, recorded.long_search(tmp_path / "r", 30))
    at = page.locator("output")
    assert await at.inner_text() == "30 of 30"
    await page.get_by_label("one look back").click()
    assert await at.inner_text() == "29 of 30"
    await page.keyboard.press("Home")
    assert await at.inner_text() == "1 of 30"
    await page.keyboard.press("ArrowLeft")
    assert await at.inner_text() == "1 of 30"
    await page.get_by_label("look", exact=True).focus()
    await page.keyboard.press("ArrowRight")
    assert await at.inner_text() == "2 of 30"
    await page.keyboard.press("Space")
    await expect(at).not_to_have_text("2 of 30")
    await page.get_by_label("stop").click()
    assert await page.get_by_role("button", name="play").is_visible()
    await page.get_by_label("last look").click()
    assert await at.inner_text() == "30 of 30"


async def test_finds_are_shown_from_their_look_on(page, tmp_path):
    await open_report(page, recorded.long_search(tmp_path / "r", 12))
    find = page.locator(".frame .find")
    assert await find.is_visible()
    assert "0.93" in await page.locator(".tag.hit").inner_text()
    assert "✓ Found" in await page.locator(".outcome").inner_text()
    await page.get_by_label("look", exact=True).fill("11")
    assert not await find.is_visible()
    # Doubtful: dashed, at its own look only, with what is read there.
    await page.get_by_label("look", exact=True).fill("8")
    assert "“red thing”, 0.20 sure. Not sure enough." in await page.locator(".outcome").inner_text()
    assert await page.locator(".frame .seen").is_visible()
    await page.get_by_role("button", name="look 12", exact=True).click()
    assert await find.is_visible()


async def test_a_find_in_an_earlier_region_is_told_where_it_is(page, tmp_path):
    run = recorded.long_search(tmp_path / "r", 9, end_with=False)
    box = (600.0, 0.0, 1200.0, 400.0)
    find = Evidence(
        kind="region", image=run_image(run), box=(700, 50, 800, 90), label="red thing", path=[box]
    )
    run.emit(ev.Found(evidence=find))
    recorded.end(run, answer="red", evidence=[find])
    await open_report(page, run)
    assert await page.locator("output").inner_text() == "9 of 9"
    told = await page.locator(".outcome").inner_text()
    assert told == "✓ Found at (700, 50, 800, 90), in the region of look 3."
    assert await page.locator(".dot.found").get_attribute("data-node") == "2"
    await page.get_by_label("one look back").click()
    assert await page.locator(".dot.found").count() == 0


def run_image(run) -> str:
    return next(event.image for event in events_of(run.folder) if isinstance(event, ev.Looked))


async def test_way_queue_and_heat_go_with_the_look(page, tmp_path):
    await open_report(page, recorded.long_search(tmp_path / "r", 30))
    await page.get_by_label("look", exact=True).fill("7")
    way = await page.locator(".way-there li").all_inner_texts()
    assert [step.split()[0] for step in way if step] == ["1", "2", "7"]
    assert await page.locator(".frame .region.way").count() == 3
    assert (await page.locator(".queue li").first.inner_text()).startswith("next: ")
    assert await page.locator(".queue-size").inner_text() == "16 regions wait."
    assert await page.locator(".frame .region.waiting:not(.later)").count() == 16
    assert await page.locator(".heat-cells rect").count() == 4
    await page.get_by_label("where to look next").uncheck()
    assert await page.locator(".heat-cells rect").count() == 0
    await page.locator(".queue .next").click()
    assert await page.locator("output").inner_text() == "8 of 30"
    await page.locator(".current .way-there button").first.click()
    assert await page.locator("output").inner_text() == "1 of 30"


async def test_tree_and_picture_point_at_each_other(page, tmp_path):
    await open_report(page, recorded.long_search(tmp_path / "r", 20))
    await page.locator(".dot[data-node='3']").hover()
    assert await page.locator(".region.hint").get_attribute("data-node") == "3"
    await page.locator(".dot[data-node='3']").click()
    assert await page.locator("output").inner_text() == "4 of 20"
    await page.get_by_label("last look").click()
    # The smallest region under the pointer is meant; one that still waits leads to the look that named it.
    await page.locator(".frame").click(position={"x": 5, "y": 40})
    box = await page.locator(".current .place").inner_text()
    assert box.startswith("(0, 0, 300, 200)")


async def test_the_evidence_leads_into_the_search(page, tmp_path):
    await open_report(page, recorded.search_run(tmp_path / "r"))
    await page.get_by_label("first look").click()
    await page.locator("#answer").get_by_role("link", name="how it was found").click()
    assert await page.locator("output").inner_text() == "4 of 4"
    assert page.url.endswith("#search-1")


async def test_without_scripts_the_outcome_is_there(browser, tmp_path):
    run = recorded.search_run(tmp_path / "r")
    page = await browser.new_page(java_script_enabled=False)
    await page.goto(write_report(run.folder.path).absolute().as_uri())
    assert await page.locator(".region").count() == 4
    assert await page.locator(".frame .find").is_visible()
    assert await page.locator(".node").count() == 4
    for gone in (".time", ".current", ".spot", ".go"):
        assert not await page.locator(gone).first.is_visible()
    await page.close()


@pytest.mark.parametrize("size", [(1200, 800), (1, 20000), (20000, 1), (1, 1)])
async def test_a_phone_and_any_picture_will_do(page, tmp_path, size):
    await page.set_viewport_size({"width": 400, "height": 800})
    await open_report(page, recorded.long_search(tmp_path / "r", 21, size=size))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    frame = await page.locator(".frame").bounding_box()
    assert frame is not None
    assert min(frame["width"], frame["height"]) > 30
    assert max(frame["width"], frame["height"]) < 800
    await page.get_by_label("look", exact=True).fill("3")
    spot = await page.locator(".spot").bounding_box()
    assert spot is not None
    assert spot["width"] < frame["width"]


async def test_five_hundred_looks_can_be_followed(page, tmp_path):
    run = recorded.long_search(tmp_path / "r", 500)
    await open_report(page, run)
    assert (run.folder.path / "report.html").stat().st_size < 3_000_000
    await page.get_by_label("look", exact=True).fill("250")
    assert await page.evaluate(SHOWN) == 1 + 4 * 250
    # Only what matters now has its number written on the picture.
    assert await page.locator(".tag:not(.later):not(.far):visible[data-node]").count() < 16
    assert await page.locator(".dot.now").is_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 1200
