package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"keepsake/internal/memory"
)

// wrap breaks text at spaces into lines of at most so many characters; a word that
// is longer has a line of its own. At least one line.
func wrap(text string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// cut shortens text that is longer than so many characters.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// width is what lines are made to fit: a terminal that nobody made wider.
const width = 80

// table prints rows in columns. The columns named in right are numbers.
type table struct {
	header []string
	right  map[int]bool
	rows   [][]string
	gap    int // spaces between columns, 2 when 0
	indent string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var widths []int
	all := t.rows
	if t.header != nil {
		all = append([][]string{t.header}, t.rows...)
	}
	for _, row := range all {
		for len(widths) < len(row) {
			widths = append(widths, 0)
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		if _, err := io.WriteString(w, t.line(row, widths)+"\n"); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}

func (t *table) line(row []string, widths []int) string {
	gap := "  "
	if t.gap > 0 {
		gap = strings.Repeat(" ", t.gap)
	}
	var b strings.Builder
	b.WriteString(t.indent)
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
		b.WriteString(gap)
	}
	return strings.TrimRight(b.String(), " ")
}

// placed is what is said of one section, and where that is.
type placed struct {
	section memory.Section
	cells   []string
	locator memory.Locator
}

// printPlaced prints sections below the store that they are in, so that paths
// and addresses don't push the numbers off the screen.
func (a *app) printPlaced(columns []string, sections []placed) error {
	right := map[int]bool{}
	for i := range columns {
		right[i+1] = true
	}
	t := &table{header: append(append([]string{"section"}, columns...), ""), right: right, indent: "  "}
	stores := map[int]string{}
	for _, s := range sections {
		l := s.locator
		l.Collection, l.CollectionID = "", ""
		if l.Path != "" {
			l.Path = a.relative(folderOf(l.Path, s.section))
		}
		stores[len(t.rows)] = l.String()
		t.add(append(append([]string{string(s.section)}, s.cells...), s.locator.Collection)...)
	}
	var b strings.Builder
	if err := t.write(&b); err != nil {
		return err
	}
	lines := strings.SplitAfter(b.String(), "\n")
	a.say("%s", lines[0])
	last := ""
	for i := range t.rows {
		if stores[i] != last {
			last = stores[i]
			a.say("%s\n", last)
		}
		a.say("%s", lines[i+1])
	}
	return nil
}

// folderOf is the folder below which a file of a declared source is named as its
// section is, so that many files stand below one line; the path itself of any other.
func folderOf(path string, s memory.Section) string {
	if slices.Contains(memory.Subsystems(), s.Subsystem()) {
		return path
	}
	for _, name := range []string{s.Name(), s.Name() + ".jsonl"} {
		if dir, ok := strings.CutSuffix(filepath.ToSlash(path), "/"+name); ok && strings.Contains(name, ".") {
			return filepath.FromSlash(dir)
		}
	}
	return path
}
