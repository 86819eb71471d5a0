package flat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// reader reads one file of a session.
type reader struct {
	*opened
	now     func() time.Time
	capture memory.Capture
}

func (r *reader) all(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.capture = memory.Capture{StartedAt: r.now(), Method: "files", Unreadable: []string{}}
		lines := newLines(r.file, r.extent.cut)
		for {
			line, err := r.next(ctx, lines)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
		if err := r.finish(lines); err != nil {
			yield(nil, err)
		}
	}
}

// next returns a line that a bundle can hold. A line that is no UTF-8 ends the
// reading: it must neither be lost nor make a bundle that nobody can read.
func (r *reader) next(ctx context.Context, lines *lines) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	line, err := lines.next()
	if err == nil && !utf8.Valid(line) {
		err = fmt.Errorf("line %d: invalid UTF-8", lines.n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, r.unreadable(err)
	}
	return line, err
}

// finish fills in the capture. The bytes must be those of the first look: a file
// that was cut or rewritten in place meanwhile is half old and half new.
func (r *reader) finish(lines *lines) error {
	first := r.extent
	info, err := r.file.Stat()
	if err != nil {
		return r.unreadable(err)
	}
	if lines.n < first.rows || info.Size() < first.cut {
		return r.unreadable(fmt.Errorf("it was cut while it was read: %d of %d lines were left", lines.n, first.rows))
	}
	if lines.sum != first.sum {
		return r.unreadable(errors.New("it was rewritten in place while it was read"))
	}
	grown, err := measure(r.file, first.cut, info.Size())
	if err != nil {
		return r.unreadable(err)
	}
	c := &r.capture
	c.Before, c.Held, c.After = first.rows, first.rows, first.rows+grown.rows
	c.TornBytes, c.EndedAt = first.torn, r.now()
	return nil
}

func (r *reader) unreadable(err error) error {
	return fmt.Errorf("read %s: %w: %w", r.path, store.ErrUnreadable, beside.Bare(err))
}
