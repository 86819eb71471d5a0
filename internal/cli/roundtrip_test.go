package cli_test

import (
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/sample"
	"keepsake/internal/store"
)

func TestRoundTrip(t *testing.T) {
	for name, unified := range map[string]bool{"unified": true, "federated": false} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, unified)
			a.remember()
			before := a.digests()
			a.must(0, "backup")
			a.forget()
			if got := a.digests(); len(got) != 0 {
				t.Fatalf("forgot: got %d records, want none", len(got))
			}
			a.must(0, "restore", "latest")
			sameDigests(t, a.digests(), before)
			if got := a.must(0, "restore", "latest").stdout; !strings.Contains(got, "Nothing to do: every row was in already.") {
				t.Errorf("second merge: got\n%s\nwant nothing to do", got)
			}
		})
	}
}

// records counts records by section and digest.
type records map[memory.Section]map[record.Digest]int

// digests returns the record digest of everything that lives.
func (a *agent) digests() records {
	a.t.Helper()
	out := records{}
	for _, spec := range sample.Sections() {
		if spec.Kind == memory.Vectors && a.at(spec.Name).Server == nil {
			continue
		}
		if found := a.recordsOf(a.target(spec.Name), spec.Name); found != nil {
			out[spec.Name] = found
		}
	}
	return out
}

// recordsOf counts the records of one section by their digest, nil when the
// store has no such section.
func (a *agent) recordsOf(s store.Store, name memory.Section) map[record.Digest]int {
	a.t.Helper()
	session, err := s.Open(a.t.Context(), []memory.Section{name})
	if err != nil {
		a.t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	if len(specs) == 0 {
		return nil
	}
	reading, err := session.Read(a.t.Context(), name)
	if err != nil {
		a.t.Fatal(err)
	}
	found := map[record.Digest]int{}
	var scanner record.Scanner
	for r, err := range reading.All() {
		if err != nil {
			a.t.Fatal(err)
		}
		found[digest(a.t, &scanner, specs[0].Kind, r)]++
	}
	return found
}

func digest(t *testing.T, s *record.Scanner, kind memory.Kind, r memory.Record) record.Digest {
	t.Helper()
	if kind != memory.Vectors {
		return s.LineDigest(r)
	}
	v, err := s.Vector(r)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.VectorDigest(r, v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sameDigests(t *testing.T, got, want records) {
	t.Helper()
	for section, digests := range want {
		for d, n := range digests {
			if got[section][d] != n {
				t.Errorf("%s: record %x: got %d, want %d", section, d[:4], got[section][d], n)
			}
		}
		if len(got[section]) != len(digests) {
			t.Errorf("%s: got %d records, want %d", section, len(got[section]), len(digests))
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d sections, want %d", len(got), len(want))
	}
}
