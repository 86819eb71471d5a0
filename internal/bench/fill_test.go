//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"keepsake/internal/store/chroma/chromatest"
)

// What keepsake's own Chroma store sends at once.
const (
	batchRows     = 1000
	batchesAtOnce = 3
)

// live is a fresh server of the run's own.
type live struct {
	*chromatest.Server
	*client
}

func (b *bench) newLive() live {
	s := chromatest.Start(b.t)
	return live{Server: s, client: newClient(s.URL())}
}

// drop ends the server and removes what it holds.
func (l live) drop() error {
	l.Kill()
	return os.RemoveAll(l.Dir())
}

// filled is a server with rows that were posted as ready-made bodies.
type filled struct {
	live
	shape

	id     string
	posted time.Duration
}

// newFilled is the floor under every import: bodies that are ready, sent as
// keepsake sends its own.
func (b *bench) newFilled(ctx context.Context, s shape) (*filled, error) {
	bodies := newGenerator(s).bodies(batchRows)
	f := &filled{live: b.newLive(), shape: s}
	if err := f.post(ctx, bodies); err != nil {
		return nil, fmt.Errorf("fill server: %w", err)
	}
	b.say("posted %s in %s", s, seconds(f.posted))
	return f, nil
}

func (f *filled) post(ctx context.Context, bodies [][]byte) error {
	var err error
	if f.id, err = f.create(ctx); err != nil {
		return err
	}
	start := time.Now()
	if err := f.add(ctx, f.id, bodies, batchesAtOnce); err != nil {
		return err
	}
	f.posted = time.Since(start)
	return f.expect(ctx, f.id, f.rows)
}

func (b *bench) fill(ctx context.Context) error {
	full, err := b.source(ctx)
	if err != nil {
		return err
	}
	b.report.figure(fmt.Sprintf("posting ready-made bodies of %d rows, %d at once", batchRows, batchesAtOnce), seconds(full.posted))
	return nil
}
