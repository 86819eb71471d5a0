package flat

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// teller tells of the lines of one file.
type teller struct {
	path    string
	keyed   bool
	to      func(store.Event) error
	scanner record.Scanner
}

// report tells of a line.
func (t *teller) report(outcome store.Outcome, rec memory.Record, reason string) error {
	if t.to == nil {
		return nil
	}
	digest := t.scanner.LineDigest(rec)
	event := store.Event{Outcome: outcome, ID: string(t.appendID(nil, rec, digest)), Reason: reason}
	switch outcome {
	case store.Added:
		event.Digest = digest
	case store.Rejected:
		event.Record = rec
	}
	return t.to(event)
}

// appendID appends what a person knows a line by: its id when it has one, else its
// digest.
func (t *teller) appendID(dst, line []byte, digest record.Digest) []byte {
	if !t.keyed {
		return hex.AppendEncode(dst, digest[:])
	}
	if isJSON, err := t.scanner.Line(line); err == nil && isJSON {
		if span, found := record.Lookup(line, "id"); found {
			if id, err := record.AppendUnquoted(dst, span.Of(line)); err == nil && len(id) > len(dst) {
				return id
			}
		}
	}
	return hex.AppendEncode(dst, digest[:])
}

func (t *teller) failed(verb string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, t.path, beside.Bare(err))
}
