"""The files are accepted; without a variable that they cannot be without the collector stops and has its name."""

import os
import subprocess

import otlp
import world

AGENT = {"GATEWAY_ENDPOINT": "localhost:4317"}
GATEWAY = {"BACKEND_ENDPOINT": "http://localhost:4318", "POSTHOG_API_KEY": "phc_check"}
KAFKA = {"KAFKA_BROKERS": "one:9092,two:9092"}
TIERS = [
    (["agent.yaml"], AGENT),
    (["gateway.yaml"], GATEWAY),
    (["agent.yaml", "agent-to-kafka.yaml"], KAFKA),
    (["gateway.yaml", "kafka.yaml"], {**GATEWAY, **KAFKA}),
]


def check(_full):
    refused = 0
    for files, variables in TIERS:
        name = "+".join(files)
        one = world.Collector(name, *files, **variables)
        done = subprocess.run(one.command("validate"), env=one.environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        for missing in variables:
            without = {key: value for key, value in variables.items() if key != missing}
            said = world.Collector(name, *files, **without).refusal()
            assert missing in said.splitlines()[-1] or missing in said.partition("Error:")[2], f"{name}: {said}"
            refused += 1
            if missing != "KAFKA_BROKERS":
                said = world.Collector(name, *files, **without, **{missing: ""}).refusal()
                assert missing in said.partition("Error:")[2], f"{name}: {said}"
                refused += 1
    encrypted()
    world.say(f"{len(TIERS)} configurations accepted, {refused} refused by the name of the variable")


def encrypted():
    """From the agent to a gateway, and from it to itself, over TLS."""
    certificate, key = (os.path.join(world.folder, file) for file in ("gateway.crt", "gateway.key"))
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-keyout", key, "-out", certificate, "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *made], check=True, capture_output=True)
    client = {"GATEWAY_INSECURE": "false", "GATEWAY_CA_FILE": certificate}
    sink = otlp.Sink()
    server = f"{{cert_file: {certificate}, key_file: {key}}}"
    [gateway] = world.gateways(1, sink, SAMPLE_PERCENT=100, GATEWAY_TLS=server, **client)
    agent = world.agent("agent-tls", gateway.endpoint, **client)
    _, made = otlp.trace_of_six()
    assert otlp.Sender(agent.http).send(otlp.request(made.values()), list(made))
    assert not sink.wait_for(made), "nothing came over TLS"
    world.say("the same over TLS between agent and gateway")
