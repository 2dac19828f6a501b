"""The HTTP API with Python and httpx: a queue, a fetch, a job that can be repeated, a batch.

GATEWAY: where `sluice gateway` answers. UPSTREAM: the API that is called.
"""

import json
import os

import httpx

upstream = os.environ["UPSTREAM"]
# Longer than the gateway waits for a job (25 s, or as Prefer says): httpx gives up after 5 s of its own accord.
gateway = httpx.Client(base_url=os.environ["GATEWAY"], timeout=60)


def call(method, path, **rest):
    answer = gateway.request(method, path, **rest)
    if answer.is_error:
        # Every error is problem details: a code to act on, a sentence to read.
        problem = answer.json()
        raise RuntimeError(f"{problem['code']}: {problem['detail']}")
    return answer


# A queue: one rate for all who use it, whatever they are written in.
call("PUT", "/v1/queues/python", json={"rate": "100/1s"})

# Fetch: the job's outcome, as if fetched here.
end = call("POST", "/v1/queues/python/fetch", json={"url": f"{upstream}/status/404"}).json()
print("fetch:", end["outcome"]["response"]["status"])

# Enqueue: if the call fails, repeat it with the same key. It is one job.
order = {"url": f"{upstream}/status/201", "method": "POST", "json": {"order": 17}}
name = {"Idempotency-Key": "order-17"}
first, again = (call("POST", "/v1/queues/python/jobs", json=order, headers=name).json() for _ in range(2))
print("one job:", first["id"] == again["id"])
end = call("GET", first["url"] + "/result", headers={"Prefer": "wait=30"}).json()
print("result:", end["outcome"]["kind"], end["outcome"]["response"]["status"])


# A batch: a spec a line, sent as they are made. The same upload again adds only what is missing.
def specs():
    for number in range(20):
        yield json.dumps({"url": f"{upstream}/status/200", "meta": {"number": number}}).encode() + b"\n"


ndjson = {"Content-Type": "application/x-ndjson"}
for _ in range(2):
    answer = call("POST", "/v1/queues/python/jobs/batch?batch=python-demo", content=specs(), headers=ndjson).json()
    print("added:", answer["added"], "existed:", answer["existed"])

# The outcomes, as the jobs end.
statuses = []
with gateway.stream("GET", answer["url"] + "/results", params={"follow": "true"}) as results:
    for line in results.iter_lines():
        # A blank line says only that the gateway is still there.
        if line.strip():
            statuses.append(json.loads(line)["outcome"]["response"]["status"])
print("outcomes:", len(statuses), set(statuses))

# Output:
# fetch: 404
# one job: True
# result: response 201
# added: 20 existed: 0
# added: 0 existed: 20
# outcomes: 20 {200}
