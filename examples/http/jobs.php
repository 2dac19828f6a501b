<?php
// The HTTP API with PHP and nothing else: a queue, a fetch, a job that can be repeated, a batch.
// GATEWAY: where `sluice gateway` answers. UPSTREAM: the API that is called.

declare(strict_types=1);

$upstream = getenv('UPSTREAM');

/** Opens a call to the gateway; throws what went wrong. @return resource its answer, to be read */
function send(string $method, string $path, ?string $body = null, array $headers = [])
{
    $http = [
        'method' => $method,
        'header' => $headers,
        'ignore_errors' => true,
        // Longer than the gateway waits for a job: 25 s, or as Prefer says.
        'timeout' => 60,
    ];
    if ($body !== null) {
        $http['content'] = $body;
    }
    $answer = fopen(getenv('GATEWAY') . $path, 'r', false, stream_context_create(['http' => $http]));
    if ($answer === false) {
        throw new RuntimeException('the gateway does not answer');
    }
    $status = (int) explode(' ', stream_get_meta_data($answer)['wrapper_data'][0])[1];
    if ($status >= 400) {
        // Every error is problem details: a code to act on, a sentence to read.
        $problem = json_decode(stream_get_contents($answer), true);
        throw new RuntimeException("{$problem['code']}: {$problem['detail']}");
    }
    return $answer;
}

function call(string $method, string $path, ?array $value = null, array $headers = []): array
{
    $body = $value === null ? null : json_encode($value, JSON_THROW_ON_ERROR);
    $answer = send($method, $path, $body, ['Content-Type: application/json', ...$headers]);
    return json_decode(stream_get_contents($answer), true, flags: JSON_THROW_ON_ERROR);
}

// A queue: one rate for all who use it, whatever they are written in.
call('PUT', '/v1/queues/php', ['rate' => '100/1s']);

// Fetch: the job's outcome, as if fetched here.
$end = call('POST', '/v1/queues/php/fetch', ['url' => "$upstream/status/404"]);
echo "fetch: {$end['outcome']['response']['status']}\n";

// Enqueue: if the call fails, repeat it with the same key. It is one job.
$order = ['url' => "$upstream/status/201", 'method' => 'POST', 'json' => ['order' => 17]];
$name = ['Idempotency-Key: order-17'];
$first = call('POST', '/v1/queues/php/jobs', $order, $name);
$again = call('POST', '/v1/queues/php/jobs', $order, $name);
echo 'one job: ' . ($first['id'] === $again['id'] ? 'yes' : 'no') . "\n";
$end = call('GET', "{$first['url']}/result");
echo "result: {$end['outcome']['kind']} {$end['outcome']['response']['status']}\n";

// A batch: a spec a line. The same upload again adds only what is missing.
$lines = '';
for ($number = 0; $number < 20; $number++) {
    $lines .= json_encode(['url' => "$upstream/status/200", 'meta' => ['number' => $number]]) . "\n";
}
for ($upload = 0; $upload < 2; $upload++) {
    $answer = send('POST', '/v1/queues/php/jobs/batch?batch=php-demo', $lines, ['Content-Type: application/x-ndjson']);
    $batch = json_decode(stream_get_contents($answer), true);
    echo "added: {$batch['added']} existed: {$batch['existed']}\n";
}

// The outcomes, as the jobs end.
$results = send('GET', "{$batch['url']}/results?follow=true");
[$count, $good] = [0, 0];
while (($line = fgets($results)) !== false) {
    // A blank line says only that the gateway is still there.
    if (trim($line) === '') {
        continue;
    }
    $count++;
    $good += json_decode($line, true)['outcome']['response']['status'] === 200 ? 1 : 0;
}
echo "outcomes: $count with status 200: $good\n";

// Output:
// fetch: 404
// one job: yes
// result: response 201
// added: 20 existed: 0
// added: 0 existed: 20
// outcomes: 20 with status 200: 20
