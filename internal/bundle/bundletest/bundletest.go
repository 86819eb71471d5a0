// Package bundletest is what tests of bundles and of backup roots need alike.
package bundletest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
)

// Broken is a good bundle in the hands of a test that makes it wrong.
type Broken struct {
	T    *testing.T
	Path string
}

// File is the path of a file of the bundle; name has slashes.
func (b *Broken) File(name string) string { return filepath.Join(b.Path, filepath.FromSlash(name)) }

// Read returns a file.
func (b *Broken) Read(name string) []byte {
	b.T.Helper()
	data, err := os.ReadFile(b.File(name))
	if err != nil {
		b.T.Fatal(err)
	}
	return data
}

// Write writes a file anew.
func (b *Broken) Write(name string, data []byte) {
	b.T.Helper()
	_ = os.Chmod(b.File(name), 0o600) // it may not be there yet
	if err := os.WriteFile(b.File(name), data, 0o600); err != nil {
		b.T.Fatal(err)
	}
}

// Replace replaces the first of a text in a file, which has to have it.
func (b *Broken) Replace(name, from, to string) {
	b.T.Helper()
	data := b.Read(name)
	if !bytes.Contains(data, []byte(from)) {
		b.T.Fatalf("%s has no %q", name, from)
	}
	b.Write(name, bytes.Replace(data, []byte(from), []byte(to), 1))
}

// Remove removes a file, or a folder with all that it holds.
func (b *Broken) Remove(name string) {
	b.T.Helper()
	if err := os.RemoveAll(b.File(name)); err != nil {
		b.T.Fatal(err)
	}
}

// State is every path below root with its mode and content, as one string to
// compare: what was there must be byte-identical afterwards.
func State(tb testing.TB, root string) string {
	tb.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		fmt.Fprintf(&b, "%s %s ", info.Mode(), rel)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			b.WriteString(hex.EncodeToString(sum[:]))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// Names lists a directory.
func Names(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Reseal writes a meta anew, with a seal and a list of checksums that agree with it.
func (b *Broken) Reseal(meta *bundle.Meta) {
	b.T.Helper()
	zeros := strings.Repeat("0", 64)
	meta.Keepsake.Seal = zeros
	data, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		b.T.Fatal(err)
	}
	copy(data[bytes.LastIndex(data, []byte(zeros)):], hash(data))
	b.Write(bundle.MetaFile, data)
	lines := []string{hash(data) + "  " + bundle.MetaFile + "\n"}
	for _, f := range meta.Keepsake.Files {
		lines = append(lines, f.SHA256+"  "+f.Path+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	b.Write(bundle.SumsFile, []byte(strings.Join(lines, "")))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Unindexed takes the indexes away, and makes it a bundle of format 1, as those are
// that were made before there were any.
func (b *Broken) Unindexed() {
	b.T.Helper()
	meta, err := bundle.ParseMeta(b.Read(bundle.MetaFile))
	if err != nil {
		b.T.Fatal(err)
	}
	meta.Keepsake.Format = 1
	meta.Keepsake.Files = slices.DeleteFunc(meta.Keepsake.Files, func(f bundle.FileMeta) bool { return f.Kind == bundle.IndexFile })
	b.Remove("index")
	b.Reseal(meta)
}
