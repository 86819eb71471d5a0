package flat

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"keepsake/internal/record"
)

// extent is what a look at a file saw: the lines up to the last newline, and the
// torn line behind it.
type extent struct {
	rows int64
	cut  int64  // bytes up to the last newline, and with it
	torn int64  // bytes behind it
	sum  uint32 // checksum of the bytes up to cut
}

// sums detects that a file was rewritten while it was read; it keeps no secret.
func sums() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// measure reads a file from one offset to another. Bytes that have gone
// meanwhile are not in the extent.
func measure(f io.ReaderAt, from, to int64) (e extent, err error) {
	table, buffer := sums(), make([]byte, 256<<10)
	sum, r := uint32(0), io.NewSectionReader(f, from, to-from)
	for {
		n, err := r.Read(buffer)
		chunk := buffer[:n]
		if last := bytes.LastIndexByte(chunk, '\n'); last >= 0 {
			e.rows += int64(bytes.Count(chunk, []byte{'\n'}))
			e.cut += e.torn + int64(last) + 1
			e.sum = crc32.Update(sum, table, chunk[:last+1])
			e.torn, sum, chunk = 0, e.sum, chunk[last+1:]
		}
		e.torn += int64(len(chunk))
		sum = crc32.Update(sum, table, chunk)
		if errors.Is(err, io.EOF) {
			return e, nil
		}
		if err != nil {
			return e, err
		}
	}
}

// readerAt is what an os.File is to a look.
type readerAt interface {
	io.ReaderAt
	Stat() (os.FileInfo, error)
}

// look measures a whole file, as long as it is now.
func look(f readerAt) (extent, error) {
	info, err := f.Stat()
	if err != nil {
		return extent{}, err
	}
	return measure(f, 0, info.Size())
}

// lines reads the lines of the first bytes of a file.
type lines struct {
	r     *bufio.Reader
	table *crc32.Table
	sum   uint32
	long  []byte // a line that is longer than r's buffer
	n     int64  // lines read
	tail  []byte // what is behind the last newline, once next has said io.EOF
}

func newLines(f io.ReaderAt, bytes int64) *lines {
	return &lines{r: bufio.NewReaderSize(io.NewSectionReader(f, 0, bytes), 256<<10), table: sums()}
}

// next returns a line without its newline, valid until the next one; io.EOF at
// the end. What has no newline is no line.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.sum = crc32.Update(l.sum, l.table, part)
		if len(l.long)+len(part) > record.MaxLine+len("\n") {
			return nil, fmt.Errorf("line %d: longer than %d MiB", l.n+1, record.MaxLine>>20)
		}
		line := part
		if len(l.long) > 0 || err != nil {
			l.long = append(l.long, part...)
			line = l.long
		}
		switch {
		case err == nil:
			l.n++
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF):
			l.tail = line
			return nil, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// each passes every line on, valid during the call.
func (l *lines) each(ctx context.Context, do func(line []byte) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(line)
		}
		if err != nil {
			return err
		}
	}
}
