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
	event := store.Event{Outcome: outcome, ID: t.id(rec, digest), Reason: reason}
	switch outcome {
	case store.Added:
		event.Digest = digest
	case store.Rejected:
		event.Record = rec
	}
	return t.to(event)
}

// id is what a person knows a line by: its id when it has one, else its digest.
func (t *teller) id(line []byte, digest record.Digest) string {
	if isJSON, err := t.scanner.Line(line); t.keyed && err == nil && isJSON {
		if span, found := record.Lookup(line, "id"); found {
			if id, err := record.AppendUnquoted(nil, span.Of(line)); err == nil && len(id) > 0 {
				return string(id)
			}
		}
	}
	return hex.EncodeToString(digest[:])
}

func (t *teller) failed(verb string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, t.path, beside.Bare(err))
}
