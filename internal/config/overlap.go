package config

import (
	"fmt"
	"slices"

	"keepsake/internal/pattern"
)

// doubtOverlaps warns about what would be backed up twice, as far as can be told
// from what is declared: nothing is opened for it.
func (l *loader) doubtOverlaps() {
	all := l.cfg.Declared
	for i := range all {
		for _, preset := range []bool{false, true} { // those that an operator can mend come first
			for j := range all[:i] {
				if all[j].Preset == preset && !all[i].Preset && all[i].overlaps(&all[j]) {
					l.warnOverlap(&all[i], all[j].Key())
				}
			}
		}
	}
}

// doubtTokens warns about tokens that would be in bundles, for all who read those.
func (l *loader) doubtTokens() {
	slices.Sort(l.tokens)
	for _, path := range slices.Compact(l.tokens) {
		for _, d := range l.cfg.Declared {
			if l.kind(d.Store.V).Patterns && !d.Preset && d.takesFile(path) {
				l.warn("token-in-bundles", fmt.Sprintf("sources.%s (%s) takes the token file %s", d.Name, d.Store.Source, path),
					"leave it out with exclude:, or put it elsewhere")
			}
		}
	}
}

func (l *loader) warnOverlap(d *Declared, other string) {
	l.warn("sources-overlap",
		fmt.Sprintf("sources.%s (%s) and %s take some of the same: that is backed up twice", d.Name, d.Store.Source, other),
		"leave it out of one of them, with collections: or exclude:")
}

// overlaps reports whether both take something that is the same.
func (d *Declared) overlaps(other *Declared) bool {
	if d.Way.V == "" && other.Way.V == "" {
		return d.sharesFile(other)
	}
	return d.sameChroma(other) && d.sharesCollection(other)
}

// sameChroma reports whether both are one Chroma: one server, or one directory.
func (d *Declared) sameChroma(other *Declared) bool {
	if d.Way.V == "" || other.Way.V == "" {
		return false
	}
	return d.Store.V.Same(other.Store.V) || d.Directory.V != "" && d.Directory.V == other.Directory.V
}

// sharesCollection looks for a name that both take, among those that the patterns
// are made of.
func (d *Declared) sharesCollection(other *Declared) bool {
	return slices.ContainsFunc(examples(d.taken(), other.taken()), func(name string) bool { return d.Takes(name) && other.Takes(name) })
}

// taken are the names and patterns of the collections that the source takes.
func (d Declared) taken() []string {
	taken := slices.Clone(d.Collections)
	for _, n := range d.Named {
		taken = append(taken, n.Collection.V)
	}
	if len(taken) == 0 {
		taken = []string{"*"}
	}
	return taken
}

func examples(a, b []string) []string {
	var names []string
	for _, p := range a {
		for _, q := range b {
			names = append(names, pattern.Example(p, ""), pattern.Example(q, ""), pattern.Example(p, pattern.Example(q, "")), pattern.Example(q, pattern.Example(p, "")), pattern.Example(p, "x"), pattern.Example(q, "x"))
		}
	}
	return names
}
