package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// hashedReader reads a file in blocks and hashes them, ahead of its reader on a
// goroutine of its own when there is more than one block.
type hashedReader struct {
	file  io.Reader
	hash  hash.Hash
	bytes int64  // handed out
	buf   []byte // the block that is handed out
	left  []byte // of it, for Read
	err   error  // what comes after it
	// check, if any, is called with each block before it is handed out, and with nil at
	// the end, from the goroutine that reads. They begin at multiples of blockSize.
	check func(block []byte) error

	blocks chan readBlock // nil without a goroutine
	free   chan []byte
	quit   chan struct{}
	gone   chan struct{}
}

type readBlock struct {
	b   []byte
	err error
}

// newHashedReader reads a file of size bytes; with ahead false it starts no
// goroutine. check may be nil.
func newHashedReader(file io.Reader, size int64, ahead bool, check func([]byte) error) *hashedReader {
	h := &hashedReader{file: file, hash: sha256.New(), check: check}
	if !ahead || size <= blockSize {
		h.buf = make([]byte, min(size+1, blockSize))
		return h
	}
	h.blocks, h.free = make(chan readBlock, blocks), make(chan []byte, blocks)
	h.quit, h.gone = make(chan struct{}), make(chan struct{})
	go h.run()
	return h
}

func (h *hashedReader) run() {
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
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		h.hash.Write(buf[:n])
		n, err = h.checked(buf[:n], err)
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

// next returns the next bytes of the file, valid until the next call; io.EOF
// after the last.
func (h *hashedReader) next() ([]byte, error) {
	for h.err == nil {
		b := h.fill()
		if h.bytes += int64(len(b)); len(b) > 0 {
			return b, nil
		}
	}
	return nil, h.err
}

func (h *hashedReader) fill() []byte {
	if h.blocks == nil {
		var n int
		n, h.err = io.ReadFull(h.file, h.buf)
		if errors.Is(h.err, io.ErrUnexpectedEOF) {
			h.err = io.EOF
		}
		h.hash.Write(h.buf[:n])
		n, h.err = h.checked(h.buf[:n], h.err)
		return h.buf[:n]
	}
	if h.buf != nil {
		h.free <- h.buf
	}
	block := <-h.blocks
	h.buf, h.err = block.b[:blockSize], block.err
	return block.b
}

// checked returns how much of a block may be handed out, and what comes after it.
func (h *hashedReader) checked(block []byte, next error) (int, error) {
	if h.check == nil {
		return len(block), next
	}
	if len(block) > 0 {
		if err := h.check(block); err != nil {
			return 0, err
		}
	}
	if errors.Is(next, io.EOF) {
		if err := h.check(nil); err != nil {
			return len(block), err
		}
	}
	return len(block), next
}

// Read implements io.Reader, for those who can't use next.
func (h *hashedReader) Read(p []byte) (n int, err error) {
	if len(h.left) == 0 {
		if h.left, err = h.next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, h.left)
	h.left = h.left[n:]
	return n, nil
}

// atEnd reports whether the file was read to its end.
func (h *hashedReader) atEnd() bool {
	if len(h.left) > 0 {
		return false
	}
	_, err := h.next()
	return errors.Is(err, io.EOF)
}

// sum is the hash of the whole file once it was read to its end.
func (h *hashedReader) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

func (h *hashedReader) close() {
	if h.quit != nil {
		close(h.quit)
		<-h.gone
	}
}
