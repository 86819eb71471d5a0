package chroma

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// send adds the rows lo to hi of a batch. A batch that is too large, or that
// holds rows that the server refuses, is sent in halves, down to single rows.
func (m *merger) send(ctx context.Context, b *batch, lo, hi int) error {
	r := request{
		what: "add rows", method: http.MethodPost, path: m.server.client.rows(m.id, "add"),
		body:    func() (io.Reader, int64) { return b.body(lo, hi) },
		silence: m.server.config.WriteTimeout,
	}
	err := m.server.client.do(ctx, r, discard)
	switch {
	case err == nil:
		for n := lo; n < hi; n++ {
			b.taken[n] = true
		}
		return nil
	case !refusesRows(err):
		return err
	case hi-lo == 1:
		b.reasons[lo] = reason(err)
		return nil
	}
	half := lo + (hi-lo)/2
	if err := m.send(ctx, b, lo, half); err != nil {
		return err
	}
	return m.send(ctx, b, half, hi)
}

func discard(body io.Reader, _ int64) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// reason is what the server said about a row.
func reason(err error) string {
	var answer *StatusError
	if errors.As(err, &answer) {
		return "the server refused it: " + answer.Error()
	}
	return err.Error()
}
