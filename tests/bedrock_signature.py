"""Signs requests as botocore does, and prints their `Authorization` headers as JSON.

Reads a JSON object: the region, the credentials, and the requests as they were received, each with its
method, its address, its headers (names in small letters) and its body in base64. Signs what the request's
own signature says that it signs, at the request's own time.
"""

import base64
import datetime
import json
import re
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

given = json.load(sys.stdin)
credentials = Credentials(given["key"], given["secret"], given["token"])


def signature(request):
    headers = request["headers"]
    names = re.search("SignedHeaders=([^,]+)", headers["authorization"]).group(1).split(";")
    time = datetime.datetime.strptime(headers["x-amz-date"], botocore.auth.SIGV4_TIMESTAMP)
    botocore.auth.get_current_datetime = lambda: time
    again = AWSRequest(
        method=request["method"],
        url=request["url"],
        data=base64.b64decode(request["body"]),
        headers={name: headers[name] for name in names},
    )
    botocore.auth.SigV4Auth(credentials, "bedrock", given["region"]).add_auth(again)
    return again.headers["Authorization"]


print(json.dumps([signature(request) for request in given["requests"]]))
