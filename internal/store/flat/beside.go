package flat

import (
	"bytes"
	"errors"
	"io"

	"keepsake/internal/atomicfile"
	"keepsake/internal/store/beside"
)

// fresh is a new file of lines, written beside a live one to take its place. No
// reading takes it: its name is hidden.
type fresh struct {
	*beside.File
	rows int64
}

func newFresh(fsys atomicfile.FS, path, tag string) *fresh {
	return &fresh{File: beside.New(fsys, path, tag)}
}

// line writes a line.
func (b *fresh) line(line []byte) error {
	if _, err := b.Write(line); err != nil {
		return err
	}
	b.rows++
	_, err := b.Write([]byte{'\n'})
	return err
}

// copy writes what r has, of which whole lines count as rows.
func (b *fresh) copy(r io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		b.rows += int64(bytes.Count(buffer[:n], []byte{'\n'}))
		if _, err := b.Write(buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take takes the place of the old file. The name is durable after Settle.
func (b *fresh) take(o *old) error {
	if !beside.RenamesOverOpen { // nobody else has it open then, or the rename fails
		if err := o.close(); err != nil {
			return err
		}
	}
	return b.Take()
}
