"""PostHog by the gateway against PostHog directly, its limits, a wrong key, redaction, and metrics of calls."""

import os
import re
import subprocess

import otlp
import world

QUICKSTART = os.environ.get("QUICKSTART", "")
# What the gateway cannot know: of these the crate has a record, which is no part of a span.
ONLY_DIRECT = {
    "$ai_request_url": "the address of the request",
    "$ai_total_tokens": "the provider's own sum",
    "$ai_provider_metadata": "what the provider says beside its answer",
    "$ai_input": "what was embedded, for which the conventions have no attribute (embeddings alone)",
    "$ai_http_status": "the status of an answer that was no failure",
}
# Said by both, and not the same.
OTHERWISE = {
    "$ai_base_url": "the server without the path, since the span has no URL",
}
# A judgement goes by PostHog's capture API directly, which a collector has no exporter for.
JUDGEMENT = ("$ai_evaluation", "$ai_span")


def compare(direct, gateway):
    def by_id(events):
        # A judgement's score is an event beside it.
        return {event["properties"]["$ai_span_id"]: event for event in events if event["name"] != "$ai_metric"}

    direct, gateway = by_id(direct["events"]), by_id(gateway["events"])
    assert direct.keys() == gateway.keys(), (len(direct), len(gateway))
    missing, more, other = {}, {}, {}
    for own, one in direct.items():
        two = gateway[own]
        names = one["name"], two["name"]
        if names == JUDGEMENT:
            assert two["properties"]["$ai_span_name"] == "gen_ai.evaluation.result"
            for key in ("$ai_trace_id", "$ai_parent_id", "gen_ai.evaluation.name", "gen_ai.evaluation.score.value"):
                assert one["properties"][key] == two["properties"][key], (key, one, two)
            continue
        assert names[0] == names[1], (names, one)
        assert one["timestamp"] == two["timestamp"] and two["middleware"] is None
        assert one["distinct_id"] == two["distinct_id"] or one["properties"].get("$process_person_profile") is False
        for key in one["properties"].keys() | two["properties"].keys():
            a, b = one["properties"].get(key), two["properties"].get(key)
            where = f"{one['name']} {one['properties']['$ai_span_name']}"
            if key not in two["properties"]:
                missing.setdefault(key, []).append((where, a))
            elif key not in one["properties"]:
                more.setdefault(key, []).append((where, b))
            elif a != b:
                other.setdefault(key, []).append((where, a, b))
    return missing, more, other


def check(_full):
    sink, stand_in = otlp.Sink(), world.StandIn()
    where = stand_in.where
    [gateway] = world.gateways(1, sink, POSTHOG_HOST=where["gateway"], POSTHOG_API_KEY=where["key"], SAMPLE_PERCENT=100)
    agent = world.agent("agent-posthog", gateway.endpoint)

    calls = stand_in.ask("calls", f"http://127.0.0.1:{agent.http}")
    direct = stand_in.ask("events", "direct", 11)
    count = len(direct["events"]) - 1
    behind = stand_in.ask("events", "gateway", count)
    assert direct["refusals"] == [] and behind["refusals"] == [], (direct["refusals"], behind["refusals"])
    missing, more, other = compare(direct, behind)
    assert missing.keys() == ONLY_DIRECT.keys(), missing
    assert not more, more
    assert other.keys() == OTHERWISE.keys(), other
    names = sorted(event["name"] for event in direct["events"])
    world.say(f"{count} events by the gateway as directly: {', '.join(names)}")
    world.say(f"only directly: {', '.join(sorted(missing))}; otherwise: {', '.join(other)}")

    done = subprocess.run([QUICKSTART], env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{agent.http}"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    quick = {bytes.fromhex(trace) for trace in re.findall(r"^Trace ([0-9a-f]{32})$", done.stdout, re.M)}
    assert len(quick) == 1 and sink.wait(lambda sink: quick <= sink.sources.keys()), done.stdout
    events = stand_in.ask("events", "gateway", count + 5)
    assert len(events["events"]) == count + 5, len(events["events"])
    world.say("the quickstart: its trace at the back end, its 5 operations at PostHog")

    own_word(stand_in, agent, count + 5)
    limits(stand_in, agent, gateway, count + 6)
    secrets(sink, agent)
    counted(sink)
    stand_in.stop()
    gateway.stop()
    agent.stop()
    wrong_key(sink)


def chats(count, size):
    """Chats below one request, with so many bytes of content each, in one request of OTLP."""
    trace, root = os.urandom(16), os.urandom(8)
    body = '[{"role":"user","parts":[{"type":"text","content":"' + "x" * size + '"}]}]'
    made = [otlp.span(trace, root, name="batch", kind=otlp.SERVER)]
    for _ in range(count):
        made.append(otlp.span(trace, os.urandom(8), root, "chat", otlp.CLIENT, **{**otlp.CHAT, "gen_ai.input.messages": body}))
    return otlp.request(made)


def own_word(stand_in, agent, before):
    """What a span says in PostHog's own properties stands."""
    own = os.urandom(8)
    said = {
        "$ai_session_id": "mine",
        "$ai_base_url": "https://api.openai.com/v1",
        "$ai_stop_reason": "length",
        "$ai_temperature": 0.7,
        "$ai_stream": True,
        "$ai_http_status": 201,
        "$lib": "shop-web",
        "$ai_span_type": "mine",
    }
    pairs = {**otlp.CHAT, "session.id": "another", **said}
    otlp.Sender(agent.http).send(otlp.request([otlp.span(os.urandom(16), own, name="chat", kind=otlp.CLIENT, **pairs)]), [own])
    event = stand_in.ask("events", "gateway", before + 1)["events"][-1]
    assert event["properties"]["$ai_span_id"] == own.hex()
    changed = {key: event["properties"].get(key) for key, value in said.items() if event["properties"].get(key) != value}
    assert not changed, changed
    world.say(f"a span that has {len(said)} of PostHog's properties itself keeps them")


def limits(stand_in, agent, gateway, before):
    """What PostHog would refuse as a whole: 250 spans at once, 20 of 300 kB, one of 6 MB."""
    sender = otlp.Sender(agent.http)
    for count, size in ((250, 100), (20, 300_000), (1, 6_000_000)):
        assert sender.send(chats(count, size), [b""] * count), "the agent refused"
    found = stand_in.ask("events", "gateway", before + 271)
    assert len(found["events"]) == before + 271 and found["refusals"] == [], (len(found["events"]), found["refusals"])
    cut = [event for event in found["events"] if event["properties"].get("tracing_genai.truncated")]
    assert len(cut) == 1 and str(cut[0]["properties"]["$ai_input"]).endswith("…")
    # Each below what it was put below: the request itself is none of its spans.
    assert all("$ai_parent_id" not in event["properties"] for event in found["events"][before:])
    failed = gateway.metric("otelcol_exporter_send_failed_spans")
    assert failed == 0, failed
    world.say("250 spans at once, 20 of 300 kB, one of 6 MB: 271 events, no request refused, one text cut")


def secrets(sink, agent):
    """Keys in prompts, headers and messages do not leave the agent; the rest does."""
    keys = {
        "prompt": "sk-proj-" + "a1B2" * 8,
        "header": "Basic " + "dXNlcjpwYXNz" * 2,
        "aws": "AKIA" + "ABCD1234" * 2,
        "google": "AIza" + "x" * 35,
        "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "status": "gsk_" + "z9Y8" * 8,
        "name": "hunter2",
    }
    trace, own = os.urandom(16), os.urandom(8)
    pairs = {
        "gen_ai.input.messages": '[{"content":"my key is ' + keys["prompt"] + ', keep it"}]',
        "http.request.header.x": keys["header"],
        "tool.result": f"{keys['aws']} and {keys['google']} and {keys['token']}",
        "http.request.header.x-api-key": keys["name"],
        "gen_ai.usage.input_tokens": 12,
    }
    sink.keeps = True
    body = otlp.request([otlp.span(trace, own, error="refused: " + keys["status"], **pairs)])
    otlp.Sender(agent.http).send(body, [own])
    assert not sink.wait_for([own])
    arrived = b"".join(sink.bodies)
    sink.keeps = False
    leaked = [name for name, key in keys.items() if key.encode() in arrived]
    assert not leaked, leaked
    assert b"keep it" in arrived and b"gen_ai.usage.input_tokens" in arrived
    world.say(f"{len(keys)} secrets redacted")


def counted(sink):
    """Every call is counted, by what it was; nothing else is."""
    def calls(sink):
        found = {}
        for (_, name, pairs), count in sink.points.items():
            if name == "gen_ai.calls.calls":
                operation = dict(pairs).get("gen_ai.operation.name", b"").decode()
                found[operation] = found.get(operation, 0) + count
        return found

    # 5 chats and an embedding here, 2 and one in the quickstart, one that speaks for itself, 271 for the limits.
    wanted = {"chat": 5 + 2 + 1 + 271, "embeddings": 1 + 1}
    assert sink.wait(lambda sink: calls(sink) == wanted, 20), calls(sink)
    world.say(f"metrics of calls: {wanted}")


def wrong_key(sink):
    """A key that PostHog refuses is a count of the gateway's own, and the back end has its spans."""
    stand_in = world.StandIn()
    [gateway] = world.gateways(1, sink, POSTHOG_HOST=stand_in.where["gateway"], POSTHOG_API_KEY="phx_personal", SAMPLE_PERCENT=100)
    agent = world.agent("agent-wrong-key", gateway.endpoint)
    _, made = otlp.trace_of_six()
    otlp.Sender(agent.http).send(otlp.request(made.values()), list(made))
    assert not sink.wait_for(made)

    def failed():
        return gateway.metric("otelcol_exporter_send_failed_spans", exporter="otlp_http/posthog")

    world.until(lambda: failed() == 5, 20, "the failures to be counted")
    sent = gateway.metric("otelcol_exporter_sent_spans", exporter="otlp_http/BACKEND_ENDPOINT")
    assert sent == 6, sent
    world.say('a wrong key: otelcol_exporter_send_failed_spans{exporter="otlp_http/posthog"} is 5, the back end has 6')
    stand_in.stop()
