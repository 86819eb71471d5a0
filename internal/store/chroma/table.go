package chroma

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store/rows"
)

const (
	// sendersAtOnce is how many batches are on their way at once. More do not make a
	// server faster: it is bound by its index.
	sendersAtOnce = 3
	// fetchesAtOnce is how many pages are. Two keep a server busy.
	fetchesAtOnce = 2
	// firstRows is a page to learn from how large rows are.
	firstRows = 64
	// cosineTolerance is how far a number may be off in a cosine space, relative to
	// the largest number of its vector (by magnitude). The index keeps the unit
	// vector and its length, so a few last bits change on the way: up to 4e-7 were
	// seen.
	cosineTolerance = 5e-7
)

// table is a collection as package rows sees it; without an id it is absent. Vectors
// are compared bit for bit, in cosine spaces by cosineTolerance; documents exactly;
// metadata as typed values, as far as Chroma keeps them.
type table struct {
	fetcher
	server    *Server
	can       abilities
	dimension int
	tolerance float64
	sizes     []*sizes // of each page, nil when nobody asks for sizes
	measured  bool
}

// table returns the rows of a collection, nil for one that is absent.
func (s *Server) table(found *collection, spec memory.SectionSpec, can abilities) *table {
	found = or(found, &collection{})
	t := &table{
		fetcher: fetcher{client: s.client, id: found.ID, limit: s.config.PageBytes},
		server:  s, can: can, dimension: or(found.Dimension, spec.Dimension),
	}
	if found.distance() == "cosine" {
		t.tolerance = cosineTolerance
	}
	return t
}

// Limits implements rows.Table.
func (t *table) Limits() rows.Limits {
	c := t.server.config
	return rows.Limits{
		BatchRows: t.batchRows(), BatchBytes: c.BatchBytes, Sending: sendersAtOnce,
		FirstRows: firstRows, PageRows: c.PageRows, PageBytes: c.PageBytes, Fetching: fetchesAtOnce,
		Dimension: t.dimension,
	}
}

func (t *table) batchRows() int {
	if most := t.can.MaxBatchSize; most > 0 {
		return min(t.server.config.BatchRows, most)
	}
	return t.server.config.BatchRows
}

// List implements rows.Table.
func (t *table) List(ctx context.Context, begin func(rows, size int64), each func(id []byte) error) (int64, error) {
	if t.id == "" {
		begin(0, 0)
		return 0, nil
	}
	return t.client.list(ctx, t.id, begin, each)
}

// Unfit implements rows.Table.
func (t *table) Unfit(dimension, fixed int) string {
	switch {
	case dimension < 0:
		return "vector was not readable when it was backed up"
	case fixed > 0 && dimension != fixed:
		return fmt.Sprintf("vector has %d numbers, not %d", dimension, fixed)
	}
	return ""
}

// NewBatch implements rows.Table.
func (t *table) NewBatch() rows.Batch { return &batch{table: t} }

// NewPage implements rows.Table.
func (t *table) NewPage() rows.Page {
	p := &page{fetcher: &t.fetcher, lines: rows.Lines{Tolerance: t.tolerance, SameMetadata: sameMetadata}}
	if t.measured {
		p.sizes = &sizes{}
		t.sizes = append(t.sizes, p.sizes)
	}
	return p
}

// Delete implements rows.Table.
func (t *table) Delete(ctx context.Context, ids *rows.IDs, which []uint32) (int64, error) {
	return t.client.deleteRows(ctx, t.id, ids, which, min(t.batchRows(), maxPageRows), t.server.config.WriteTimeout)
}

// deleteRows deletes rows by their ids, so many at once, and returns how many it
// has deleted. One that is gone is no error.
func (c *client) deleteRows(ctx context.Context, id string, ids *rows.IDs, which []uint32, atOnce int, silence time.Duration) (int64, error) {
	var deleted int64
	var head []byte
	for len(which) > 0 { // no ids at all may stand for all rows
		some := which[:min(atOnce, len(which))]
		head = appendIDs(head[:0], ids, some)
		err := c.do(ctx, request{
			what: "delete rows", method: http.MethodPost, path: c.rows(id, "delete"), silence: silence,
			body: func() (io.Reader, int64) {
				return io.MultiReader(bytes.NewReader(head), strings.NewReader("}")), int64(len(head) + 1)
			},
		}, discard)
		if err != nil {
			return deleted, err
		}
		which = which[len(some):]
		deleted += int64(len(some))
	}
	return deleted, nil
}
