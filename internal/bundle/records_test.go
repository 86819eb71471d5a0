package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// drain reads a section to its end.
func drain(b *bundle.Bundle, section memory.Section) (rows int, err error) {
	for _, err := range b.Records(context.Background(), section) {
		if err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

// A bundle that changes between the check and the restore is noticed before the
// sequence ends.
func TestRecordsNoticeAChange(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*broken)
	}{
		{"Value", func(b *broken) { b.Replace(payload(memory.Memories), "row 7", "row 8") }},
		{"Shorter", func(b *broken) {
			data := b.Read(payload(memory.Memories))
			b.Write(payload(memory.Memories), data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1])
		}},
		{"Longer", func(b *broken) {
			data := b.Read(payload(memory.Memories))
			b.Write(payload(memory.Memories), append(data, data[:bytes.IndexByte(data, '\n')+1]...))
		}},
	} {
		for _, ours := range []bool{true, false} {
			name := c.name + "/sealed"
			if !ours {
				name = c.name + "/verified"
			}
			t.Run(name, func(t *testing.T) {
				wrong := broke(t, sample(t))
				if !ours {
					wrong.Remove(bundle.MetaFile)
					wrong.Remove(bundle.SumsFile)
				}
				b := open(t, wrong.Path)
				if _, err := b.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{}); err != nil {
					t.Fatal(err)
				}
				if rows, err := drain(b, memory.Memories); rows != 20 || err != nil {
					t.Fatalf("before the change: %d rows, %v", rows, err)
				}
				c.do(wrong)
				if _, err := drain(b, memory.Memories); !errors.Is(err, bundle.ErrChanged) {
					t.Errorf("error is %v, want ErrChanged", err)
				}
			})
		}
	}
	t.Run("Gone", func(t *testing.T) {
		wrong := broke(t, sample(t))
		b := open(t, wrong.Path)
		wrong.Remove(payload(memory.Memories))
		if rows, err := drain(b, memory.Memories); rows != 0 || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}

// Which files a section without hashes has only its folder says: what Records
// yields are those that Verify saw, or else Open, and no others.
func TestRecordsAreThoseThatWereSeen(t *testing.T) {
	const second = "mc/memory-backup-2026-01-01T00-00-00.000Z.jsonl"
	add := func(b *broken) { b.Write(second, b.Read(payload(memory.Summaries))) }
	for _, c := range []struct {
		name          string
		before, after func(*broken) // Verify; nil when it isn't asked
		rows          int           // 0 for ErrChanged
	}{
		{"Same", func(*broken) {}, func(*broken) {}, 20},
		{"AddedBeforeVerify", add, func(*broken) {}, 25},
		{"AddedAfterVerify", func(*broken) {}, add, 0},
		{"AddedAfterOpen", nil, add, 0},
		{"Elsewhere", func(*broken) {}, func(b *broken) { b.Write("kb/knowledge-base-backup-x.jsonl", nil) }, 20},
		{"GoneAfterVerify", func(*broken) {}, func(b *broken) { b.Remove(payload(memory.Memories)) }, 0},
		{"OneOfTwoGone", add, func(b *broken) { b.Remove(second) }, 0},
		{"Renamed", func(*broken) {}, func(b *broken) {
			if err := os.Rename(b.File(payload(memory.Memories)), b.File(second)); err != nil {
				b.T.Fatal(err)
			}
		}, 0},
		{"LongerAfterOpen", nil, func(b *broken) {
			b.Write(payload(memory.Memories), append(b.Read(payload(memory.Memories)), vectorRows("new", 1)[0]...))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := broke(t, sample(t))
			b.Remove(bundle.MetaFile)
			b.Remove(bundle.SumsFile)
			opened := open(t, b.Path)
			if c.before != nil {
				c.before(b)
				if _, err := opened.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			c.after(b)
			rows, err := drain(opened, memory.Memories)
			if rows != c.rows || (c.rows == 0) != errors.Is(err, bundle.ErrChanged) {
				t.Errorf("%d rows, error %v, want %d", rows, err, c.rows)
			}
		})
	}
}

func TestRecordsOfNoSection(t *testing.T) {
	if rows, err := drain(open(t, sample(t)), "mc/other"); rows != 0 || !errors.Is(err, bundle.ErrNoSection) {
		t.Errorf("%d rows, %v, want ErrNoSection", rows, err)
	}
}

// Who stops early leaves nothing running (goleak looks at the end) and may start
// again; who gives up is told so.
func TestRecordsStopped(t *testing.T) {
	opts := options(t, t.TempDir())
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	s, err := w.Write(context.Background(), memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, big(500))
	if err != nil {
		t.Fatal(err)
	}
	path, err := w.Publish(context.Background(), sampleMeta([]bundle.SectionMeta{s.Meta(capture(500))}))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, path)
	n := 0
	for range b.Records(context.Background(), memory.Memories) { //nolint:errcheck // stopped at once
		if n++; n == 3 {
			break
		}
	}
	if rows, err := drain(b, memory.Memories); rows != 500 || err != nil {
		t.Errorf("second time: %d rows, %v", rows, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n = 0
	for _, err = range b.Records(ctx, memory.Memories) {
		if n++; n == 10 {
			cancel()
		}
	}
	cancel()
	if !errors.Is(err, context.Canceled) || n > 100 {
		t.Errorf("after %d rows: %v, want Canceled", n, err)
	}
}

// Bundles in every compression hold the same rows.
func TestCompressions(t *testing.T) {
	want := sampleParts()[1].rows
	for suffix, compress := range map[string]func([]byte) []byte{".zst": zstdOf, ".gz": gzipOf, ".br": brotliOf} {
		t.Run(suffix, func(t *testing.T) {
			b := broke(t, sample(t))
			b.compressed(memory.Memories, suffix, compress(b.Read(payload(memory.Memories))))
			for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
				report := verify(t, b.Path, level)
				if report.Refused() || report.Sections[1].Rows != 20 {
					t.Errorf("%s: %v, %d rows", level, report.Findings, report.Sections[1].Rows)
				}
			}
			if got := collect(t, open(t, b.Path), memory.Memories); !slices.Equal(got, want) {
				t.Errorf("rows are %v", got)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var rows, size int64
	b := open(t, sample(t))
	_, err := b.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{
		Progress: func(section memory.Section, r, n int64) {
			if section == memory.KnowledgeBase { // one section is looked at by one goroutine
				rows, size = rows+r, size+n
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := b.Meta().Keepsake.Files[3].Bytes; rows != 30 || size != want {
		t.Errorf("told of %d rows and %d bytes, want 30 and %d", rows, size, want)
	}
}
