package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"keepsake/internal/atomicfile"
)

const (
	blockSize = 512 << 10
	blocks    = 4
	// flushBytes is how much may be written before it is pushed to the disk: one
	// fsync of everything at the end would stall a backup for seconds.
	flushBytes = 32 << 20
)

// stream writes one payload: rows go in on the caller's goroutine, a second one
// compresses, hashes and writes them in blocks, a third one syncs now and then.
type stream struct {
	block []byte
	free  chan []byte
	full  chan []byte
	done  chan struct{}
	made  int
	err   atomic.Pointer[error] // the first failure of the other goroutines

	sink    io.Writer
	encoder *zstd.Encoder // nil when plain
	file    *hashedFile
	content int64 // bytes before compression
}

// newStream starts to write handle, which it closes.
func newStream(handle atomicfile.Handle, c Compression) (*stream, error) {
	s := &stream{
		free: make(chan []byte, blocks), full: make(chan []byte, blocks), done: make(chan struct{}),
	}
	s.file = newHashedFile(handle, s.fail)
	s.sink = s.file
	if c == Zstd {
		encoder, err := newEncoder(s.file)
		if err != nil {
			return nil, errors.Join(err, s.file.close())
		}
		s.encoder, s.sink = encoder, encoder
	}
	go s.run()
	return s, nil
}

func newEncoder(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true),
		zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
}

// line appends a row and its newline.
func (s *stream) line(row []byte) error {
	if err := s.append(row); err != nil {
		return err
	}
	return s.append(newline)
}

var newline = []byte{'\n'}

func (s *stream) append(p []byte) error {
	s.content += int64(len(p))
	for {
		n := copy(s.block[len(s.block):cap(s.block)], p)
		s.block = s.block[:len(s.block)+n]
		if p = p[n:]; len(p) == 0 {
			return nil
		}
		if err := s.turn(); err != nil {
			return err
		}
	}
}

// turn hands the block over and takes an empty one.
func (s *stream) turn() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	if len(s.block) > 0 {
		s.full <- s.block
	}
	if s.made < blocks {
		s.made++
		s.block = make([]byte, 0, blockSize)
		return nil
	}
	s.block = <-s.free
	return nil
}

func (s *stream) run() {
	defer close(s.done)
	for block := range s.full {
		if s.err.Load() == nil {
			if _, err := s.sink.Write(block); err != nil {
				s.fail(err)
			}
		}
		s.free <- block[:0]
	}
}

func (s *stream) fail(err error) { s.err.CompareAndSwap(nil, &err) }

// finish writes what is left, and makes the file durable.
func (s *stream) finish() error {
	s.stop()
	if s.encoder != nil {
		if err := s.encoder.Close(); err != nil {
			s.fail(err)
		}
	}
	if err := s.file.finish(s.err.Load() == nil); err != nil {
		s.fail(err)
	}
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *stream) stop() {
	if len(s.block) > 0 {
		s.full <- s.block
		s.block = nil
	}
	close(s.full)
	<-s.done
}

// abort ends the goroutines and closes the file. What was written stays.
func (s *stream) abort() {
	s.fail(errAborted)
	s.stop()
	_ = s.file.close()
}

var errAborted = errors.New("writing was given up")

// hashedFile hashes what is written and syncs it in the background.
type hashedFile struct {
	handle  atomicfile.Handle
	hash    hash.Hash
	check   maphash.Hash // of the same bytes, for who reads them back
	bytes   int64
	pending int64 // bytes since the last sync was asked for
	kick    chan struct{}
	synced  chan struct{}
}

func newHashedFile(handle atomicfile.Handle, fail func(error)) *hashedFile {
	f := &hashedFile{
		handle: handle, hash: sha256.New(), kick: make(chan struct{}, 1), synced: make(chan struct{}),
	}
	go func() {
		defer close(f.synced)
		for range f.kick {
			// A failed fsync is told once only: the next one may well succeed.
			if err := handle.Sync(); err != nil {
				fail(err)
			}
		}
	}()
	return f
}

// Write implements io.Writer.
func (f *hashedFile) Write(p []byte) (int, error) {
	n, err := f.handle.Write(p)
	f.bytes += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, err
	}
	f.hash.Write(p)
	_, _ = f.check.Write(p) // it never fails
	if f.pending += int64(n); f.pending >= flushBytes {
		f.pending = 0
		select {
		case f.kick <- struct{}{}:
		default: // the last one is still under way
		}
	}
	return n, nil
}

// finish syncs, when that is of use, and closes.
func (f *hashedFile) finish(sync bool) error {
	close(f.kick)
	<-f.synced
	f.kick = nil
	var err error
	if sync {
		err = f.handle.Sync()
	}
	return errors.Join(err, f.handle.Close())
}

func (f *hashedFile) close() error {
	if f.kick == nil {
		return nil
	}
	return f.finish(false)
}

func (f *hashedFile) sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }

// writeSmall writes a file of a few bytes, durably.
func writeSmall(fsys atomicfile.FS, path string, data []byte) error {
	h, err := fsys.Create(path, filePerm)
	if err != nil {
		return err
	}
	n, err := h.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = h.Sync()
	}
	if err := errors.Join(err, h.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
