package graph_test

import (
	"bytes"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// elements is the size of a real graph.
const elements = 300_000

// realistic yields n rows of the size that Neo.mjs writes: one of three is a
// node.
func realistic(n int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var line []byte
		nodes := n / 3
		for i := range n {
			if i < nodes {
				line = fmt.Appendf(line[:0], `{"type":"node","data":{"id":"node-%d","label":"CONCEPT","properties":{"name":"the name of %d",`+
					`"description":"what it is about, in a sentence or two that are as long as they are in real life","userId":null,`+
					`"createdAt":"2026-11-22T23:14:18.029Z"}}}`, i, i)
			} else {
				line = fmt.Appendf(line[:0], `{"type":"edge","data":{"id":"edge-%d","source":"node-%d","target":"node-%d","type":"RELATES",`+
					`"properties":{"weight":0.5,"createdAt":"2026-11-22T23:14:18.029Z"}}}`, i, i%nodes, i*7919%nodes)
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// BenchmarkRead reads 300,000 elements; bare is a loop over the same rows that
// does nothing with them.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "memory.sqlite")
	if _, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(elements), store.MergeOptions{}); err != nil {
		b.Fatal(err)
	}
	bare := timed(b, func() { readBare(b, path) })
	b.ReportAllocs()
	for b.Loop() {
		s, err := newPatient(path).Open(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		r, err := s.Read(b.Context(), memory.Graph)
		if err != nil {
			b.Fatal(err)
		}
		n, bytes := 0, int64(0)
		for rec, err := range r.All() {
			if err != nil {
				b.Fatal(err)
			}
			n++
			bytes += int64(len(rec))
		}
		if n != elements {
			b.Fatalf("got %d rows", n)
		}
		b.SetBytes(bytes)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/bare.Seconds(), "x-bare")
}

func timed(b *testing.B, do func()) time.Duration {
	b.Helper()
	begun := time.Now()
	do()
	return time.Since(begun)
}

func readBare(b *testing.B, path string) {
	b.Helper()
	db := openFor(b, path)
	for _, query := range []string{"SELECT id, user_id, data FROM Nodes ORDER BY rowid", "SELECT id, user_id, data, source, target, type FROM Edges ORDER BY rowid"} {
		rows, err := db.Query(query)
		if err != nil {
			b.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			continue // the loop alone is measured
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMerge merges 300,000 elements into an empty graph, with the proof,
// and bare inserts them with prepared statements in one transaction.
func BenchmarkMerge(b *testing.B) {
	bare := timed(b, func() { insertBare(b, filepath.Join(b.TempDir(), "bare.sqlite")) })
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "memory.sqlite")
		result, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(elements),
			store.MergeOptions{Report: func(store.Event) error { return nil }})
		if err != nil || !result.Complete() || result.Added != elements {
			b.Fatalf("got %+v, %v", result, err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/bare.Seconds(), "x-bare")
}

// BenchmarkMergeAgain merges 300,000 elements that are all there.
func BenchmarkMergeAgain(b *testing.B) {
	path := filepath.Join(b.TempDir(), "memory.sqlite")
	for first := true; first || b.Loop(); first = false {
		result, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(elements), store.MergeOptions{})
		if err != nil || !result.Complete() {
			b.Fatalf("got %+v, %v", result, err)
		}
	}
}

// insertBare is what a merge is measured against: the schema that a merge makes,
// a prepared statement a table, one transaction.
func insertBare(b *testing.B, path string) {
	b.Helper()
	if _, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(0), store.MergeOptions{}); err != nil {
		b.Fatal(err)
	}
	tx, err := openFor(b, path).Begin()
	if err != nil {
		b.Fatal(err)
	}
	nodes, err := tx.Prepare("INSERT INTO Nodes VALUES (?,?,?)")
	if err != nil {
		b.Fatal(err)
	}
	edges, err := tx.Prepare("INSERT INTO Edges VALUES (?,?,?,?,?,?)")
	if err != nil {
		b.Fatal(err)
	}
	var scanner record.Scanner
	for rec := range realistic(elements) {
		e, err := scanner.Element(rec)
		if err == nil && e.Edge {
			_, err = edges.Exec(string(e.ID), nil, string(e.Source), string(e.Target), string(e.Type), string(e.Data.Of(rec)))
		} else if err == nil {
			_, err = nodes.Exec(string(e.ID), nil, string(e.Data.Of(rec)))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReplace replaces 300,000 elements: all of them by others, or one of a
// hundred, beside a safety copy. s-locked is for how long the write lock was held; a live
// agent waits five seconds.
func BenchmarkReplace(b *testing.B) {
	for _, every := range []int{1, 100} {
		b.Run(fmt.Sprintf("Every%d", every), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "memory.sqlite")
			if _, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(elements), store.MergeOptions{}); err != nil {
				b.Fatal(err)
			}
			var held time.Duration
			rows := [...]iter.Seq2[memory.Record, error]{realistic(elements), altered(elements, every)}
			n := 0
			for b.Loop() {
				n++
				held += replaceOnce(b, path, rows[(n-1)%2], rows[n%2])
			}
			b.ReportMetric(held.Seconds()/float64(n), "s-locked")
		})
	}
}

// altered yields the rows of realistic, but for some.
func altered(n, every int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var line []byte
		i := 0
		for rec, err := range realistic(n) {
			if i++; i%every == 0 {
				line = append(line[:0], rec...)
				rec = bytes.Replace(line, []byte(`"properties":{`), []byte(`"properties":{"altered":true,`), 1)
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// replaceOnce returns how long the lock was held.
func replaceOnce(b *testing.B, path string, safety, rows iter.Seq2[memory.Record, error]) time.Duration {
	b.Helper()
	g := newPatient(path)
	var begun time.Time
	var held time.Duration
	graph.OnStep(g, func(name string) {
		switch name {
		case "lock":
			begun = time.Now()
		case "committed":
			held = time.Since(begun)
		}
	})
	survey, err := g.Survey(b.Context(), memory.Graph)
	if err != nil {
		b.Fatal(err)
	}
	s, err := g.Stage(b.Context(), memory.SectionSpec{Name: memory.Graph}, rows, stageOptions)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Check(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Commit(b.Context(), storetest.Permit(b, guard.ReplaceOperation(memory.Graph), memory.Graph, survey), safety); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return held
}

// BenchmarkCompare compares 300,000 elements with others.
func BenchmarkCompare(b *testing.B) {
	path := filepath.Join(b.TempDir(), "memory.sqlite")
	if _, err := newPatient(path).Merge(b.Context(), memory.SectionSpec{Name: memory.Graph}, realistic(elements), store.MergeOptions{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		found, err := newPatient(path).Compare(b.Context(), memory.SectionSpec{Name: memory.Graph}, altered(elements, 2), store.CompareOptions{})
		if err != nil || found.Changed != elements/2 {
			b.Fatalf("got %+v, %v", found, err)
		}
	}
}
