package bundle

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

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
