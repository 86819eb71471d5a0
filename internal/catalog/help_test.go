package catalog_test

import (
	"context"
	"os"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

const (
	sampleTime = "2026-11-22T22-41-33.610Z"
	sampleName = "backup-" + sampleTime
	memoryID   = "6f6c1c5e-8f2b-4a43-9a57-2f0d6a1f0c11"
)

func at(tb testing.TB, ts string) time.Time {
	tb.Helper()
	when, err := bundle.ParseTimestamp(ts)
	if err != nil {
		tb.Fatal(err)
	}
	return when
}

func options(tb testing.TB, root string) bundle.Options {
	tb.Helper()
	return bundle.Options{
		Root: root, Now: at(tb, sampleTime), Tool: "keepsake test",
		Owner: lock.Owner{PID: os.Getpid(), Host: "host", BootID: "boot"},
	}
}

// write publishes a bundle of a graph of one node, and of opaque files of one byte.
func write(opts bundle.Options, files []memory.Section, adapt func(*bundle.Meta)) (path string, err error) {
	ctx := context.Background()
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	var sections []bundle.SectionMeta
	one := memory.Capture{Before: 1, After: 1, Held: 1, Method: "files"}
	add := func(name memory.Section, kind memory.Kind, row string) {
		if err != nil {
			return
		}
		var s *bundle.Section
		spec := memory.SectionSpec{Name: name, Kind: kind, Rows: 1}
		s, err = w.Write(ctx, spec, func(yield func(memory.Record, error) bool) { yield(memory.Record(row), nil) })
		if err == nil {
			sections = append(sections, s.Meta(one))
		}
	}
	for _, name := range files {
		add(name, memory.Opaque, "x")
	}
	add(memory.Graph, memory.Elements, `{"type":"node","data":{"id":"n-0","label":"System","properties":{"name":"node 0"}}}`)
	if err != nil {
		return "", err
	}
	meta := &bundle.Meta{Keepsake: &bundle.Keepsake{
		MemoryID: memoryID, Reason: bundle.ReasonBackup, Sequence: 17, Status: bundle.Complete, Sections: sections,
	}}
	if adapt != nil {
		adapt(meta)
	}
	return w.Publish(ctx, meta)
}
