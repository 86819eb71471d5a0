package chroma

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store/rows"
)

// replay is the records of a stage, and what tells them from others.
type replay struct {
	records     iter.Seq2[memory.Record, error]
	fingerprint string // "" before they were hashed to their end
}

// hashed passes the records on and takes their fingerprint.
func (r *replay) hashed(yield func(memory.Record, error) bool) {
	h := sha256.New()
	for rec, err := range r.records {
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
			return rows.Own(err)
		}
	}
	return nil
}
