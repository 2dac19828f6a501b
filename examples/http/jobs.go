// The HTTP API with Go's standard library: a queue, a fetch, a job that can be repeated, a batch.
//
// GATEWAY: where `sluice gateway` answers. UPSTREAM: the API that is called.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

var (
	gateway  = os.Getenv("GATEWAY")
	upstream = os.Getenv("UPSTREAM")
	// Longer than the gateway waits for a job: 25 s, or as Prefer says.
	client = &http.Client{Timeout: time.Minute}
)

type spec struct {
	URL    string `json:"url"`
	Method string `json:"method,omitempty"`
	JSON   any    `json:"json,omitempty"`
}

// What an outcome and the gateway's other answers hold, as far as it is read here.
type answer struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Added   int    `json:"added"`
	Existed int    `json:"existed"`
	Outcome struct {
		Kind     string `json:"kind"`
		Response struct {
			Status int `json:"status"`
		} `json:"response"`
	} `json:"outcome"`
}

// Every error is problem details: a code to act on, a sentence to read.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func send(method, path, contentType string, body io.Reader, headers map[string]string) io.ReadCloser {
	request, err := http.NewRequest(method, gateway+path, body)
	if err != nil {
		log.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode >= 400 {
		var what problem
		_ = json.NewDecoder(response.Body).Decode(&what)
		log.Fatalf("%s: %s", what.Code, what.Detail)
	}
	return response.Body
}

func read(body io.ReadCloser) (decoded answer) {
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&decoded); err != nil {
		log.Fatal(err)
	}
	return decoded
}

func post(method, path string, value any, headers map[string]string) answer {
	text, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return read(send(method, path, "application/json", bytes.NewReader(text), headers))
}

func main() {
	// A queue: one rate for all who use it, whatever they are written in.
	post("PUT", "/v1/queues/go", map[string]string{"rate": "100/1s"}, nil)

	// Fetch: the job's outcome, as if fetched here.
	end := post("POST", "/v1/queues/go/fetch", spec{URL: upstream + "/status/404"}, nil)
	fmt.Println("fetch:", end.Outcome.Response.Status)

	// Enqueue: if the call fails, repeat it with the same key. It is one job.
	order := spec{URL: upstream + "/status/201", Method: "POST", JSON: map[string]int{"order": 17}}
	name := map[string]string{"Idempotency-Key": "order-17"}
	first := post("POST", "/v1/queues/go/jobs", order, name)
	again := post("POST", "/v1/queues/go/jobs", order, name)
	fmt.Println("one job:", first.ID == again.ID)
	end = read(send("GET", first.URL+"/result", "", nil, nil))
	fmt.Println("result:", end.Outcome.Kind, end.Outcome.Response.Status)

	// A batch: a spec a line, sent as they are made. The same upload again adds only what is missing.
	var batch answer
	for upload := 0; upload < 2; upload++ {
		lines, writer := io.Pipe()
		go func() {
			encoder := json.NewEncoder(writer) // ends each value with a newline
			for number := 0; number < 20; number++ {
				_ = encoder.Encode(spec{URL: fmt.Sprintf("%s/status/200?number=%d", upstream, number)})
			}
			writer.Close()
		}()
		batch = read(send("POST", "/v1/queues/go/jobs/batch?batch=go-demo", "application/x-ndjson", lines, nil))
		fmt.Println("added:", batch.Added, "existed:", batch.Existed)
	}

	// The outcomes, as the jobs end.
	results := send("GET", batch.URL+"/results?follow=true", "", nil, nil)
	defer results.Close()
	count, good := 0, 0
	// A reader, not a Scanner: a line holds a body, and may be long.
	for reader := bufio.NewReader(results); ; {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		// A blank line says only that the gateway is still there.
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var one answer
		if err := json.Unmarshal(line, &one); err != nil {
			log.Fatal(err)
		}
		count++
		if one.Outcome.Response.Status == 200 {
			good++
		}
	}
	fmt.Println("outcomes:", count, "with status 200:", good)
}

// Output:
// fetch: 404
// one job: true
// result: response 201
// added: 20 existed: 0
// added: 0 existed: 20
// outcomes: 20 with status 200: 20
