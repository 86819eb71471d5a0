package bundle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
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
	file  *os.File
	raw   *hashedReader
	plain bool
	lines lineReader
	close func()
}

// openPayload opens a file below root, to read its lines. It follows no link.
func openPayload(root *os.Root, path string, c Compression, limits Limits) (*payload, error) {
	return openAs(root, path, c, limits, newHashedReader)
}

// openCount opens a file below root, to count its lines: there is then nothing
// to do beside the hashing, and so no goroutine for it.
func openCount(root *os.Root, path string, c Compression, limits Limits) (*payload, error) {
	return openAs(root, path, c, limits, func(file io.Reader, _ int64) *hashedReader {
		return newHashedReader(file, 0)
	})
}

func openAs(root *os.Root, path string, c Compression, limits Limits, hashed func(io.Reader, int64) *hashedReader) (*payload, error) {
	file, size, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	if size == 0 && c != Plain { // a zstd decoder takes no frame at all for an end
		return nil, errors.Join(errEndsEarly, file.Close())
	}
	raw := hashed(file, size)
	content, closeContent, err := decompress(raw, c, limits)
	if err != nil {
		raw.close()
		return nil, errors.Join(err, file.Close())
	}
	buffer := min(size+1, blockSize)
	if c != Plain {
		content = &expansion{r: content, left: limits.expanded(size)}
		buffer = 64 << 10
	}
	p := &payload{file: file, raw: raw, plain: c == Plain}
	p.lines = lineReader{r: content, max: limits.Line, buf: make([]byte, buffer)}
	p.close = func() {
		closeContent()
		raw.close()
		_ = file.Close() // it was only read
	}
	return p, nil
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

// next returns the next line without its newline, valid until the next call;
// io.EOF after the last one.
func (p *payload) next() ([]byte, error) {
	line, err := p.lines.next()
	if errors.Is(err, io.EOF) && !p.raw.atEnd() {
		return nil, errTrailing
	}
	return line, err
}

// count reads the payload to its end and returns how many lines it has. A line
// without its newline at the end is one.
func (p *payload) count(ctx context.Context) (rows int64, err error) {
	last := byte('\n')
	for p.plain { // no need to look where lines begin
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		n, err := p.raw.Read(p.lines.buf)
		if n > 0 {
			rows += int64(bytes.Count(p.lines.buf[:n], newline))
			last = p.lines.buf[n-1]
		}
		if errors.Is(err, io.EOF) {
			if p.lines.torn = last != '\n'; p.lines.torn {
				rows++
			}
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
	}
	for ; ; rows++ {
		if _, err := p.next(); errors.Is(err, io.EOF) {
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
		if _, err := p.raw.Read(p.lines.buf); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// expansionSlack is what a short compressed file may always expand to.
const expansionSlack = 1 << 20

// expansion ends a stream that grows out of all proportion.
type expansion struct {
	r    io.Reader
	left int64
}

func (e *expansion) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if e.left -= int64(n); e.left < 0 {
		return n, errExpansion
	}
	return n, err
}

// decompress returns the content of raw.
func decompress(raw io.Reader, c Compression, limits Limits) (io.Reader, func(), error) {
	switch c {
	case Zstd:
		d, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(limits.Window))
		if err != nil {
			return nil, nil, fmt.Errorf("read zstd: %w", err)
		}
		return &whole{r: d}, d.Close, nil
	case Gzip:
		return &lazyGzip{raw: bufio.NewReader(raw)}, func() {}, nil
	case Brotli:
		return &whole{r: brotli.NewReader(raw)}, func() {}, nil
	case Plain:
	}
	return raw, func() {}, nil
}

// whole gives an early end one name.
type whole struct{ r io.Reader }

func (w *whole) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errEndsEarly
	}
	return n, err
}

// lazyGzip reads the header with the first bytes, so that a bad one is an error
// of reading.
type lazyGzip struct {
	raw *bufio.Reader
	r   *gzip.Reader
}

func (l *lazyGzip) Read(b []byte) (int, error) {
	if l.r == nil {
		r, err := gzip.NewReader(l.raw)
		if err != nil {
			return 0, earlyEnd(err)
		}
		l.r = r
	}
	n, err := l.r.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errEndsEarly
	}
	return n, err
}

// earlyEnd: at the start of a stream, even a clean end is early.
func earlyEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEndsEarly
	}
	return err
}

// hashedReader hashes a file ahead of its reader, on its own goroutine when the
// file is larger than a block.
type hashedReader struct {
	file  io.Reader
	hash  hash.Hash
	bytes int64
	err   error // sticky

	blocks chan readBlock
	free   chan []byte
	quit   chan struct{}
	gone   chan struct{}
	left   []byte // of the block being read
	buf    []byte // that block, whole
}

type readBlock struct {
	b   []byte
	err error
}

func newHashedReader(file io.Reader, size int64) *hashedReader {
	h := &hashedReader{file: file, hash: sha256.New()}
	if size > blockSize {
		h.blocks, h.free = make(chan readBlock, blocks), make(chan []byte, blocks)
		h.quit, h.gone = make(chan struct{}), make(chan struct{})
		go h.ahead()
	}
	return h
}

func (h *hashedReader) ahead() {
	defer close(h.gone)
	for made := 0; ; made++ {
		var buf []byte
		if made < blocks {
			buf = make([]byte, blockSize)
		} else {
			select {
			case buf = <-h.free:
			case <-h.quit:
				return
			}
		}
		n, err := io.ReadFull(h.file, buf)
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		h.hash.Write(buf[:n])
		select {
		case h.blocks <- readBlock{buf[:n], err}:
		case <-h.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (h *hashedReader) Read(p []byte) (int, error) {
	if h.blocks == nil {
		n, err := h.file.Read(p)
		h.hash.Write(p[:n])
		h.bytes += int64(n)
		return n, err
	}
	for len(h.left) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		if h.buf != nil {
			h.free <- h.buf[:blockSize]
		}
		block := <-h.blocks
		h.buf, h.left, h.err = block.b, block.b, block.err
	}
	n := copy(p, h.left)
	h.left = h.left[n:]
	h.bytes += int64(n)
	return n, nil
}

// atEnd reports whether the file was read to its end.
func (h *hashedReader) atEnd() bool {
	var one [1]byte
	n, err := h.Read(one[:])
	return n == 0 && errors.Is(err, io.EOF)
}

// sum is the hash of the whole file once it was read to its end.
func (h *hashedReader) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

func (h *hashedReader) close() {
	if h.quit != nil {
		close(h.quit)
		<-h.gone
	}
}
