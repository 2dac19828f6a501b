#!/bin/sh
# The HTTP API with curl and nothing else: a queue, a fetch, a job that can be repeated, a batch.
# GATEWAY: where `sluice gateway` answers. UPSTREAM: the API that is called.
set -eu
queue="$GATEWAY/v1/queues/example"
json='content-type: application/json'

# The value of a field in a line of JSON; a program of yours has a parser.
field() { echo "$(sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p")"; }

# A queue: one rate for all who use it, whatever they are written in.
curl -sS --fail-with-body -X PUT "$queue" -H "$json" -d '{"rate": "100/1s"}' | field change

# Fetch: the job's outcome, as if fetched here.
curl -sS --fail-with-body "$queue/fetch" -H "$json" -d "{\"url\": \"$UPSTREAM/status/404\"}" | field status

# Enqueue: if the call fails, repeat it with the same key. It is one job.
enqueue() {
  curl -sS --fail-with-body "$queue/jobs" -H "$json" -H 'Idempotency-Key: order-17' \
    -d "{\"url\": \"$UPSTREAM/status/201\", \"method\": \"POST\", \"json\": {\"order\": 17}}" | field url
}
first=$(enqueue)
[ "$(enqueue)" = "$first" ] && echo 'the same job'
curl -sS --fail-with-body "$GATEWAY$first/result" | field kind

# A batch: a spec a line. The same upload again adds only what is missing.
lines() { for n in 1 2 3; do echo "{\"url\": \"$UPSTREAM/status/200\"}"; done; }
for upload in first second; do
  lines | curl -sS --fail-with-body "$queue/jobs/batch?batch=demo-$$" -H 'content-type: application/x-ndjson' \
    --data-binary @- | field added
done
curl -sS --fail-with-body "$queue/batches/demo-$$/results?follow=true" | grep -c '"kind":"response"'

# Output:
# created
# 404
# the same job
# response
# 3
# 0
# 3
