//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/errgroup"

	"keepsake/internal/store/chroma/chromatest"
)

// The default names, which a fresh server and keepsake agree on.
const (
	database   = "default_database"
	collection = "neo-agent-memory"
)

// client is as little of a Chroma client as can be: what it takes is the floor
// under what any client can take.
type client struct {
	base string
	http *http.Client
}

func newClient(server string) *client {
	return &client{
		base: server + chromatest.Collections(database),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}},
	}
}

// post sends a body and hands a good answer to read.
func (c *client) post(ctx context.Context, path string, body []byte, read func(io.Reader) error) error {
	return c.do(ctx, http.MethodPost, path, body, read)
}

func (c *client) do(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return read(answer.Body)
}

// create makes the collection and returns its id.
func (c *client) create(ctx context.Context) (string, error) {
	var made struct{ ID string }
	body := []byte(`{"name":"` + collection + `","metadata":{"description":"made by the benchmark"}}`)
	if err := c.post(ctx, "", body, decodeInto(&made)); err != nil {
		return "", fmt.Errorf("create collection: %w", err)
	}
	return made.ID, nil
}

// find returns the id of the collection.
func (c *client) find(ctx context.Context) (string, error) {
	var found struct{ ID string }
	if err := c.do(ctx, http.MethodGet, "/"+collection, nil, decodeInto(&found)); err != nil {
		return "", fmt.Errorf("find collection: %w", err)
	}
	return found.ID, nil
}

// add posts ready-made bodies, so many at once, and counts the rows afterwards.
func (c *client) add(ctx context.Context, id string, bodies [][]byte, atOnce int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, body := range bodies {
		group.Go(func() error { return c.post(ctx, "/"+id+"/add", body, discard) })
	}
	return group.Wait()
}

// expect is an error when the collection has not exactly so many rows.
func (c *client) expect(ctx context.Context, id string, rows int) error {
	var n int
	if err := c.do(ctx, http.MethodGet, "/"+id+"/count", nil, decodeInto(&n)); err != nil {
		return fmt.Errorf("count rows: %w", err)
	}
	if n != rows {
		return fmt.Errorf("the collection has %d rows, want %d", n, rows)
	}
	return nil
}

// ids lists the ids of all rows.
func (c *client) ids(ctx context.Context, id string) ([]string, error) {
	var page struct{ IDs []string }
	if err := c.post(ctx, "/"+id+"/get", []byte(`{"include":[]}`), decodeInto(&page)); err != nil {
		return nil, fmt.Errorf("list ids: %w", err)
	}
	return page.IDs, nil
}

func decodeInto(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(v) }
}

func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
