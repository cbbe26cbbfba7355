// The server's API: requests, the stream of a turn, pictures.

/** An error that the server put in words. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.mend ? `${problem.error} (${problem.mend})` : problem.error);
    this.status = status;
  }
}

/** Send a request and return its JSON. Throws `Refused`, or `TypeError` when there is no connection. */
export async function call(method, path, data) {
  const body = data === undefined ? {} : { body: JSON.stringify(data), headers: { "content-type": "application/json" } };
  return taken(await fetch(path, { method, ...body }));
}

export async function taken(answer) {
  if (answer.status === 204) return null;
  const text = await answer.text();
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    data = { error: text.slice(0, 200) || answer.statusText };
  }
  if (!answer.ok) throw new Refused(answer.status, data);
  return data;
}

/** Return a new key: 16 hexadecimal digits. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Follow a turn from the event above `after` until it ends; a lost line is taken up where it was.
 * `on.event(event)`, `on.queue(ahead)`, `on.end(turn)`, `on.line(open)`. Returns a function that lets go.
 */
export function follow(key, after, on) {
  let last = after;
  let source = null;
  let timer = 0;
  let done = false;
  const open = () => {
    source = new EventSource(`/api/turns/${key}/events?after=${last}`);
    source.addEventListener("open", () => on.line(true));
    source.addEventListener("event", (message) => {
      const event = JSON.parse(message.data);
      // The server begins above the last event that was seen; whatever comes twice is taken once.
      if (event.seq <= last) return;
      last = event.seq;
      on.event(event);
    });
    source.addEventListener("queue", (message) => on.queue(JSON.parse(message.data).ahead));
    source.addEventListener("end", (message) => {
      close();
      on.end(JSON.parse(message.data));
    });
    source.addEventListener("error", () => {
      if (done) return;
      on.line(false);
      // The browser tries again by itself after a lost line, but not after a refusal.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, 1000);
    });
  };
  const close = () => {
    done = true;
    clearTimeout(timer);
    source.close();
  };
  open();
  return close;
}

const pictures = new Map();

/** Return {url, width, height} of a picture; the size is that of the original, in pixels. */
export function picture(path) {
  if (!pictures.has(path)) {
    const wanted = load(path).catch((error) => {
      pictures.delete(path);
      throw error;
    });
    pictures.set(path, wanted);
  }
  return pictures.get(path);
}

async function load(path) {
  const answer = await fetch(path);
  if (!answer.ok) await taken(answer);
  const [width, height] = answer.headers.get("x-picture-size").split("x").map(Number);
  return { url: URL.createObjectURL(await answer.blob()), width, height };
}

export const pictureOf = (digest, side = 1600) => `/api/pictures/${digest}?side=${side}`;
export const pictureOfTurn = (key, digest, side = 1600, box = null) =>
  `/api/turns/${key}/pictures/${digest}?side=${side}${box ? `&box=${box.join(",")}` : ""}`;
