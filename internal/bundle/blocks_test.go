package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// What changes after a bundle was verified is noticed before the rows of that part are
// handed out, and by a look at the section before any is.
func TestTrue_07_NoRowOfAChangedBlock(t *testing.T) {
	const rows, block = 4000, 512 << 10
	spec := memory.SectionSpec{Name: "notes/log", Kind: memory.Lines}
	row := func(i int) string { return `{"n":"` + strings.Repeat(string(rune('a'+i%26)), 600) + `"}` }
	all := part{spec: spec}
	for i := range rows {
		all.rows = append(all.rows, row(i))
	}
	for name, change := range map[string]func(data []byte) []byte{
		"Late":                func(d []byte) []byte { d[len(d)-100] ^= 1; return d },
		"Middle":              func(d []byte) []byte { d[len(d)/2] ^= 1; return d },
		"CutAtTheEndOfABlock": func(d []byte) []byte { return d[:2*block] },
		"Longer":              func(d []byte) []byte { return append(d, "{}\n"...) },
	} {
		t.Run(name, func(t *testing.T) {
			path, err := write(options(t, t.TempDir()), []part{all}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := open(t, path)
			if report, err := b.Verify(t.Context(), bundle.Full, bundle.VerifyOptions{}); err != nil || report.Refused() {
				t.Fatal(err, report)
			}
			if err := b.Recheck(t.Context(), spec.Name); err != nil {
				t.Errorf("recheck of what did not change: %v", err)
			}
			file := filepath.Join(path, filepath.FromSlash(b.Meta().Keepsake.Files[0].Path))
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, change(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := b.Recheck(t.Context(), spec.Name); !errors.Is(err, bundle.ErrChanged) {
				t.Errorf("recheck: got %v, want %v", err, bundle.ErrChanged)
			}
			n := 0
			var last error
			for rec, err := range b.Records(t.Context(), spec.Name) {
				if last = err; err != nil {
					break
				}
				if string(rec) != row(n) {
					t.Fatalf("row %d came, and is not what was verified", n)
				}
				n++
			}
			if !errors.Is(last, bundle.ErrChanged) || n == rows && name != "Longer" {
				t.Errorf("got %d rows, then %v, want %v", n, last, bundle.ErrChanged)
			}
		})
	}
}
