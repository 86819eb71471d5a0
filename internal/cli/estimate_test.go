package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/collections"
)

// TestEstimateOfDisk: a plan says within a factor of two by how much the files of
// its target will grow, at two sizes.
func TestEstimateOfDisk(t *testing.T) {
	running := chromatest.Start(t)
	chroma := server{Server: running, database: running.Database(t)}
	for _, size := range []struct{ rows, dimension int }{{400, 64}, {3000, 128}} {
		a := bare(t)
		bundle := a.bundleOf(size.rows, size.dimension)
		embedded := a.data("target", "vectors.db")
		for name, target := range map[string]struct{ store, dir string }{
			"Chroma":      {chroma.store(), running.Dir()},
			"Collections": {"collections:" + embedded, filepath.Dir(embedded)},
		} {
			a.sub(fmt.Sprintf("%s/%d×%d", name, size.rows, size.dimension), func(t *testing.T) {
				command := []string{
					"restore", bundle, "--mode", "replace", "--only", "mc/memory", "--force-topology-mismatch", "--force",
					"--to", "mc/memory=" + target.store, "--as", fmt.Sprintf("mc/memory=estimated-%d", size.rows),
				}
				plan := a.json(0, append(command, "--plan")...)
				want, _ := plan["estimate"].(map[string]any)["stagedBytes"].(float64)
				before := bytesIn(t, target.dir)
				a.env[allowed] = "true"
				a.must(0, append(command, "--confirm", plan["token"].(string))...)
				if grown := float64(bytesIn(t, target.dir) - before); want < grown/2 || want > grown*2 {
					t.Errorf("got an estimate of %.0f bytes, and it has grown by %.0f", want, grown)
				}
			})
		}
	}
}

// bundleOf makes a bundle of that many memories without a server.
func (a *agent) bundleOf(rows, dimension int) string {
	a.t.Helper()
	path := a.data("source.db")
	a.env["KEEPSAKE_MC_CHROMA"] = "collections:" + path
	spec := specOf(memory.Memories)
	spec.Rows, spec.Dimension = int64(rows), dimension
	source := collections.New(collections.Config{Path: path, Collections: collectionNames()})
	r, err := source.Merge(a.t.Context(), spec, sample.Records(spec.Name, rows, dimension, 1), store.MergeOptions{Proof: store.ProofIDs})
	if err != nil || !r.Complete() {
		a.t.Fatalf("fill: %+v, %v", r, err)
	}
	return a.backup("--only", "mc/memory")
}

// bytesIn adds up the files of a folder, 0 when it isn't there. Some come and go.
func bytesIn(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return notAbsent(err)
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return notAbsent(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func notAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
