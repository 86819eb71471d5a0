package chroma

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"keepsake/internal/record"
)

// erase deletes rows by their ids, given as JSON with commas between. One that
// is gone is no error.
func (c *client) erase(ctx context.Context, id string, ids []byte, silence time.Duration) error {
	const head, tail = `{"ids":[`, `]}`
	return c.do(ctx, request{
		what: "delete rows", method: http.MethodPost, path: c.rows(id, "delete"), silence: silence,
		body: func() (io.Reader, int64) {
			return io.MultiReader(strings.NewReader(head), bytes.NewReader(ids), strings.NewReader(tail)),
				int64(len(head) + len(ids) + len(tail))
		},
	}, discard)
}

// eraser gathers rows to delete.
type eraser struct {
	client  *client
	id      string // of the collection
	silence time.Duration
	most    int    // rows to delete at once
	ids     []byte // as JSON, with commas between
	rows    int
	cuts    []int // in ids, where so many are full
}

func (m *merger) newEraser() eraser {
	return eraser{
		client: m.client, id: m.id, silence: m.server.config.WriteTimeout,
		most: min(m.batchRows(), maxPageRows),
	}
}

func (e *eraser) add(id []byte) {
	if e.rows > 0 && e.rows%e.most == 0 {
		e.cuts = append(e.cuts, len(e.ids))
	} else if e.rows > 0 {
		e.ids = append(e.ids, ',')
	}
	e.ids = record.AppendString(e.ids, id)
	e.rows++
}

// full reports whether there are as many as are deleted at once.
func (e *eraser) full() bool { return e.rows >= e.most }

// erase deletes what was gathered and returns how many rows it deleted.
func (e *eraser) erase(ctx context.Context) (int64, error) {
	var erased int64
	start := 0
	for _, end := range append(e.cuts, len(e.ids)) {
		if start == end {
			break // no ids may stand for all rows
		}
		if err := e.client.erase(ctx, e.id, e.ids[start:end], e.silence); err != nil {
			return erased, err
		}
		erased = min(erased+int64(e.most), int64(e.rows))
		start = end
	}
	e.ids, e.cuts, e.rows = e.ids[:0], e.cuts[:0], 0
	return erased, nil
}
