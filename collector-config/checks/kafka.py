"""Agents, Kafka, gateways: the same as without it, and nothing is lost when the broker or a gateway is away."""

import re
import time

import otlp
import sampling
import world


def partitions(gateway):
    """How many of the topic's partitions it had last."""
    with open(gateway.log) as log:
        told = re.findall(r'synced\t.*"assigned": "(?:genai_spans\[([\d ]*)\])?', log.read())
    return len(told[-1].split()) if told else 0


def check(_full):
    sink, broker = otlp.Sink(), world.Broker().start()
    brokers = {"KAFKA_BROKERS": f"127.0.0.1:{broker.port}", "KAFKA_CREATE_TOPIC": "true"}
    agents = []
    for place in range(2):
        http = world.free_port()
        ports = {"AGENT_GRPC": f"127.0.0.1:{world.free_port()}", "AGENT_HTTP": f"127.0.0.1:{http}"}
        one = world.Collector(f"agent-kafka-{place}", "agent.yaml", "agent-to-kafka.yaml", **ports, **brokers)
        one.http = http
        agents.append(one.start())
    senders = [otlp.Sender(one.http) for one in agents]
    # The topic, before the gateways look for it.
    first = [sampling.made("error") for _ in range(12)]
    sampling.send_torn(senders, first)
    world.until(lambda: broker.bytes_of("genai_spans") > 0, 30, "the topic")
    files = ("gateway.yaml", "kafka.yaml")
    waits = {"DECISION_WAIT": "30s", "DECISION_WAIT_AFTER_ROOT": "5s"}
    three = world.gateways(3, sink, files, SAMPLE_PERCENT=sampling.SHARE, **waits, **brokers)
    # A trace that is under way when partitions move is decided in two places.
    world.until(lambda: [partitions(one) for one in three] == [4, 4, 4], 60, "the partitions to be shared out")
    assert not sink.wait_for([own for _, _, spans in first for own, _ in spans], 90)

    before = broker.bytes_of("genai_spans")
    cpu = sum(one.cpu() for one in agents), sum(one.cpu() for one in three)
    traces = [sampling.made(sampling.KINDS.get(place % 100)) for place in range(5000)]
    sampling.send_torn(senders, traces)
    spans, share, used, twice = sampling.judge(sink, traces)
    assert used > 1, used
    bytes_a_span = (broker.bytes_of("genai_spans") - before) / (4 * len(traces))
    world.say(f"{len(traces)} traces by 2 agents, 12 partitions and 3 gateways: each in one gateway of {used}, none in part")
    used = [1e6 * (sum(one.cpu() for one in some) - was) / (4 * len(traces)) for some, was in zip((agents, three), cpu)]
    world.say(f"agents: {used[0]:.0f} µs of a core a span, gateways: {used[1]:.0f} µs")
    world.say(f"{spans} spans to be kept are, of the rest {share:.1%}; {bytes_a_span:.0f} bytes a span in the broker's log")

    # The broker goes, and the spans wait on the agents' disks.
    broker.stop()
    kept = [sampling.made("error") for _ in range(200)]
    sampling.send_torn(senders, kept)
    time.sleep(2)
    broker.start()
    wanted = [own for _, _, spans in kept for own, _ in spans]
    lost = sink.wait_for(wanted, 120)
    assert not lost, f"{len(lost)} of {len(wanted)} lost while the broker was away"
    world.say(f"the broker away: {len(wanted)} spans acknowledged, 0 lost")

    # A gateway goes: its partitions wait for it.
    three[0].stop()
    kept = [sampling.made("error") for _ in range(400)]
    sampling.send_torn(senders, kept)
    time.sleep(2)
    three[0].start()
    wanted = [own for _, _, spans in kept for own, _ in spans]
    lost = sink.wait_for(wanted, 120)
    assert not lost, f"{len(lost)} of {len(wanted)} lost while a gateway was away"
    world.say(f"a gateway away: {len(wanted)} spans acknowledged, 0 lost")
