package collections

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// copied compares the live rows with a safety copy of them.
type copied struct {
	reader  reader
	scanner record.Scanner
}

// compare goes through both, in the order in which rows are read. ErrMoved when
// they are others, or when a row can't be read: no copy has it then.
func (c *copied) compare(ctx context.Context, safety iter.Seq2[memory.Record, error]) error {
	next, stop := iter.Pull2(safety)
	defer stop()
	var failed error
	read, err := c.reader.walk(ctx, func(live memory.Record, _ error) bool {
		failed = c.pair(live, next)
		return failed == nil
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	if n := len(c.reader.capture.Unreadable); n > 0 {
		return fmt.Errorf("%w: %d rows can't be read", store.ErrMoved, n)
	}
	_, err, more := next()
	if more && err == nil {
		err = fmt.Errorf("%w: there are only %d rows", store.ErrMoved, read)
	}
	return err
}

// pair compares a live row with the next one of the copy.
func (c *copied) pair(live memory.Record, next func() (memory.Record, error, bool)) error {
	rec, err, ok := next()
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w: there are more rows", store.ErrMoved)
	case bytes.Equal(live, rec):
		return nil
	}
	// Written otherwise may still mean the same.
	mine, err := c.digest(rec)
	if err != nil {
		return err
	}
	theirs, err := c.digest(live)
	if err != nil {
		return err
	}
	if mine != theirs {
		return fmt.Errorf("%w: row %q is not in its place", store.ErrMoved, c.reader.row.id)
	}
	return nil
}

func (c *copied) digest(line memory.Record) (record.Digest, error) {
	v, err := c.scanner.Vector(line)
	if err != nil {
		return record.Digest{}, err
	}
	return c.scanner.VectorDigest(line, v)
}
