package cli_test

import (
	"regexp"
	"testing"
	"unicode/utf8"
)

// Help is read on a terminal of 80 columns.
func TestHelpFitsATerminal(t *testing.T) {
	a := bare(t)
	names := [][]string{{}}
	for _, match := range regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`).FindAllStringSubmatch(a.must(0, "--help").stdout, -1) {
		names = append(names, []string{match[1]})
	}
	if len(names) < 15 {
		t.Fatalf("got %q in --help, want every command", names)
	}
	lines := regexp.MustCompile(`.+`)
	for _, name := range names {
		for _, line := range lines.FindAllString(a.must(0, append(name, "--help")...).stdout, -1) {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("keepsake %s --help: got %q, want at most 80 columns", name, line)
			}
		}
	}
}
