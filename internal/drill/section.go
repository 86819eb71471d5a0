package drill

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// The codes of what a drill finds.
const (
	CodeNotIn     = "drill-not-in"    // the restore left a row out
	CodeMissing   = "drill-missing"   // a record of the bundle isn't there as it was
	CodeOther     = "drill-other"     // what is there is no record of the bundle
	CodeNoVector  = "drill-no-vector" // the bundle itself lacks a row's vector
	CodeRecall    = "drill-recall"    // a server's search finds too little
	CodeStranger  = "drill-stranger"  // a search found what isn't in the bundle
	CodeSearchEnd = "drill-search-failed"
)

// named is how many rows of one kind are named; more are counted.
const named = 10

// sectionDrill is the drill of one section.
type sectionDrill struct {
	*drill
	spec    memory.SectionSpec
	target  Target
	out     *Section
	ledger  *ledger
	sampler *sampler
	scanner record.Scanner
	lacking int64 // rows of the bundle without a vector
}

// judge says what the restore itself could not put in or prove.
func (s *sectionDrill) judge(got restore.SectionReceipt) {
	for _, outcome := range []store.Outcome{store.Missing, store.Rejected, store.Differs, store.Removed} {
		n := map[store.Outcome]int64{
			store.Missing: got.Missing, store.Rejected: got.Rejected - s.lacking, store.Differs: got.Differs, store.Removed: got.Removed,
		}[outcome]
		if n <= 0 {
			continue
		}
		message := fmt.Sprintf("%d of %d rows are %s", n, got.Records, outcome)
		for _, row := range got.Rows[outcome] {
			message += "; " + row.ID + ": " + row.Reason
		}
		s.find(memory.Refusal, CodeNotIn, "%s", message)
	}
}

func (s *sectionDrill) find(level memory.Level, code, format string, args ...any) {
	s.report.Findings = append(s.report.Findings, memory.Finding{
		Level: level, Code: code, Section: s.spec.Name, Message: fmt.Sprintf(format, args...),
	})
}

// readBundle takes down the digests of the bundle's records, and takes probes.
func (s *sectionDrill) readBundle(ctx context.Context) error {
	row := 0
	for rec, err := range s.phase("sample", s.opts.Bundle.Records(ctx, s.spec.Name)) {
		if err != nil {
			return err
		}
		digest, v, err := s.digest(rec)
		if err != nil {
			return fmt.Errorf("record %d: %w", row+1, err)
		}
		if v != nil && v.Dimension < 0 {
			s.lacking++
			continue
		}
		s.ledger.add(digest)
		s.sampler.offer(row, v)
		row++
	}
	s.ledger.seal()
	return nil
}

// phase tells the progress of a pass over records.
func (s *sectionDrill) phase(name string, records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		s.opts.Progress.Begin(name, s.spec.Name, s.out.Rows)
		defer s.opts.Progress.End()
		store.MeteredSection(s.spec, records, s.opts.Progress)(yield)
	}
}

// digest returns the record digest, and the scanned row of a vector section.
func (s *sectionDrill) digest(rec memory.Record) (record.Digest, *record.Vector, error) {
	if s.spec.Kind != memory.Vectors {
		return s.scanner.LineDigest(rec), nil, nil
	}
	v, err := s.scanner.Vector(rec)
	if err != nil {
		return record.Digest{}, nil, err
	}
	digest, err := s.scanner.VectorDigest(rec, v)
	return digest, v, err
}

// readBack reads the target and holds every record against the bundle's.
func (s *sectionDrill) readBack(ctx context.Context) error {
	session, err := s.target.Store.Open(ctx, []memory.Section{s.spec.Name})
	if err != nil {
		return err
	}
	defer session.Close()
	if s.out.Rows == 0 {
		return nil // a store need not make what holds nothing
	}
	reading, err := session.Read(ctx, s.spec.Name)
	if err != nil {
		return err
	}
	others := &sample{}
	for rec, err := range s.phase("compare", reading.All()) {
		if err != nil {
			return err
		}
		digest, _, err := s.digest(rec)
		if err != nil {
			return fmt.Errorf("record %d: %w", s.out.Compared+1, err)
		}
		s.out.Compared++
		if !s.ledger.take(digest) {
			others.add(s.name(rec, s.out.Compared))
		}
	}
	if others.n > 0 {
		s.find(memory.Refusal, CodeOther, "%d rows that were restored are none of the bundle's: %s", others.n, others)
	}
	return s.missing(ctx)
}

// missing names the records of the bundle that did not come back.
func (s *sectionDrill) missing(ctx context.Context) error {
	if s.ledger.left() == 0 {
		return nil
	}
	lost, row := &sample{}, int64(0)
	for rec, err := range s.opts.Bundle.Records(ctx, s.spec.Name) {
		if err != nil {
			return err
		}
		row++
		digest, v, err := s.digest(rec)
		if err != nil {
			return fmt.Errorf("record %d: %w", row, err)
		}
		if (v == nil || v.Dimension >= 0) && s.ledger.take(digest) {
			lost.add(s.name(rec, row))
		}
	}
	s.find(memory.Refusal, CodeMissing, "%d rows of the bundle did not come back as they were: %s", lost.n, lost)
	return nil
}

// name is what a person calls a record: its id, or else its line.
func (s *sectionDrill) name(rec memory.Record, line int64) string {
	switch s.spec.Kind {
	case memory.Vectors:
		if v, err := s.scanner.Vector(rec); err == nil {
			return string(v.Key)
		}
	case memory.Elements:
		if e, err := s.scanner.Element(rec); err == nil {
			return string(e.ID)
		}
	}
	return "line " + strconv.FormatInt(line, 10)
}
