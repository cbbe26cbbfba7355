"""Toolsets and the policies around tools."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import ToolException
from langchain_core.tools import tool as langchain_tool

from agentkit.errors import ToolError, UsageError
from agentkit.toolset import EffectKind, ToolContext, Toolset, from_langchain, tool


def counting(effect: EffectKind = "read", fail: int = 0):
    """Return a tool that counts its calls and fails the first ``fail`` of them."""
    calls: list[int] = []

    @tool(name="count", effect=effect)
    def count(number: int = 0) -> int:
        """Count."""
        calls.append(number)
        if len(calls) <= fail:
            raise ToolError("not yet")
        return len(calls)

    return count, calls


def test_order_names_and_access():
    first, _ = counting()

    def second() -> str:
        """Do the other thing."""
        return ""

    tools = Toolset([first, second, "agentkit.tools.clock:now"])
    assert tools.names == ("count", "second", "now")
    assert tools[0] is first
    assert tools[1:].names == ("second", "now")
    assert tools["now"].effect == "read"
    assert tools[1].effect == "once"
    assert [spec.name for spec in tools.specs] == list(tools.names)
    with pytest.raises(ToolError, match="one of count, second, now"):
        tools.get("third")


@pytest.mark.parametrize(
    "wrong", [3, int, "nothing:here", "agentkit.tools.clock", "agentkit.tools.clock:never"]
)
def test_what_is_no_tool(wrong):
    with pytest.raises(UsageError):
        Toolset([wrong])


def test_two_tools_of_one_name():
    first, _ = counting()
    with pytest.raises(UsageError, match="count"):
        Toolset([first, first])
    both = Toolset([first]).prefix("a_") + Toolset([first]).rename({"count": "b"})
    assert both.names == ("a_count", "b")


def test_allow_and_filter():
    tools = Toolset([counting()[0], "agentkit.tools.clock:now"])
    assert tools.allow(["now"]).names == ("now",)
    assert tools.filter(lambda item: item.name != "now").names == ("count",)
    with pytest.raises(UsageError, match="never"):
        tools.allow(["never"])


async def test_cache_serves_reads_only():
    read, calls = counting()
    cached = Toolset([read]).cache()["count"]
    assert [await cached.call({"number": n}) for n in (1, 1, 2, 1)] == [1, 1, 2, 1]
    assert calls == [1, 2]
    effect, calls = counting("once")
    cached = Toolset([effect]).cache()["count"]
    assert [await cached.call({}) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("effect", "tries"), [("read", 3), ("replayable", 3), ("once", 1), ("irreversible", 1)]
)
async def test_retry_only_what_may_be_repeated(effect, tries):
    failing, calls = counting(effect, fail=9)
    with pytest.raises(ToolError, match="not yet"):
        await Toolset([failing]).retry(2)["count"].call({})
    assert len(calls) == tries


async def test_retry_ends_at_the_first_success():
    failing, calls = counting(fail=1)
    assert await Toolset([failing]).retry(5)["count"].call({}) == 2
    assert len(calls) == 2


@given(calls=st.integers(0, 6), asked=st.integers(0, 9))
async def test_budget_is_shared_and_never_exceeded(calls, asked):
    first, made = counting()
    tools = (Toolset([first]) + Toolset([first]).rename({"count": "other"})).budget(calls)
    refused = 0
    for number in range(asked):
        try:
            await tools[number % 2].call({})
        except ToolError:
            refused += 1
    assert len(made) == min(calls, asked)
    assert refused == max(asked - calls, 0)


async def test_approval_holds_without_an_agent_too():
    send, calls = counting("irreversible")
    asked = Toolset([send]).approve("ask")["count"]
    with pytest.raises(ToolError, match="approval"):
        await asked.call({})
    assert await asked.call({}, ToolContext(approved=True)) == 1
    with pytest.raises(ToolError, match="not allowed"):
        await Toolset([send]).approve("deny")["count"].call({}, ToolContext(approved=True))
    assert len(calls) == 1


async def test_approval_by_arguments():
    send, _ = counting("once")
    tools = Toolset([send]).approve(lambda item, given: "ask" if given.get("number", 0) > 10 else "auto")
    assert tools["count"].approval({"number": 11}) == "ask"
    assert await tools["count"].call({"number": 1}) == 1


async def test_policies_compose():
    read, _ = counting()
    counted_after_cache = Toolset([read]).budget(1).cache()["count"]
    assert [await counted_after_cache.call({}) for _ in range(3)] == [1, 1, 1]
    counted_before_cache = Toolset([read]).cache().budget(1)["count"]
    await counted_before_cache.call({})
    with pytest.raises(ToolError, match="used up"):
        await counted_before_cache.call({})


async def test_langchain_tools():
    @langchain_tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        if a < 0:
            raise ToolException("too small")
        return a + b

    (taken,) = Toolset([add])
    assert taken.spec.description == "Add two numbers."
    assert set(taken.spec.parameters["properties"]) == {"a", "b"}
    assert await taken.call({"a": 1, "b": 2}) == 3
    assert from_langchain(add, effect="read").effect == "read"
    with pytest.raises(ToolError, match="too small"):
        await taken.call({"a": -1, "b": 2})
    with pytest.raises(ToolError, match="b: Field required"):
        await taken.call({"a": 1})


async def test_the_clock():
    from agentkit.tools.clock import now

    assert "+09:00" in await now.call({"zone": "Asia/Tokyo"})
    with pytest.raises(ToolError, match="no time zone"):
        await now.call({"zone": "Atlantis"})
