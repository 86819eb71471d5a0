package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// printList prints a line of columns a bundle, and below it what doesn't fit into
// a column: what is known of it, and what the next prune would do.
func (a *app) printList(bundles []listed, latest string) error {
	if a.flags.quiet {
		return nil
	}
	t := &table{header: []string{"bundle", "age", "size", "kb", "mc", "graph", "files", "status"}, gap: 1, right: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true}}
	now := a.Now()
	for i := range bundles {
		l := &bundles[i]
		t.add(l.Bundle, quantity.Age(now.Sub(l.Timestamp)), quantity.Size(l.Bytes), l.rows(memory.KB), l.rows(memory.MC),
			l.rows(memory.GraphSystem), l.rows(memory.Concepts, memory.Trajectories, memory.Mailbox), l.word())
	}
	var b strings.Builder
	if err := t.write(&b); err != nil {
		return err
	}
	lines := strings.SplitAfter(b.String(), "\n")
	for i := range bundles {
		below := wrap(strings.Join(bundles[i].facts(now), "; "), width-2)
		if v := bundles[i].NextPrune; v != nil {
			below = append(below, wrap("next prune: "+string(v.Action)+", "+why(v.Grounds), width-2)...)
		}
		lines[i+1] += "  " + strings.Join(below, "\n  ") + "\n"
	}
	_, err := io.WriteString(a.Stdout, strings.Join(lines, ""))
	a.say("\nlatest good: %s\n", latest)
	return err
}

// rows counts what a bundle holds of subsystems; a dash stands where it covers none of
// them: what it hasn't got may be there all the same.
func (l *listed) rows(subs ...memory.Subsystem) string {
	var n int64
	covered := false
	for _, sub := range subs {
		rows, has := l.Rows[sub]
		n, covered = n+rows, covered || has || slices.Contains(l.empty, sub)
	}
	if !covered {
		return "–"
	}
	return quantity.Short(n)
}

// word is the status in one word.
func (l *listed) word() string {
	if len(l.Suspect) > 0 {
		return "suspect"
	}
	return l.Status
}

func (l *listed) facts(now time.Time) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if l.Reason != "" && l.Reason != string(bundle.ReasonBackup) {
		add("%s", l.Reason)
	}
	if others := l.others(); others != "" {
		add("%s", others)
	}
	switch {
	case l.NotesError != "":
		add("%s", l.NotesError)
	case l.Pinned != nil:
		add("pinned %s ago%s", quantity.Age(now.Sub(l.Pinned.At)), prefixed(": ", l.Pinned.Why))
	}
	if l.Odd != "" {
		add("odd: %s", l.Odd)
	}
	if l.MaybeSameAs != "" {
		add("not good: it was not settled whether it is of memory %s", l.MaybeSameAs)
	}
	if len(l.Suspect) > 0 {
		add("suspect: %s", joined(l.Suspect))
	}
	if l.Error != "" || (l.Status == string(bundle.Complete) || l.Status == partial) && l.Fault != "" && l.failed == nil && l.NotesError == "" {
		add("not good: %s", l.Fault)
	}
	if l.NotesError == "" {
		out = append(out, l.verifiedFacts(now)...)
	}
	return out
}

// others counts the rows of the subsystems that have no column.
func (l *listed) others() string {
	var all []string
	for _, sub := range slices.Sorted(maps.Keys(l.Rows)) {
		if !slices.Contains(memory.Subsystems(), sub) {
			all = append(all, string(sub)+" "+quantity.Plural(l.Rows[sub], "row"))
		}
	}
	return strings.Join(all, ", ")
}

// verifiedFacts says when the bundle was last verified, and what still speaks
// against it.
func (l *listed) verifiedFacts(now time.Time) []string {
	if len(l.Verifications) == 0 {
		return []string{"never verified"}
	}
	last := &l.Verifications[len(l.Verifications)-1]
	said := func(v *catalog.Verification) string {
		word := "ok"
		if !v.OK {
			word = "DID NOT VERIFY"
		}
		if v.Recall != nil {
			word += fmt.Sprintf(", recall %.3f", *v.Recall)
		}
		return fmt.Sprintf("verified %s ago (%s): %s", quantity.Age(now.Sub(v.At)), v.Level, word)
	}
	out := []string{said(last)}
	if l.failed != nil && l.failed.At != last.At {
		out = append(out, said(l.failed))
	}
	return out
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func joined(sections []memory.Section) string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
