package chromadir_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// hostile is damage that no server makes, and an accident or somebody may.
func hostile() []damage {
	return []damage{
		{
			name: "TwoIDsOfALabel", strict: "the index gives its label to another id too",
			do: func(t *testing.T, h hurt) {
				ids := map[string]uint32{}
				for i := range savedRows {
					ids[storetest.ID(i)] = uint32(i + 1)
				}
				ids[storetest.ID(1)] = ids[storetest.ID(0)]
				writeIDs(t, h.file("rows", "index_metadata.pickle"), ids, savedRows)
			},
			rows: exactly(left{whole: allRows - 2, vectorless: 2, unnamed: 2}),
		},
		{
			name: "FolderInPlaceOfElements", strict: "it is no regular file",
			do: func(t *testing.T, h hurt) {
				drop(t, h.file("rows", "data_level0.bin"))
				mkdir(t, h.file("rows", "data_level0.bin"))
			},
			rows: exactly(onlyQueue),
		},
		{
			name: "IndexOutside", strict: `the database names "../` + outside + `" as the folder of its index`,
			do: func(t *testing.T, h hurt) {
				if err := os.Rename(h.file("rows", ""), filepath.Join(filepath.Dir(h.dir), outside)); err != nil {
					t.Fatal(err)
				}
				renameIndex(t, h, "../"+outside)
			},
			rows: exactly(onlyQueue),
		},
		{
			name: "IndexWithoutName", strict: `the database names "" as the folder of its index`,
			do:   func(t *testing.T, h hurt) { renameIndex(t, h, "") },
			rows: exactly(onlyQueue),
		},
		{
			name: "UnknownOperation", strict: "is of an unknown kind, 9",
			do: func(t *testing.T, h hurt) {
				alter(t, h.database(), `UPDATE embeddings_queue SET operation = 9 WHERE seq_id =
					(SELECT max(seq_id) FROM embeddings_queue WHERE substr(topic, -36) =
						(SELECT id FROM collections WHERE name = 'rows'))`)
			},
			rows: exactly(left{whole: allRows - 1, vectorless: 1}),
		},
	}
}

// outside is a folder beside a directory.
const outside = "outside"

// renameIndex names another folder as that of the index of rows.
func renameIndex(t *testing.T, h hurt, folder string) {
	t.Helper()
	alter(t, h.database(), `UPDATE segments SET id = '`+folder+`' WHERE id = '`+h.folders["rows"]+`'`)
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestIndexOutside: a name that leads out of the directory leads out of our copy
// neither.
func TestIndexOutside(t *testing.T) {
	s := chromatest.Start(t)
	path := create(t, s, "rows", space("l2"))
	send(t, s, path+"add", storetest.Vectors("a", 10, true))
	s.Kill()
	h := hurt{dir: s.Dir()}
	alter(t, h.database(), `UPDATE segments SET id = '../`+outside+`' WHERE scope = 'VECTOR'`)
	temporary := t.TempDir()
	mkdir(t, filepath.Join(temporary, "own"))
	c := config(t, h.dir, "rows")
	c.TempDir = filepath.Join(temporary, "own")
	if _, err := tryRead(t.Context(), chromadir.New(c)); err == nil {
		t.Error("read: got no error")
	}
	session, _, err := chromadir.Rescue(t.Context(), c)
	if err == nil {
		err = session.Close()
	}
	if err != nil {
		t.Errorf("rescue: got %v", err)
	}
	for _, folder := range []string{c.TempDir, temporary} {
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != "own" {
			t.Errorf("%s holds %v, %v, want nothing of ours", folder, entries, err)
		}
	}
}

// TestLinkedIndex: a change behind a link is a change.
func TestLinkedIndex(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "index")); err != nil {
		t.Skipf("no links here: %v", err)
	}
	before, err := chromadir.PrintIndexes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, "header.bin"), []byte("header"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := chromadir.PrintIndexes(dir)
	if err != nil || before["index"] == "" || before["index"] == after["index"] {
		t.Errorf("got %q, then %q, %v, want a change", before, after, err)
	}
}

// TestPickleMemoIsBounded: a byte that notes a text again costs no copy of it.
func TestPickleMemoIsBounded(t *testing.T) {
	const text, times = 1 << 16, 1 << 12 // 256 MiB, if each were a copy
	bomb := append([]byte("\x80\x03}(X\x00\x00\x01\x00"), bytes.Repeat([]byte("a"), text)...)
	bomb = append(bomb, bytes.Repeat([]byte{0x94}, times)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, p, err := readIDs(bomb)
	runtime.ReadMemStats(&after)
	if err == nil || p.Complete() {
		t.Error("got no error")
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d bytes were allocated for a pickle of %d", got, len(bomb))
	}
}

// TestIrregularJournal: what is no file is not given to SQLite, which would wait
// for it.
func TestIrregularJournal(t *testing.T) {
	for _, suffix := range []string{"-journal", "-wal"} {
		t.Run(strings.TrimPrefix(suffix, "-"), func(t *testing.T) {
			h := hurt{dir: t.TempDir()}
			if err := os.WriteFile(h.database(), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			mkdir(t, h.database()+suffix)
			_, err := tryRead(t.Context(), chromadir.New(config(t, h.dir, "rows")))
			if failure := (*os.PathError)(nil); !errors.As(err, &failure) || failure.Path != h.database()+suffix {
				t.Errorf("got %v, want an error about %s", err, suffix)
			}
		})
	}
}
