package chromadir_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/store/chromadir"
)

// readIDs reads a pickle into a map.
func readIDs(b []byte) (map[string]uint32, chromadir.Pickled, error) {
	ids := map[string]uint32{}
	p, err := chromadir.ReadPickle(bytes.NewReader(b), func(id []byte, label uint32) error {
		ids[string(id)] = label
		return nil
	})
	return ids, p, err
}

// FuzzPickle reads anything without harm; what is read can be written as servers
// do, and reads back the same. Seeds are files of both servers and of Python's.
func FuzzPickle(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, p, err := readIDs(b)
		if (err == nil) != p.Complete() {
			t.Fatalf("got %v of a pickle that is complete: %t", err, p.Complete())
		}
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "pickle")
		writeIDs(t, path, ids, int(min(max(p.Added(), 0), 1<<30)))
		again, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := readIDs(again)
		if err != nil || !maps.Equal(got, ids) {
			t.Fatalf("got %v, %v, want %v", got, err, ids)
		}
	})
}

// TestPickles reads the files of all writers.
func TestPickles(t *testing.T) {
	servers := map[string]uint32{"a": 1, "ü": 3, "d": 4, "e": 5, "f": 6}
	python := map[string]uint32{"a": 1, "ü": 3}
	for name, want := range map[string]map[string]uint32{
		"new-seed-l2": servers, "old-seed-cosine": servers,
		"python-protocol-2": python, "python-protocol-4": python, "python-protocol-5": python,
	} {
		t.Run(name, func(t *testing.T) {
			got, p, err := readIDs(seed(t, "FuzzPickle", name))
			if err != nil || !p.Complete() || !maps.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
			if python := want["d"] == 0; python != (p.MaxSeq() == 7) {
				t.Errorf("got log position %d", p.MaxSeq())
			}
		})
	}
}

// TestPickleRefusals refuses what no such file holds.
func TestPickleRefusals(t *testing.T) {
	whole := seed(t, "FuzzPickle", "new-seed-l2")
	deep := append([]byte{0x80, 3}, bytes.Repeat([]byte{'('}, 1<<20)...)
	for name, b := range map[string][]byte{
		"Empty": nil, "NoMap": []byte("\x80\x03}."), "Number": []byte("\x80\x03K\x01."),
		"Call":         []byte("\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R."),
		"OtherClass":   []byte("\x80\x04\x8c\x02os\x8c\x06system\x93)\x81."),
		"OtherOpcode":  []byte("\x80\x03]."),
		"HugeText":     []byte("\x80\x03}(X\xff\xff\xff\xff"),
		"TooDeep":      deep,
		"MarkAsKey":    []byte("\x80\x03}((u."),
		"GetNothing":   []byte("\x80\x03h\x07."),
		"BytesBehind":  append(slices.Clone(whole), 0),
		"LabelOfZero":  bytes.Replace(whole, []byte("J\x01\x00\x00\x00"), []byte("J\x00\x00\x00\x00"), 1),
		"NegativeOne":  bytes.Replace(whole, []byte("J\x01\x00\x00\x00"), []byte("J\xff\xff\xff\xff"), 1),
		"LabelIsAText": bytes.Replace(whole, []byte("J\x01\x00\x00\x00"), []byte("X\x00\x00\x00\x00"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			if ids, p, err := readIDs(b); err == nil || p.Complete() {
				t.Errorf("got %v, want an error", ids)
			}
		})
	}
	t.Run("Cut", func(t *testing.T) {
		want, _, _ := readIDs(whole)
		for n := range whole {
			ids, _, err := readIDs(whole[:n])
			if err == nil {
				t.Fatalf("cut at %d: got no error", n)
			}
			for id, label := range ids {
				if want[id] != label {
					t.Fatalf("cut at %d: got %q with label %d, want %d", n, id, label, want[id])
				}
			}
		}
	})
}

// FuzzHeader refuses, or finds sizes that fit each other.
func FuzzHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := chromadir.ParseHeader(b)
		if err != nil {
			return
		}
		if h.Dimension() <= 0 || int64(4*h.Dimension())+12 > h.Size() || h.Count() < 0 {
			t.Fatalf("got %+v", h)
		}
		if got := binary.LittleEndian.Uint64(b[20:]); got != uint64(h.Count()) {
			t.Fatalf("got count %d, want %d", h.Count(), got)
		}
	})
}

// FuzzLevel0 finds no more elements than there are bytes for, each with its
// vector.
func FuzzLevel0(f *testing.F) {
	f.Fuzz(func(t *testing.T, head, b []byte) {
		h, err := chromadir.ParseHeader(head)
		if err != nil || h.Size() > 1<<16 {
			return
		}
		labels, vectors, whole, err := chromadir.Labels(h, b)
		if whole > h.Count() || whole*h.Size() > int64(len(b)) || int64(len(labels)) > whole {
			t.Fatalf("got %d elements, %d labels of %d bytes, %+v", whole, len(labels), len(b), h)
		}
		if err == nil && whole < h.Count() && int64(len(b)) >= (whole+1)*h.Size() {
			t.Fatalf("got %d elements of %d, and bytes for more", whole, h.Count())
		}
		for i, v := range vectors {
			if !bytes.Contains(b, v) {
				t.Fatalf("vector %d is nowhere in the file", i)
			}
		}
	})
}

// FuzzQueued takes no vector of another length or encoding.
func FuzzQueued(f *testing.F) {
	f.Fuzz(func(t *testing.T, bits []byte, encoding string, dimension int) {
		err := chromadir.CheckQueued(bits, encoding, dimension)
		good := encoding == "FLOAT32" && dimension >= 0 && len(bits)%4 == 0 && len(bits)/4 == dimension
		if (err == nil) != good {
			t.Fatalf("got %v of %d bytes, %q, dimension %d", err, len(bits), encoding, dimension)
		}
	})
}

// seed reads the bytes of a seed.
func seed(t *testing.T, target, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "fuzz", target, name))
	if err != nil {
		t.Fatal(err)
	}
	_, literal, _ := strings.Cut(string(text), "[]byte(")
	literal, _, _ = strings.Cut(literal, ")\n")
	bytes, err := strconv.Unquote(literal)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(bytes)
}
