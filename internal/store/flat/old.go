package flat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

var errRewritten = errors.New("it was rewritten in place while it was read")

// old is a live file whose place another one takes. It is held open: an agent
// that holds it open too goes on in it once it has no name any more.
type old struct {
	file *os.File
	info fs.FileInfo // when it was looked at
	extent
	// taken is up to where the new file has its bytes, or is to have others.
	taken int64
}

// openOld opens the file at path and measures it. Nil when there is none.
func openOld(path string) (*old, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &old{file: file}
	if err := o.measure(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return o, nil
}

func (o *old) measure() (err error) {
	if o.info, err = o.file.Stat(); err != nil {
		return err
	}
	o.extent, err = measure(o.file, 0, o.info.Size())
	o.taken = o.cut
	return err
}

// holds compares the whole lines with a safety copy, in order. store.ErrMoved
// when they are others.
func (o *old) holds(ctx context.Context, safety iter.Seq2[memory.Record, error]) error {
	lines := newLines(o.file, o.cut)
	for rec, err := range safety {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return moved("it has fewer lines")
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(line, rec) {
			return moved(fmt.Sprintf("line %d is another", lines.n))
		}
	}
	if _, err := lines.next(); !errors.Is(err, io.EOF) {
		return errors.Join(moved("it has more lines"), err)
	}
	return nil
}

func moved(why string) error { return fmt.Errorf("%w: %s", store.ErrMoved, why) }

// unchanged reports whether the file at path is still this one, and as it was
// when info was taken.
func unchanged(path string, info fs.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(now, info) && now.Size() == info.Size() && now.ModTime().Equal(info.ModTime())
}

// late appends to the file at path the whole lines that an agent wrote into the
// old one since. It returns how many.
func (o *old) late(path string) (rows int64, err error) {
	if o.file == nil {
		return 0, nil
	}
	info, err := o.file.Stat()
	if err != nil {
		return 0, err
	}
	grown, err := measure(o.file, o.taken, info.Size())
	if err != nil || grown.rows == 0 {
		o.torn = grown.torn
		return 0, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(file, io.NewSectionReader(o.file, o.taken, grown.cut))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return 0, err
	}
	o.taken, o.torn = o.taken+grown.cut, grown.torn
	return grown.rows, nil
}

// tornFinding tells of a last line without its newline: no safety copy holds it,
// so it is quoted when that can be done.
func (o *old) tornFinding(path string) (*memory.Finding, error) {
	const most = 4 << 10
	if o.torn == 0 {
		return nil, nil
	}
	finding := &memory.Finding{
		Level: memory.Warning, Code: "torn-line", File: path,
		Message: fmt.Sprintf("the last line of the old file had no newline: its %d bytes are not in the new one", o.torn),
	}
	if o.torn > most || o.file == nil {
		return finding, nil
	}
	tail := make([]byte, o.torn)
	if n, err := o.file.ReadAt(tail, o.taken); n < len(tail) {
		return finding, err
	}
	finding.Hint = fmt.Sprintf("it was %q", tail)
	return finding, nil
}

// close may be called twice, and on nil.
func (o *old) close() error {
	if o == nil || o.file == nil {
		return nil
	}
	file := o.file
	o.file = nil
	return file.Close()
}
