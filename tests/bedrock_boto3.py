"""Makes one call of boto3's, and prints what boto3 understood of the answer as JSON.

Arguments: the address, the operation, its parameters as JSON. A body is given as JSON, and read as it;
a stream is read to its end.
"""

import json
import os
import sys

# Nobody's own settings, least of all their keys.
for variable in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[variable]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

address, operation, parameters = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if "body" in parameters:
    parameters["body"] = json.dumps(parameters["body"])

client = boto3.client(
    "bedrock-runtime",
    endpoint_url=address,
    region_name="us-east-1",
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="secret",
    config=Config(retries={"total_max_attempts": 1}, proxies={}),
)


def failed(error):
    return {
        "code": error.response["Error"]["Code"],
        "message": error.response["Error"]["Message"],
        "class": type(error).__name__,
        "status": error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
    }


def read(name, value, answer):
    """The parts of an answer, each as JSON has it."""
    if name == "ResponseMetadata":
        answer["request_id"] = value["RequestId"]
        answer["headers"] = value["HTTPHeaders"]
    elif name in ("stream", "body") and operation.endswith("_stream"):
        events = answer["events"] = []
        try:
            for event in value:
                if "chunk" in event:
                    event = json.loads(event["chunk"]["bytes"])
                events.append(event)
        except ClientError as error:
            answer["error"] = failed(error)
    elif name == "body":
        answer["body"] = json.loads(value.read())
    else:
        answer[name] = value


answer = {}
try:
    for name, value in getattr(client, operation)(**parameters).items():
        read(name, value, answer)
except ClientError as error:
    answer["error"] = failed(error)
print(json.dumps(answer))
