package index

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Reader yields the entries of an index in the order of their keys. It refuses, with
// ErrFormat, what is out of order, twice, too short or too long.
type Reader struct {
	Header

	in   *bufio.Reader
	left int64
	last Entry
	next Entry // of the Reader, so that none is allocated
	any  bool
}

// NewReader reads the header. ErrFormat where there is none.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10)}
	var head [HeaderSize]byte
	if err := full(r.in, head[:]); err != nil {
		return nil, err
	}
	var err error
	if r.Header, err = decode(head); err != nil {
		return nil, err
	}
	r.left = r.Entries
	return r, nil
}

// Next returns the next entry, io.EOF after the last.
func (r *Reader) Next() (Entry, error) {
	if r.left == 0 {
		switch _, err := r.in.ReadByte(); {
		case errors.Is(err, io.EOF):
			return Entry{}, io.EOF
		case err != nil:
			return Entry{}, err
		}
		return Entry{}, fmt.Errorf("%w: bytes follow its last entry", ErrFormat)
	}
	if err := full(r.in, r.next[:]); err != nil {
		return Entry{}, err
	}
	if r.any && compareKeys(&r.last, &r.next) >= 0 {
		return Entry{}, fmt.Errorf("%w: its entries are not in order", ErrFormat)
	}
	r.last, r.any = r.next, true
	r.left--
	return r.last, nil
}

// full fills p, and says of a file that ends before that it is damaged.
func full(in io.Reader, p []byte) error {
	_, err := io.ReadFull(in, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", ErrFormat)
	}
	return err
}
