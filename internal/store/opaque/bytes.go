package opaque

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// digest is what two files of the same content have in common. Copies of one
// database are the same bytes, whichever its journal mode, but for the schema
// cookie at 40 to 43 of the header, which each copy of a copy counts on: it is
// taken as zero. See sqlite.org/fileformat2.html.
type digest struct {
	hash   hash.Hash
	sqlite bool
	size   int64
}

func newDigest(sqlite bool) *digest { return &digest{hash: sha256.New(), sqlite: sqlite} }

// Write implements io.Writer.
func (d *digest) Write(p []byte) (int, error) {
	const cookie, end = 40, 44
	rest := p
	if d.sqlite && d.size < end && len(p) > 0 {
		head := bytes.Clone(p[:min(int64(len(p)), end-d.size)])
		for i := range head {
			if d.size+int64(i) >= cookie {
				head[i] = 0
			}
		}
		d.hash.Write(head)
		rest = p[len(head):]
	}
	d.hash.Write(rest)
	d.size += int64(len(p))
	return len(p), nil
}

func (d *digest) sum() (s [sha256.Size]byte) {
	d.hash.Sum(s[:0])
	return s
}

// digestFile is the digest of a file's bytes, to its end.
func digestFile(ctx context.Context, path string, sqlite bool) (sum [sha256.Size]byte, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer file.Close()
	d := newDigest(sqlite)
	err = blocks(ctx, file, func(p []byte) error {
		_, err := d.Write(p)
		return err
	})
	return d.sum(), d.size, err
}

// digestRecords is the digest of the file that the records are.
func digestRecords(ctx context.Context, records iter.Seq2[memory.Record, error], sqlite bool) (sum [sha256.Size]byte, err error) {
	d := newDigest(sqlite)
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return sum, err
		}
		_, _ = d.Write(rec) // a hash takes all
	}
	return d.sum(), nil
}

// blocks passes a stream on in blocks, all but the last one full; each is valid
// during the call.
func blocks(ctx context.Context, r io.Reader, do func([]byte) error) error {
	buffer := make([]byte, block)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if err := do(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// unreadable says that a file could not be read. A full disk, a lock that is held
// and a context that ended are grounds of their own.
func unreadable(path string, err error) error {
	if errors.Is(err, store.ErrUnreadable) || errors.Is(err, store.ErrUnreachable) {
		return err
	}
	why := sqlitefile.Explain("the database", err, store.ErrUnreadable)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return why
	}
	return fmt.Errorf("read %s: %w", path, why)
}
