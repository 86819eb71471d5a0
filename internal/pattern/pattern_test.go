package pattern_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keepsake/internal/pattern"
)

func TestPattern(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"a.md", "b.txt", "2026/c.md", "2026/11/d.md", ".hidden.md", ".git/e.md", "2026/.f.md", "drafts/g.md", "drafts/old/h.md",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link.md": "a.md", "round": "."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	for _, tt := range []struct {
		name    string
		pattern pattern.Pattern
		want    []string
	}{
		{"Below", pattern.Pattern{Glob: "**/*.md"}, []string{"2026/11/d.md", "2026/c.md", "a.md", "drafts/g.md", "drafts/old/h.md", "link.md"}},
		{"Direct", pattern.Pattern{Glob: "*.md"}, []string{"a.md", "link.md"}},
		{"Alternatives", pattern.Pattern{Glob: "{a.md,b.txt}"}, []string{"a.md", "b.txt"}},
		{"Everything", pattern.Pattern{Glob: "**"}, []string{"2026/11/d.md", "2026/c.md", "a.md", "b.txt", "drafts/g.md", "drafts/old/h.md", "link.md", "round"}},
		{"WithoutAFolder", pattern.Pattern{Glob: "**/*.md", Exclude: []string{"drafts"}}, []string{"2026/11/d.md", "2026/c.md", "a.md", "link.md"}},
		{"WithoutFiles", pattern.Pattern{Glob: "**/*.md", Exclude: []string{"*.md", "**/[dgh].md"}}, []string{"2026/c.md"}},
		{"HiddenByName", pattern.Pattern{Glob: ".hidden.md"}, []string{".hidden.md"}},
		{"HiddenBelow", pattern.Pattern{Glob: "**/.f.md"}, []string{"2026/.f.md"}},
		{"HiddenFolder", pattern.Pattern{Glob: ".git/*"}, []string{".git/e.md"}},
		{"Nothing", pattern.Pattern{Glob: "none/*"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.pattern.List(dir)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			for _, name := range got {
				if !tt.pattern.Takes(name) {
					t.Errorf("%q is listed and not taken", name)
				}
			}
		})
	}
	for _, name := range []string{"../a.md", "/a.md", ".", "", "x/../a.md", "a.md/", ".x/a.md", "x/.a.md", "x//a.md"} {
		if (pattern.Pattern{Glob: "**"}).Takes(name) {
			t.Errorf("%q is taken", name)
		}
	}
	t.Run("NoFolder", func(t *testing.T) {
		if got, err := (pattern.Pattern{Glob: "**/*.md"}).List(filepath.Join(dir, "none")); err == nil {
			t.Errorf("got %q of a folder that isn't there, want an error", got)
		}
	})
}
