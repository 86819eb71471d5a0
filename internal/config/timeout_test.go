package config_test

import (
	"strings"
	"testing"
)

// TestTrue_20_Timeout: a server's own timeout goes before that of the file, which goes
// before 90 seconds; what is no time, or no server, is refused.
func TestTrue_20_Timeout(t *testing.T) {
	for text, want := range map[string]string{
		"preset: none\nsources:\n  a: chroma:http://h:1\n  n: files:notes/*.md\n":               "1m30s | default",
		"timeout: 5m\npreset: none\nsources:\n  a: chroma:http://h:1\n":                         "5m | file ROOT/keepsake.yaml:1",
		"timeout: 5m\npreset: none\nsources:\n  a: {store: 'chroma:http://h:1', timeout: 2s}\n": "2s | file ROOT/keepsake.yaml:4",
	} {
		root, cfg, err := loadAlone(t, text, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := rows(cfg, root)
		if got["sources.a.timeout"] != want {
			t.Errorf("got %q, want %q of\n%s", got["sources.a.timeout"], want, text)
		}
		if of, said := got["sources.n.timeout"]; said {
			t.Errorf("got a timeout %q of files", of)
		}
	}
	for text, want := range map[string]string{
		"timeout: soon\npreset: none\nsources:\n  a: chroma:http://h:1\n":           `"soon" is no time like 90s or 5m`,
		"timeout: 0s\npreset: none\nsources:\n  a: chroma:http://h:1\n":             `"0s" is no time`,
		"preset: none\nsources:\n  a: {store: 'files:notes/*.md', timeout: 2s}\n":   "a files store has no timeout",
		"preset: none\nsources:\n  a: {store: 'chromadir:chroma', timeout: 2s}\n":   "a chromadir store has no timeout",
		"preset: none\nsources:\n  a: {store: 'chroma:http://h:1', timeout: 48h}\n": `"48h" is no time`,
	} {
		if _, _, err := loadAlone(t, text, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q of\n%s", err, want, text)
		}
	}
}
