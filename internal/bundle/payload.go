package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Errors of a payload that can't be read on. They wrap nothing.
var (
	errLineTooLong = errors.New("line is too long")
	errExpansion   = errors.New("expands too far for what it is compressed from")
	errEndsEarly   = errors.New("compressed stream ends early")
	errTrailing    = errors.New("bytes follow the end of the compressed stream")
	errNotRegular  = errors.New("is no regular file")
)

// payload reads one file of a bundle: its bytes are hashed as they lie on disk,
// its content comes out in lines.
type payload struct {
	raw   *hashedReader
	plain bool
	lines lineReader
	close func()
}

// openPayload opens a file below root. It follows no link. ahead reads and
// hashes on a goroutine, which pays when something is done with the lines. check may
// be nil: see hashedReader.
func openPayload(root *os.Root, path string, c Compression, limits Limits, ahead bool, check func([]byte) error) (*payload, error) {
	file, size, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	if size == 0 && c != Plain { // a zstd decoder takes no frame at all for an end
		return nil, errors.Join(errEndsEarly, file.Close())
	}
	raw := newHashedReader(file, size, ahead, check)
	p := &payload{raw: raw, plain: c == Plain}
	p.lines = lineReader{next: raw.next, max: limits.Line}
	closeContent := func() {}
	if c != Plain {
		var content io.Reader
		if content, closeContent, err = decompress(raw, c, limits); err != nil {
			raw.close()
			return nil, errors.Join(err, file.Close())
		}
		p.lines.next = inBlocks(&expansion{r: content, left: limits.expanded(size)})
	}
	p.close = func() {
		closeContent()
		raw.close()
		_ = file.Close() // it was only read
	}
	return p, nil
}

// inBlocks reads r as hashedReader.next does.
func inBlocks(r io.Reader) func() ([]byte, error) {
	buf := make([]byte, 64<<10)
	var failed error
	return func() ([]byte, error) {
		for failed == nil {
			var n int
			n, failed = r.Read(buf)
			if n > 0 && !errors.Is(failed, errExpansion) {
				return buf[:n], nil
			}
		}
		return nil, failed
	}
}

// openRegular opens a file that is neither a link nor a device.
func openRegular(root *os.Root, path string) (*os.File, int64, error) {
	before, err := root.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, 0, err
	}
	after, err := file.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, after.Size(), nil
}

// line returns the next line without its newline, valid until the next call;
// io.EOF after the last one.
func (p *payload) line() ([]byte, error) {
	line, err := p.lines.line()
	if errors.Is(err, io.EOF) && !p.raw.atEnd() {
		return nil, errTrailing
	}
	return line, err
}

// count reads the payload to its end and returns how many lines it has. A line
// without its newline at the end is one.
func (p *payload) count(ctx context.Context) (rows int64, err error) {
	for p.plain { // no need to look where lines begin
		block, err := p.raw.next()
		if errors.Is(err, io.EOF) {
			if p.lines.torn {
				rows++
			}
			return rows, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return rows, err
		}
		rows += int64(bytes.Count(block, newline))
		p.lines.torn = block[len(block)-1] != '\n'
	}
	for ; ; rows++ {
		if _, err := p.line(); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		if rows%256 == 0 && ctx.Err() != nil {
			return rows, ctx.Err()
		}
	}
}

// drain reads what is left, so that the hash is that of the whole file. No line
// is valid any more.
func (p *payload) drain(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := p.raw.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
