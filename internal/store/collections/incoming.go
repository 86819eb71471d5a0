package collections

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// incoming takes the records of a merge apart. Its fields are those of the
// record that was parsed last, valid until the next.
type incoming struct {
	scanner  record.Scanner
	line     []byte
	vector   *record.Vector
	metadata []byte // as it is stored: compact, keys sorted; nil when null
	document []byte // decoded; nil when null
	stored   []byte // scratch for the row that lives

	metadataBuf, documentBuf []byte
}

// parse takes line apart. The reason says why it can't be kept, whatever the
// collection.
func (in *incoming) parse(line memory.Record) (reason string) {
	in.line, in.vector = line, nil
	v, err := in.scanner.Vector(line)
	if err != nil {
		return err.Error()
	}
	in.vector = v
	if in.metadata, err = in.sorted(v.Metadata.Of(line)); err != nil {
		return err.Error()
	}
	if in.document, err = in.text(v.Document.Of(line)); err != nil {
		return err.Error()
	}
	switch v.Dimension {
	case -1:
		return "it has no vector"
	case 0:
		return "its vector is empty"
	}
	return ""
}

func (in *incoming) sorted(value []byte) (_ []byte, err error) {
	if isNull(value) {
		return nil, nil
	}
	in.metadataBuf, err = record.AppendSorted(in.metadataBuf[:0], value)
	return in.metadataBuf, err
}

func (in *incoming) text(value []byte) (_ []byte, err error) {
	if isNull(value) {
		return nil, nil
	}
	// Never nil for a text, however empty: nil is null.
	in.documentBuf, err = record.AppendUnquoted(append(in.documentBuf[:0], 0)[:0], value)
	return in.documentBuf, err
}

// isNull says that a span is absent or spells null.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

// fits says why the parsed row does not belong among vectors of dimension; 0
// takes any.
func (in *incoming) fits(dimension int) (reason string) {
	if dimension == 0 || in.vector.Dimension == dimension {
		return ""
	}
	return fmt.Sprintf("its vector has dimension %d, the collection's have %d", in.vector.Dimension, dimension)
}

// name returns the row's id or, for a line that has none to show, the hex of
// its digest.
func (in *incoming) name() string {
	if in.vector != nil {
		return string(in.vector.Key)
	}
	digest := in.scanner.LineDigest(in.line)
	return hex.EncodeToString(digest[:])
}

// digest returns the record digest of the parsed row.
func (in *incoming) digest() (record.Digest, error) {
	return in.scanner.VectorDigest(in.line, in.vector)
}

// compare tells whether a stored row says the same as the parsed one.
func (in *incoming) compare(live *row) (store.Outcome, error) {
	document := live.document
	if bytes.Equal(in.vector.Bits, live.embedding) && bytes.Equal(in.metadata, live.metadata) &&
		document.Valid == (in.document != nil) && document.String == string(in.document) {
		return store.Same, nil
	}
	// Written otherwise may still mean the same, as 1.50 is 1.5: that is for the
	// digests to say.
	mine, err := in.digest()
	if err != nil {
		return "", err
	}
	theirs, err := in.digestOf(live)
	if err != nil {
		return store.Missing, err
	}
	if mine != theirs {
		return store.Differs, nil
	}
	return store.Same, nil
}

// digestOf returns the record digest of a stored row. It ends the life of the
// parsed one.
func (in *incoming) digestOf(live *row) (digest record.Digest, err error) {
	in.stored, err = in.scanner.AppendVector(in.stored[:0], live.id, live.embedding, live.metadata, live.text())
	if err != nil {
		return digest, err
	}
	v, err := in.scanner.Vector(in.stored)
	if err != nil {
		return digest, err
	}
	return in.scanner.VectorDigest(in.stored, v)
}
