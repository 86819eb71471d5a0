package demo

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/sample"
)

// Difference is what a comparison found of one section, in records.
type Difference struct {
	Section memory.Section
	Same    int64
	Missing int64 // made, and not there
	Other   int64 // there, and never made
}

// Compare holds every record of the demo's memory against the one that was made.
func (f Folder) Compare(ctx context.Context) ([]Difference, error) {
	var out []Difference
	for _, spec := range sample.Sections() {
		d, err := f.compare(ctx, spec)
		if err != nil {
			return out, fmt.Errorf("compare %s: %w", spec.Name, err)
		}
		out = append(out, d)
	}
	return out, nil
}

func (f Folder) compare(ctx context.Context, spec memory.SectionSpec) (Difference, error) {
	d := Difference{Section: spec.Name}
	left := map[record.Digest]int64{}
	made := sample.Records(spec.Name, int(spec.Rows), sample.Dimension, seed)
	if err := digests(spec.Kind, made, func(x record.Digest) { left[x]++ }); err != nil {
		return d, err
	}
	session, err := f.store(spec.Name).Open(ctx, []memory.Section{spec.Name})
	if err != nil {
		return d, err
	}
	defer session.Close()
	reading, err := session.Read(ctx, spec.Name)
	if err != nil {
		return d, err
	}
	err = digests(spec.Kind, reading.All(), func(x record.Digest) {
		if left[x] == 0 {
			d.Other++
			return
		}
		left[x]--
		d.Same++
	})
	for _, n := range left {
		d.Missing += n
	}
	return d, err
}

func digests(kind memory.Kind, records iter.Seq2[memory.Record, error], each func(record.Digest)) error {
	var s record.Scanner
	for r, err := range records {
		if err != nil {
			return err
		}
		if kind != memory.Vectors {
			each(s.LineDigest(r))
			continue
		}
		v, err := s.Vector(r)
		if err != nil {
			return err
		}
		digest, err := s.VectorDigest(r, v)
		if err != nil {
			return err
		}
		each(digest)
	}
	return nil
}
