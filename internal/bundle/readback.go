package bundle

import (
	"context"
	"fmt"
	"hash/maphash"
	"os"
)

// check tells whether the bytes that are read back are those that were written. It
// is of 64 bits under a key that is drawn for each file: no disk can hit on other
// bytes that have it. Whoever reads the bundle later has the SHA-256, which was made
// of the same bytes as they were written: to make it twice would take a tenth of all
// the time that a backup needs.
type check struct {
	seed maphash.Seed
	sum  uint64
}

func checkOf(h *maphash.Hash) check { return check{h.Seed(), h.Sum64()} }

// readBack compares a file as it lies on the disk with what was written: bytes, rows,
// and the check.
func readBack(ctx context.Context, root *os.Root, want FileMeta, written check) error {
	p, err := openPayload(root, want.Path, want.compression(), Limits{}.orDefaults(), false, nil)
	if err != nil {
		return err
	}
	defer p.close()
	var seen maphash.Hash
	seen.SetSeed(written.seed)
	p.raw.hash = &seen // nothing has been read yet
	rows := want.Rows  // of an opaque file they are declared, and an index has no lines
	if want.Kind != RecordsFile {
		err = p.drain(ctx)
	} else {
		rows, err = p.count(ctx)
	}
	if err != nil {
		return err
	}
	if p.raw.bytes != want.Bytes || rows != want.Rows || seen.Sum64() != written.sum {
		return fmt.Errorf("%w: it holds %d rows in %d bytes, written were %d rows in %d bytes, or the same of other bytes",
			ErrChanged, rows, p.raw.bytes, want.Rows, want.Bytes)
	}
	return nil
}
