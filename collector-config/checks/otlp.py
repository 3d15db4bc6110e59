"""OTLP traces over HTTP/protobuf, as far as the checks need it: to write spans, to read their ids, and a receiver."""

import gzip
import http.client
import http.server
import os
import random
import struct
import threading
import time
from collections import Counter, defaultdict

CLIENT, SERVER, INTERNAL = 3, 2, 1


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def text(field, value):
    return message(field, value.encode())


def number(field, value):
    return varint(field << 3) + varint(value)


def value_of(value):
    if isinstance(value, bool):
        return number(2, int(value))
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, list):
        return message(5, b"".join(message(1, value_of(one)) for one in value))
    return text(1, value)


def attributes(field, pairs):
    return b"".join(message(field, text(1, key) + message(2, value_of(value))) for key, value in pairs.items())


def span(trace, own, parent=b"", name="span", kind=INTERNAL, start=0, millis=10, tail=b"", error=None, **pairs):
    """A span; `tail` is what follows its times, encoded beforehand."""
    start = start or time.time_ns()
    body = message(1, trace) + message(2, own) + (message(4, parent) if parent else b"") + text(5, name)
    body += number(6, kind) + struct.pack("<BQBQ", 7 << 3 | 1, start, 8 << 3 | 1, start + int(millis * 1e6))
    body += tail + attributes(9, pairs)
    if error is not None:
        body += message(15, text(2, error) + number(3, 2))
    return message(2, body)


def request(spans, service="shop", scope="tracing-genai"):
    resource = message(1, attributes(1, {"service.name": service}))
    return message(1, resource + message(2, message(1, text(1, scope) + text(2, "0.1.0")) + b"".join(spans)))


def fields(buffer):
    """The fields of a message: number, and the bytes or the integer."""
    at, end = 0, len(buffer)
    while at < end:
        key = shift = 0
        while True:
            byte = buffer[at]
            at += 1
            key |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        kind = key & 7
        if kind == 1:
            yield key >> 3, buffer[at : at + 8]
            at += 8
        elif kind == 5:
            yield key >> 3, buffer[at : at + 4]
            at += 4
        else:
            length = shift = 0
            while True:
                byte = buffer[at]
                at += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            if kind == 0:
                yield key >> 3, length
            else:
                yield key >> 3, buffer[at : at + length]
                at += length


def ids(body):
    """The trace and the id of each span of a request."""
    for _, resource in fields(body):
        for kind, scope in fields(resource):
            if kind == 2:
                for field, one in fields(scope):
                    if field == 2:
                        trace = own = b""
                        for place, value in fields(one):
                            if place == 1:
                                trace = value
                            elif place == 2:
                                own = value
                            if trace and own:
                                break
                        yield bytes(trace), bytes(own)


def data_points(body):
    """The sums of a request of metrics: name, attributes, integer value."""
    for _, resource in fields(body):
        for kind, scope in fields(resource):
            for field, metric in fields(scope) if kind == 2 else ():
                if field != 2:
                    continue
                parts = dict(fields(metric))
                for place, point in fields(parts.get(7, b"")):
                    if place == 1:
                        pairs, count = {}, 0
                        for what, value in fields(point):
                            if what == 7:
                                pair = dict(fields(value))
                                pairs[pair[1].decode()] = dict(fields(pair.get(2, b""))).get(1, b"")
                            elif what == 6:
                                count = struct.unpack("<q", value)[0]
                        yield parts[1].decode(), pairs, count


class Sink:
    """A receiver that counts. What is in front of `/v1/…` in the path tells who sent."""

    LIMIT_SPANS, LIMIT_BYTES = 100, 4 << 20

    def __init__(self):
        self.lock = threading.Lock()
        self.spans = Counter()
        self.sources = defaultdict(set)
        self.posthog = Counter()
        self.broken, self.bodies, self.keeps = [], [], False
        self.status = 200
        self.wire = self.plain = self.requests = 0
        self.points = {}
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                wire = len(body)
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status = sink.status
                if status == 200:
                    sink.take(self.path, wire, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A collector that was stopped closes its connections."""
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, wire, body):
        source, _, _ = path.strip("/").partition("/v1/")
        if path.endswith("/v1/metrics"):
            with self.lock:
                for name, pairs, count in data_points(body):
                    self.points[(source, name, tuple(sorted(pairs.items())))] = count
            return
        found = list(ids(body))
        with self.lock:
            if path.endswith("/i/v0/ai/otel"):
                self.posthog.update(own for _, own in found)
                if len(found) > self.LIMIT_SPANS or len(body) > self.LIMIT_BYTES:
                    self.broken.append((len(found), len(body)))
                return
            self.requests += 1
            self.wire += wire
            self.plain += len(body)
            if self.keeps:
                self.bodies.append(body)
            for trace, own in found:
                self.spans[own] += 1
                self.sources[trace].add(source)

    def wait(self, is_enough, patience=60):
        """Whether it came to that, asked again and again."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with self.lock:
                if is_enough(self):
                    return True
            time.sleep(0.1)
        return False

    def wait_for(self, wanted, patience=60):
        """The spans of these that have not come."""
        wanted = set(wanted)
        self.wait(lambda sink: wanted <= sink.spans.keys(), patience)
        with self.lock:
            return wanted - self.spans.keys()


class Sender:
    """An app: sends requests to an agent, and knows what was acknowledged."""

    def __init__(self, port):
        self.port, self.connection = port, None
        self.acknowledged, self.refused = set(), 0
        self.bytes = 0

    def send(self, body, own, attempts=1):
        for attempt in range(attempts):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                self.connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                answer = self.connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged.update(own)
                    self.bytes += len(body)
                    return True
            except OSError:
                self.connection = None
            except http.client.HTTPException:
                self.connection = None
            if attempt + 1 < attempts:
                time.sleep(0.1)
        self.refused += len(own)
        return False


def words(count, seed=random.Random(7)):
    """Text that compresses as text does, not as the same text again."""
    letters = "etaoinshrdlucmfwypvbgk"
    return " ".join("".join(seed.choices(letters, range(22, 0, -1), k=seed.randint(2, 9))) for _ in range(count))


def content():
    return {
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"' + words(80) + '"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"' + words(50) + '"}],"finish_reason":"stop"}]',
    }


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-123",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.input_tokens": 320,
    "gen_ai.usage.output_tokens": 64,
    "server.address": "api.openai.com",
    "server.port": 443,
    "tracing_genai.outcome": "done",
}
EMBEDDING = {**CHAT, "gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
RETRIEVAL = {"gen_ai.operation.name": "retrieval", "tracing_genai.outcome": "done"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "tracing_genai.outcome": "done"}
TAILS = [
    ("GET /ask", SERVER, attributes(9, {"http.request.method": "GET", "url.path": "/ask", "http.response.status_code": 200})),
    ("embeddings text-embedding-3-small", CLIENT, attributes(9, EMBEDDING)),
    ("retrieval handbook", CLIENT, attributes(9, RETRIEVAL)),
    ("chat gpt-4o-mini", CLIENT, b""),
    ("execute_tool get_weather", INTERNAL, attributes(9, TOOL)),
    ("chat gpt-4o-mini", CLIENT, b""),
]
CHATS = [attributes(9, {**CHAT, **content(), "gen_ai.response.id": f"chatcmpl-{words(3)}"}) for _ in range(500)]


def trace_of_six():
    """A trace as the quickstart's: its id, and its spans by their ids."""
    trace, ids_of_six = os.urandom(16), os.urandom(48)
    own = [ids_of_six[at : at + 8] for at in range(0, 48, 8)]
    made = {}
    for place, (name, kind, tail) in enumerate(TAILS):
        made[own[place]] = span(trace, own[place], own[0] if place else b"", name, kind, tail=tail or random.choice(CHATS))
    return trace, made
