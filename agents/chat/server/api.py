"""The API that the page uses. Everything here belongs to whoever sends the request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from agentkit.runs.folder import RunFolder
from agentkit.runs.report import render_report
from agentkit.version import VERSION

from ....memory.conversations import NotKept
from .attention import ROLES, AttentionRequest, Looks, where_it_looks
from .choices import Choices
from .conversations import Talks
from .export import as_json, as_markdown
from .pictures import box_of, encoded
from .schema import (
    Branch,
    ConversationInfo,
    ConversationPage,
    Correction,
    GivenAnswer,
    Listing,
    NewAnswer,
    NewConversation,
    NewTurn,
    Offers,
    PictureInfo,
    Problem,
    Rename,
    State,
    Turn,
    WholeEvent,
)
from .screen import Hands
from .views import event_on_disk

REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts"
PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": Problem} for code in (400, 401, 403, 404, 409, 413)
}
EVENTS: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
router = APIRouter(prefix="/api", responses=PROBLEMS)


def talks_of(request: Request) -> Talks:
    """Return the conversations of who sent the request. Raises ``Unknown``."""
    person = request.app.state.people.by_request(request.headers, request.cookies)
    return request.app.state.talks[person.name]


Mine = Annotated[Talks, Depends(talks_of)]
After = Annotated[int, Query(ge=-1)]
Side = Annotated[int, Query(ge=16, le=4096)]


@router.get("/state", operation_id="state")
async def state(mine: Mine, conversation: str | None = None) -> State:
    """The models (of a conversation), the line before them, limits, and what was used."""
    return State(
        version=VERSION,
        person=mine.person.name,
        models=mine.states(conversation),
        running=len(mine.turns.live),
        max_picture=mine.config.max_picture,
        budget=mine.budget(conversation),
        usage=mine.person.used,
    )


@router.get("/models", operation_id="offerModels")
async def models(mine: Mine) -> Offers:
    """The models that can be picked: what they can do, and what is missing before they can be loaded."""
    return await asyncio.to_thread(mine.offers)


# Conversations.


@router.get("/conversations", operation_id="listConversations")
async def list_conversations(mine: Mine, search: Annotated[str, Query(max_length=200)] = "") -> Listing:
    """All conversations, the one used last first; with ``search``, also the turns that hold a text."""
    return await asyncio.to_thread(mine.listing, search)


@router.post("/conversations", operation_id="createConversation", status_code=201)
async def create(mine: Mine, new: NewConversation) -> ConversationInfo:
    """A new conversation, without turns."""
    return mine.create(new.name)


@router.get("/conversations/{key}", operation_id="getConversation")
async def conversation(
    mine: Mine,
    key: str,
    last: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> ConversationPage:
    """A conversation with its ``last`` turns."""
    return await asyncio.to_thread(mine.page, key, last)


@router.patch("/conversations/{key}", operation_id="renameConversation")
async def rename(mine: Mine, key: str, new: Rename) -> ConversationInfo:
    """Another name."""
    return mine.rename(key, new.name)


@router.put("/conversations/{key}/choices", operation_id="choose")
async def choose(mine: Mine, key: str, choices: Choices) -> ConversationPage:
    """Chooses models, strategy, instructions and budget of a conversation; answers once the models are loaded."""
    return await mine.choose(key, choices)


@router.delete("/conversations/{key}", operation_id="deleteConversation", status_code=204)
async def delete(mine: Mine, key: str) -> None:
    """Deletes for good: text, pictures that no other conversation has, and the recordings of the turns."""
    await mine.delete(key)


@router.get(
    "/conversations/{key}/export", operation_id="exportConversation", response_class=PlainTextResponse
)
async def export(mine: Mine, key: str, form: Literal["markdown", "json"] = "markdown") -> Response:
    """The whole conversation as a file."""
    info, turns = await asyncio.to_thread(mine.everything, key)
    text = as_json(info, turns) if form == "json" else as_markdown(info, turns)
    ending, media = ("json", "application/json") if form == "json" else ("md", "text/markdown")
    # The name goes by what is safe in a header; the person's own name is in the file.
    disposition = f'attachment; filename="conversation-{info.key}.{ending}"'
    return Response(text, media_type=media, headers={"content-disposition": disposition})


@router.post("/conversations/{key}/turns", operation_id="createTurn", status_code=201)
async def begin(mine: Mine, key: str, new: NewTurn) -> Turn:
    """Begins a turn. Its events are to be had at once."""
    return await mine.begin(key, new)


@router.post("/conversations/{key}/branch", operation_id="branchConversation", status_code=201)
async def branch(mine: Mine, key: str, fork: Branch) -> ConversationInfo:
    """A new conversation with the turns before one of this conversation."""
    return await asyncio.to_thread(mine.branch, key, fork.before)


# Turns.


@router.get("/turns/{key}", operation_id="getTurn")
async def turn(mine: Mine, key: str) -> Turn:
    """A turn as it stands."""
    return mine.turns.view(key)


@router.get(
    "/turns/{key}/events",
    operation_id="followTurn",
    response_class=StreamingResponse,
    responses=EVENTS,
)
async def follow(
    mine: Mine,
    key: str,
    after: After = -1,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The events of a turn as they happen, from the one above ``Last-Event-ID`` (or ``after``) on.

    ``event`` (with an id) is an event of the run, ``queue`` says how many calls are ahead, ``beat`` that the line
    is open, ``end`` holds the turn as it ended; then the stream is over.
    """
    mine.turns.view(key)
    start = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    return StreamingResponse(_stream(mine, key, start), media_type="text/event-stream")


async def _stream(mine: Talks, key: str, after: int) -> AsyncIterator[str]:
    # A browser that lost the line tries again after so many milliseconds.
    yield "retry: 500\n\n"
    async for number, name, data in mine.turns.follow(key, after):
        head = f"id: {number}\n" if number is not None else ""
        yield f"{head}event: {name}\ndata: {data}\n\n"


@router.get("/turns/{key}/events/{number}", operation_id="getEvent")
async def event(mine: Mine, key: str, number: int) -> WholeEvent:
    """One event with nothing left out: prompts and maps of attention, too."""
    folder = mine.turns.folder(key)
    return WholeEvent(event=await asyncio.to_thread(event_on_disk, folder, number))


@router.post("/turns/{key}/again", operation_id="answerAgain", status_code=201)
async def again(mine: Mine, key: str, new: NewAnswer) -> Turn:
    """Answers a turn once more, with other models or settings if wanted; returns that answer's own turn."""
    return await mine.again(key, new)


@router.post("/turns/{key}/answer", operation_id="answerTurn")
async def answer(mine: Mine, key: str, given: GivenAnswer) -> Turn:
    """Answers the open question of a turn; 409 when it is not open any more."""
    return mine.turns.answer(key, given.question, given.answer)


@router.post("/turns/{key}/resume", operation_id="resumeTurn")
async def resume(mine: Mine, key: str) -> Turn:
    """Goes on with a turn that was stopped, interrupted, failed, or ran out of budget."""
    return mine.turns.resume(key)


@router.post("/turns/{key}/stop", operation_id="stopTurn")
async def stop(mine: Mine, key: str) -> Turn:
    """Stops a turn that runs; what it said so far is kept."""
    return await mine.turns.stop(key)


@router.post("/turns/{key}/pause", operation_id="pauseTurn")
async def pause(mine: Mine, key: str) -> Turn:
    """Pauses a turn after its current step."""
    return mine.turns.pause(key)


@router.post("/turns/{key}/steer", operation_id="steerTurn", status_code=201)
async def steer(mine: Mine, key: str, correction: Correction) -> Turn:
    """Corrects a turn: an agent that hears corrections goes on with it; else a new turn begins, which is returned."""
    return await mine.turns.steer(key, correction.text, correction.key)


@router.get(
    "/turns/{key}/screen",
    operation_id="watchTurn",
    response_class=StreamingResponse,
    responses=EVENTS,
)
async def screen(mine: Mine, key: str) -> Response:
    """The page that a turn works on, live: each ``frame`` is a picture of it, and ``end`` comes with the turn's."""
    mine.turns.view(key)
    return StreamingResponse(_screen(mine, key), media_type="text/event-stream")


async def _screen(mine: Talks, key: str) -> AsyncIterator[str]:
    async for frame in mine.turns.watch(key):
        yield f"event: frame\ndata: {frame.model_dump_json()}\n\n"
    yield "event: end\ndata: {}\n\n"


@router.post("/turns/{key}/take", operation_id="takePage")
async def take(mine: Mine, key: str) -> Turn:
    """Gives the page of a web task to the user; the agent waits until it is given back."""
    return await mine.turns.take(key)


@router.post("/turns/{key}/give", operation_id="givePage")
async def give(mine: Mine, key: str) -> Turn:
    """Gives the page back to the agent."""
    return mine.turns.give_back(key)


@router.post("/turns/{key}/hands", operation_id="usePage", status_code=204)
async def hands(mine: Mine, key: str, given: Hands) -> None:
    """Mouse and keyboard of the user, on a page that they took. What is typed is kept nowhere."""
    await mine.turns.use(key, given)


@router.get("/turns/{key}/report", operation_id="turnReport", response_class=HTMLResponse)
async def report(mine: Mine, key: str) -> Response:
    """The report of the turn's run: one page, without any request."""
    folder = RunFolder.open(mine.turns.folder(key), mend=False)
    text = await asyncio.to_thread(render_report, folder)
    return HTMLResponse(text, headers={"content-security-policy": REPORT_POLICY})


@router.post("/turns/{key}/attention", operation_id="turnAttention")
async def attention(mine: Mine, key: str, asked: AttentionRequest) -> Looks:
    """Where a local model looks, word by word of the turn's answer; and what it answers under edits by hand."""
    turn = mine.turns.view(key)
    if asked.picture is not None and asked.picture not in turn.pictures:
        raise NotKept("this turn has no such picture")
    image = None if asked.picture is None else mine.person.pictures.get(asked.picture)
    role = ROLES[image is not None]
    model = await mine.cast.pick(role, turn.models.get(role) or mine.cast.reference(role))
    return await where_it_looks(model, turn, mine.turns.folder(key), asked, image)


# Pictures.


@router.post("/pictures", operation_id="uploadPicture", status_code=201)
async def upload(mine: Mine, request: Request) -> PictureInfo:
    """Takes the bytes of a picture as the body. What it is is found out by looking at them."""
    data = await request.body()
    return await asyncio.to_thread(mine.person.pictures.put, data)


@router.get("/pictures/{digest}", operation_id="getPicture", response_class=Response)
async def picture(mine: Mine, digest: str, side: Side = 1600, box: str | None = None) -> Response:
    """A picture of the conversations, at most ``side`` pixels; ``box`` (left,top,right,bottom) for a region."""
    image = mine.person.pictures.get(digest)
    data, headers = await asyncio.to_thread(encoded, image, side, box_of(box))
    return Response(data, headers=headers)


@router.get("/turns/{key}/pictures/{digest}", operation_id="getTurnPicture", response_class=Response)
async def turn_picture(
    mine: Mine, key: str, digest: str, side: Side = 1600, box: str | None = None
) -> Response:
    """A picture of a turn's run: what it was shown, and screenshots that it took."""
    if not (len(digest) == 64 and digest.isalnum()):
        raise NotKept("that is no digest of a picture")
    image = RunFolder.open(mine.turns.folder(key), mend=False).get_image(digest)
    data, headers = await asyncio.to_thread(encoded, image, side, box_of(box))
    return Response(data, headers=headers)
