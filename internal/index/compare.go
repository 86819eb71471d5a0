package index

import (
	"errors"
	"fmt"
	"io"
)

// Difference is what two indexes of one section tell.
type Difference struct {
	Before, Now int64 // records
	Added       int64 // records that there were not
	Removed     int64 // records that there were
	Changed     int64 // records of the same key, with another content
	Moved       int64 // records of the same key and content, with another vector
}

// Change is what became of one record.
type Change int

// The changes. What is the same is none.
const (
	Added Change = iota + 1
	Removed
	Changed
	Moved
)

// Compare tells what became of the records of an index in a later one. It reads both
// once, and holds one entry of each. see, when it isn't nil, is told of every change
// in the order of keys: the entry is that of now, of a removed record that of before;
// its error ends the comparison. ErrKinds when the records are of different kinds,
// ErrFormat when an index is damaged.
func Compare(before, now *Reader, see func(Change, *Entry) error) (d Difference, err error) {
	if before.Kind != now.Kind {
		return d, fmt.Errorf("%w: %s before, %s now", ErrKinds, before.Kind, now.Kind)
	}
	d.Before, d.Now = before.Entries, now.Entries
	a, b := cursor{in: before}, cursor{in: now}
	err = errors.Join(a.step(), b.step())
	for err == nil && (!a.end || !b.end) {
		err = d.one(&a, &b, see)
	}
	return d, err
}

// one looks at the record with the lowest key, and steps over it.
func (d *Difference) one(a, b *cursor, see func(Change, *Entry) error) error {
	var err error
	switch order := a.order(b); {
	case order < 0:
		d.Removed++
		err = tell(see, Removed, &a.at)
		return errors.Join(err, a.step())
	case order > 0:
		d.Added++
		err = tell(see, Added, &b.at)
		return errors.Join(err, b.step())
	case string(a.at.Content()) != string(b.at.Content()):
		d.Changed++
		err = tell(see, Changed, &b.at)
	case a.at != b.at:
		d.Moved++
		err = tell(see, Moved, &b.at)
	}
	return errors.Join(err, a.step(), b.step())
}

func tell(see func(Change, *Entry) error, c Change, e *Entry) error {
	if see == nil {
		return nil
	}
	return see(c, e)
}

// source yields entries in the order of their keys, and io.EOF after the last.
type source interface{ Next() (Entry, error) }

// cursor stands at one entry of a source.
type cursor struct {
	in  source
	at  Entry
	end bool
}

func (c *cursor) step() (err error) {
	if c.at, err = c.in.Next(); errors.Is(err, io.EOF) {
		c.end = true
		return nil
	}
	return err
}

// order compares where two cursors stand; the end comes after all keys.
func (c *cursor) order(other *cursor) int {
	switch {
	case c.end && other.end:
		return 0
	case c.end:
		return 1
	case other.end:
		return -1
	}
	return compareKeys(&c.at, &other.at)
}
