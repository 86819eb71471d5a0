package chroma

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// listTries is how often a listing is compared with a count.
const listTries = 3

// list calls each with all ids of a collection; begin comes first, with the rows
// that are expected and the bytes of the answer or -1, and again whenever a
// listing begins anew. Counting before and after finds a server that lists fewer
// rows than it has; while others write, nothing can be said.
func (c *client) list(ctx context.Context, id string, begin func(rows, size int64), each func(id []byte) error) (int64, error) {
	var listed, before, after int64
	for range listTries {
		var err error
		if before, err = c.count(ctx, id); err != nil {
			return 0, err
		}
		if listed, err = c.listOnce(ctx, id, func(size int64) { begin(before, size) }, each); err != nil {
			return 0, err
		}
		if listed == before {
			return listed, nil
		}
		if after, err = c.count(ctx, id); err != nil {
			return 0, err
		}
		if before != after {
			return listed, nil
		}
	}
	return 0, fmt.Errorf("list ids: the server counts %d rows, but lists %d", after, listed)
}

func (c *client) listOnce(ctx context.Context, id string, begin func(int64), each func([]byte) error) (int64, error) {
	var n int64
	const ask = `{"include":[]}`
	r := request{
		what: "list ids", method: http.MethodPost, path: c.rows(id, "get"),
		body: func() (io.Reader, int64) { return bytes.NewReader([]byte(ask)), int64(len(ask)) },
	}
	err := c.do(ctx, r, func(body io.Reader, size int64) error {
		n = 0
		begin(size)
		l := lister{r: bufio.NewReaderSize(body, 64<<10)}
		return l.list(func(id []byte) error {
			n++
			return each(id)
		})
	})
	return n, err
}
