package chroma

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// enroll takes the ids of the records into the set, beside those that live, and
// notes the records that can't be put in. It is the first of two passes: nothing
// may be added to the set while rows are fetched.
func (m *merger) enroll(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for i := range m.set.marks {
		m.set.marks[i] |= live | present
	}
	var scanner record.Scanner
	var key []byte
	for rec, err := range records {
		if err != nil {
			m.callers = err
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		m.result.Records++
		if key, err = m.enrollOne(key[:0], rec, &scanner); err != nil {
			return fmt.Errorf("record %d: %w", m.result.Records, err)
		}
	}
	return nil
}

func (m *merger) enrollOne(key []byte, rec memory.Record, scanner *record.Scanner) ([]byte, error) {
	key, err := idOf(key, rec, scanner)
	if err != nil {
		return key, err
	}
	numbers, err := dimension(rec, scanner)
	if err != nil {
		return key, err
	}
	i, _, err := m.set.add(key)
	switch {
	case err != nil:
		return key, err
	case m.set.marks[i]&bundled != 0:
		return key, fmt.Errorf("row %q comes twice", key)
	}
	m.set.marks[i] |= bundled
	if reason := m.unfit(numbers); reason != "" {
		return key, m.refuse(uint32(i), reason)
	}
	if m.fixed == 0 {
		m.fixed = numbers // the first row would fix it
	}
	return key, nil
}

// dimension returns how many numbers the embedding of a record has, -1 when it
// is null. A canonical record is not scanned for it.
func dimension(rec memory.Record, scanner *record.Scanner) (int, error) {
	embedding, _, ok := split(rec)
	if !ok {
		v, err := scanner.Vector(rec)
		if err != nil {
			return 0, err
		}
		return v.Dimension, nil
	}
	switch {
	case embedding[0] == 'n':
		return -1, nil
	case string(embedding) == "[]":
		return 0, nil
	}
	return bytes.Count(embedding, []byte(",")) + 1, nil
}
