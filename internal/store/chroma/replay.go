package chroma

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"

	"keepsake/internal/memory"
)

// replay is the records of a stage. It keeps the caller's own error, which is not
// ours to name, and what tells these records from others.
type replay struct {
	records     iter.Seq2[memory.Record, error]
	failed      error
	fingerprint string // "" before they were hashed to their end
}

// all passes the records on.
func (r *replay) all(yield func(memory.Record, error) bool) {
	for rec, err := range r.records {
		if err != nil {
			r.failed = err
		}
		if !yield(rec, err) {
			return
		}
	}
}

// hashed passes the records on and takes their fingerprint.
func (r *replay) hashed(yield func(memory.Record, error) bool) {
	h := sha256.New()
	for rec, err := range r.all {
		h.Write(rec)
		h.Write([]byte{'\n'})
		if !yield(rec, err) {
			return
		}
	}
	r.fingerprint = hex.EncodeToString(h.Sum(nil))
}

// read reads the records for their fingerprint alone.
func (r *replay) read() error {
	for _, err := range r.hashed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) theirs(err error) bool {
	return r != nil && r.failed != nil && errors.Is(err, r.failed)
}
