//go:build bench

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// What keepsake's own Chroma store asks for at once.
const (
	pageRows    = 1000
	pagesAtOnce = 2
)

// reading is what it took to read all rows and do nothing with them.
type reading struct {
	wall  time.Duration
	cpu   time.Duration
	bytes int64
}

// readUndecoded lists the ids, gets all rows by them and throws the answers
// away: the floor under every backup over HTTP.
func (c *client) readUndecoded(ctx context.Context, id string, rows int) (reading, error) {
	var r reading
	start, cpu := time.Now(), ownCPU()
	ids, err := c.ids(ctx, id)
	if err != nil {
		return r, err
	}
	if len(ids) != rows {
		return r, fmt.Errorf("the server lists %d ids, want %d", len(ids), rows)
	}
	var bytes atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pagesAtOnce)
	for page := range slices.Chunk(ids, pageRows) {
		group.Go(func() error {
			n, err := c.throwAway(ctx, id, page)
			bytes.Add(n)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return r, fmt.Errorf("read pages: %w", err)
	}
	return reading{wall: time.Since(start), cpu: ownCPU() - cpu, bytes: bytes.Load()}, nil
}

func (c *client) throwAway(ctx context.Context, id string, page []string) (n int64, err error) {
	body, err := json.Marshal(map[string]any{
		"ids": page, "include": []string{"embeddings", "metadatas", "documents", "uris"},
	})
	if err != nil {
		return 0, fmt.Errorf("marshal request: %w", err)
	}
	err = c.post(ctx, "/"+id+"/get", body, func(answer io.Reader) error {
		n, err = io.Copy(io.Discard, answer)
		return err
	})
	return n, err
}

func (b *bench) readAll(ctx context.Context, f *filled) (reading, error) {
	r, err := f.readUndecoded(ctx, f.id, f.rows)
	if err == nil {
		b.say("read %s undecoded, %s, in %s", f.shape, mebibytes(r.bytes), seconds(r.wall))
	}
	return r, err
}

func (b *bench) read(ctx context.Context) error {
	full, err := b.source(ctx)
	if err != nil {
		return err
	}
	r, err := b.readAll(ctx, full)
	if err != nil {
		return err
	}
	b.report.figure(fmt.Sprintf("reading undecoded, %s in pages of %d, %d at once", mebibytes(r.bytes), pageRows, pagesAtOnce), seconds(r.wall))
	if r.cpu > 0 {
		b.report.figure("reading undecoded, CPU of the client", seconds(r.cpu))
	}
	return nil
}
