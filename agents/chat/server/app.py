"""The application: who may come in, what is where, and how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse

from agentkit.config import Settings
from agentkit.errors import AgentKitError, UsageError
from agentkit.runtime.agent import GraphAgent
from agentkit.runtime.budget import limits_of
from agentkit.runtime.cast import Cast
from agentkit.version import VERSION

from ....memory.conversations import NotKept
from ..agent import INSTRUCTIONS, ChatAgent
from ..routing import Route
from . import api, openai_api
from .casts import SharedCast
from .choices import Choices
from .config import OWNER, ServerConfig
from .conversations import Talks, smaller
from .people import COOKIE, People, Person, Unknown, session_of
from .schema import Problem, TokenGiven
from .security import Guard, TooLarge
from .turns import Conflict, Turns

log = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "page"
MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
MONTH = 30 * 24 * 3600
Abilities = Callable[[Person], Mapping[Route, GraphAgent]]
# The first that fits counts.
CODES = ((Unknown, 401), (NotKept, 404), (Conflict, 409), (UsageError, 400))


def create_app(
    config: ServerConfig, *, cast: SharedCast | None = None, abilities: Abilities | None = None
) -> FastAPI:
    """Return the chat server as an ASGI application.

    ``cast`` holds models of the caller's own; ``abilities`` makes agents of the caller's own for a person's turns
    (see ``ChatAgent``).
    """
    people = People(config)
    shared = cast or SharedCast(config.settings)

    def make(person: Person, choices: Choices) -> GraphAgent:
        settings = config.settings.model_copy(update={"runs": person.runs})
        cast = shared.picked(choices.models)
        return ChatAgent(
            memory=person.conversations,
            instructions=choices.instructions or INSTRUCTIONS,
            strategy=choices.strategy or config.strategy,
            boost=choices.boost,
            abilities=abilities(person) if abilities else _abilities(person, settings, cast),
            budget=smaller(limits_of(settings), choices.budget),
            cast=cast,
            settings=settings,
        )

    talks = {person.name: Talks(person, Turns(person, make), shared, config) for person in people.all}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for person in people.all:
            person.pictures.sweep()
        loading = asyncio.create_task(_preload(shared)) if config.preload else None
        yield
        if loading is not None:
            loading.cancel()
        for item in talks.values():
            await item.turns.aclose()
        await shared.aclose()

    app = FastAPI(
        title="agentkit chat",
        version=VERSION,
        description="Conversations with agents: the API that the page uses, and one like OpenAI's.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(api.router)
    app.include_router(openai_api.router)
    _add_page(app, people)
    _add_errors(app)
    app.state.people, app.state.talks = people, talks
    # Outermost: nothing is looked at before it.
    app.add_middleware(Guard, guarded=people.guarded, max_picture=config.max_picture)
    return app


def _abilities(person: Person, settings: Settings, cast: Cast) -> Mapping[Route, GraphAgent]:
    """Return what differs from the chat's own abilities: nobody but the owner recalls the owner's web tasks."""
    if person.name == OWNER:
        return {}
    from ...web import WebAgent

    return {"browse": WebAgent(memory=person.conversations.folder, settings=settings, cast=cast)}


async def serve(config: ServerConfig, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C. ``ready`` is called with the address when the server answers.

    Raises ``UsageError`` when the address is taken.
    """
    server = ChatServer(create_app(config), config.host, config.port)
    sock = _bound(config)
    if ready is not None:
        server.on_start = lambda: ready(address_of(config, sock.getsockname()[1]))
    await server.serve(sockets=[sock])


class ChatServer(uvicorn.Server):
    """Serves the application; when it stops, streams are let go of before connections are waited for."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._app = app
        self.on_start: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for talks in self._app.state.talks.values():
            talks.turns.let_go()
        await super().shutdown(sockets)


def address_of(config: ServerConfig, port: int) -> str:
    """Return the page's address."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{port}/"


def _bound(config: ServerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((config.host, config.port))
    except OSError as error:
        sock.close()
        raise UsageError(
            f"{config.host}:{config.port} can't be used: {error.strerror}", mend="--port N"
        ) from error
    return sock


async def _preload(cast: SharedCast) -> None:
    for role in ("decide", "see"):
        try:
            await cast.get(role)
        except AgentKitError as error:
            # The state of the role says so on the page, too; a turn that needs it fails with the same words.
            log.warning("%s: %s", role, error)


def _add_page(app: FastAPI, people: People) -> None:
    files = {path.name: path for path in [*PAGE.iterdir(), *(PAGE / "vendor").iterdir()] if path.is_file()}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(files["index.html"], media_type=MEDIA[".html"])

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return FileResponse(files["icon.svg"], media_type=MEDIA[".svg"])

    @app.get("/page/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        # By exact name: nothing that a request says is ever joined to a path.
        if name not in files:
            raise NotKept(f"there is no file {name!r}")
        path = files[name]
        kept = {"cache-control": "no-cache"}
        return FileResponse(path, media_type=MEDIA.get(path.suffix, "text/plain"), headers=kept)

    @app.post("/api/session", include_in_schema=True, operation_id="enter", status_code=204)
    async def enter(given: TokenGiven, request: Request) -> Response:
        """Gives the page a cookie for a token."""
        if people.guarded and people.by_token(given.token) is None:
            raise Unknown("this token is not known")
        answer = Response(status_code=204)
        answer.set_cookie(
            COOKIE,
            session_of(given.token),
            max_age=MONTH,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @app.delete("/api/session", operation_id="leave", status_code=204)
    async def leave() -> Response:
        """Takes the page's cookie away."""
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE)
        return answer


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(AgentKitError)
    async def refused(_: Request, error: AgentKitError) -> Response:
        status = next((code for kind, code in CODES if isinstance(error, kind)), 500)
        return JSONResponse(Problem(error=error.message, mend=error.mend).model_dump(), status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse(Problem(error=f"{where}: {first['msg']}").model_dump(), 400)

    @app.exception_handler(TooLarge)
    async def too_large(_: Request, error: TooLarge) -> Response:
        return JSONResponse(Problem(error=str(error)).model_dump(), 413)
