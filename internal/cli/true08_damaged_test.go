package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

// TestTrue_08_RestoreIgnoresADamagedIndex: with an index is lost what it compares, and
// no record. Verify finds it; a restore, the latest and retention go on without it.
func TestTrue_08_RestoreIgnoresADamagedIndex(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	want := a.digests()
	older := a.backup()
	a.clock = a.clock.Add(24 * 3600e9)
	path := a.backup()
	name := bundle.IndexPath(memory.Memories)
	for what, damage := range map[string]func(b *bundletest.Broken){
		"Flipped":  func(b *bundletest.Broken) { flips(b, name) },
		"Resealed": func(b *bundletest.Broken) { flips(b, name); resealedFile(b, name) },
		"Missing":  func(b *bundletest.Broken) { b.Remove(name) },
	} {
		a.sub(what, func(t *testing.T) {
			whole := copied(t, path)
			defer putBack(t, whole, path)
			writable(t, path)
			damage(&bundletest.Broken{T: t, Path: path})
			for range 2 { // before and after a verification that is noted beside the bundle
				a.forget()
				r := a.must(0, "restore", "latest")
				says(t, r.stdout, filepath.Base(path)+" merged", "all are in")
				silent(t, r.stdout, filepath.Base(older))
				says(t, r.stderr, "warning: ", name, "is an index that is not used")
				sameDigests(t, a.digests(), want)
				a.forget()
				says(t, a.must(0, "restore", path).stderr, "warning: ", name)
				sameDigests(t, a.digests(), want)
				expect(t, bundleIn(t, a.json(0, "list"), filepath.Base(path)), true, "latest")
				says(t, a.must(4, "verify", path).stderr, "refusal: "+name)
			}
			expect(t, bundleIn(t, a.json(0, "prune", "--dry-run"), filepath.Base(path)), "keep", "action")
		})
	}
}

func flips(b *bundletest.Broken, name string) {
	b.T.Helper()
	data := bytes.Clone(b.Read(name))
	data[len(data)/2] ^= 1
	b.Write(name, data)
}

// resealedFile makes a bundle agree with a file that was changed.
func resealedFile(b *bundletest.Broken, name string) {
	b.T.Helper()
	meta, err := bundle.ParseMeta(b.Read(bundle.MetaFile))
	if err != nil {
		b.T.Fatal(err)
	}
	sum := sha256.Sum256(b.Read(name))
	for i := range meta.Keepsake.Files {
		if f := &meta.Keepsake.Files[i]; f.Path == name {
			f.SHA256 = hex.EncodeToString(sum[:])
		}
	}
	b.Reseal(meta)
}

// putBack makes a bundle what its copy is.
func putBack(t *testing.T, whole, path string) {
	t.Helper()
	remove(t, path)
	if err := os.CopyFS(path, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
}
