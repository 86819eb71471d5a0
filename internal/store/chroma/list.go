package chroma

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"keepsake/internal/record"
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

// lister finds the ids in {"ids":["…",…],…} while it comes in, so that millions
// of them are never in memory twice.
type lister struct {
	r        *bufio.Reader
	text, id []byte
}

// list calls each with the ids of the answer. Other keys are skipped.
func (l *lister) list(each func(id []byte) error) error {
	if err := l.expect('{'); err != nil {
		return err
	}
	found := false
	for {
		key, err := l.str()
		if err == nil {
			err = l.expect(':')
		}
		if err != nil {
			return err
		}
		if string(key) == `"ids"` && !found {
			found = true
			err = l.array(each)
		} else {
			err = l.skip()
		}
		if err != nil {
			return err
		}
		more, err := l.more('}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if !found {
		return &malformedError{errors.New(`a page without "ids"`)}
	}
	return nil
}

func (l *lister) array(each func(id []byte) error) error {
	if err := l.expect('['); err != nil {
		return err
	}
	if c, err := l.next(); err != nil || c == ']' {
		return err
	}
	if err := l.r.UnreadByte(); err != nil {
		return err
	}
	for {
		text, err := l.str()
		if err != nil {
			return err
		}
		if l.id, err = record.AppendUnquoted(l.id[:0], text); err != nil {
			return &malformedError{err}
		}
		if err := each(l.id); err != nil {
			return err
		}
		if more, err := l.more(']'); err != nil || !more {
			return err
		}
	}
}

// more takes a comma, which is more, or the bracket that ends.
func (l *lister) more(end byte) (bool, error) {
	c, err := l.next()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, unexpected(c)
	}
	return c == ',', nil
}

// str takes a string, with its quotes.
func (l *lister) str() ([]byte, error) {
	if err := l.expect('"'); err != nil {
		return nil, err
	}
	l.text = append(l.text[:0], '"')
	for {
		part, err := l.r.ReadSlice('"')
		l.text = append(l.text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, cut(err)
		}
		if !escaped(l.text) {
			return l.text, nil
		}
	}
}

// escaped reports whether the quote that ends text is part of the string.
func escaped(text []byte) bool {
	before := text[1 : len(text)-1]
	return (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1
}

// skip takes a value of any kind: to the comma or bracket that is not its own,
// which it leaves.
func (l *lister) skip() error {
	for depth := 0; ; {
		c, err := l.next()
		if err != nil {
			return err
		}
		switch c {
		case '"':
			if err = l.r.UnreadByte(); err == nil {
				_, err = l.str()
			}
			if err != nil {
				return err
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return l.r.UnreadByte()
			}
			if c != ',' {
				depth--
			}
		}
	}
}

func (l *lister) expect(want byte) error {
	c, err := l.next()
	if err == nil && c != want {
		err = unexpected(c)
	}
	return err
}

// next takes the next byte that is no whitespace.
func (l *lister) next() (byte, error) {
	for {
		c, err := l.r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
	}
}

func unexpected(c byte) error {
	return &malformedError{fmt.Errorf("unexpected %q in a list of ids", c)}
}

// cut turns the end of an answer in its middle into an error that says so.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &malformedError{err}
}
