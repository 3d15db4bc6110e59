"""The files are accepted; without a variable that they cannot be without the collector stops and has its name."""

import subprocess

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
    world.say(f"{len(TIERS)} configurations accepted, {refused} refused by the name of the variable")
