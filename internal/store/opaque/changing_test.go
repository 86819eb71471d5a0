package opaque_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/opaque"
)

// TestReadWhileItChanges: a file that is another each time that it is copied is
// taken, and that is said; one that settles is taken without a word, or as it is when
// it was made shorter; one that is cut each time is not taken.
func TestReadWhileItChanges(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(path string, n int) error
		want     error
		findings string
	}{
		{"Always", func(path string, n int) error { return os.WriteFile(path, []byte(strings.Repeat("x", 10+n)), 0o600) }, nil, "changed-while-read"},
		{"Once", func(path string, n int) error {
			if n > 1 {
				return nil
			}
			return os.WriteFile(path, []byte("longer than before"), 0o600)
		}, nil, ""},
		{"Shortened", func(path string, n int) error {
			if n > 1 {
				return nil
			}
			return os.WriteFile(path, []byte("s"), 0o600)
		}, nil, "shorter-than-seen"},
		{"Cut", func(path string, _ int) error { return os.Truncate(path, 1) }, store.ErrUnreadable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			write(t, path, "before")
			f := files(t, plain(dir))
			n := 0
			opaque.OnCopied(f, func() {
				n++
				if err := tt.change(path, n); err != nil {
					t.Error(err)
				}
			})
			s, err := f.Open(t.Context(), []memory.Section{"notes/a"})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, _, err := readFrom(t, s, "notes/a"); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if got := codes(s.(store.Inspector).Findings()); got != tt.findings {
				t.Errorf("got findings %q, want %q", got, tt.findings)
			}
		})
	}
}
