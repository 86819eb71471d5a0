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
		for j := range all[:i] {
			if all[i].overlaps(&all[j]) {
				l.warnOverlap(&all[i], "sources."+string(all[j].Name))
			}
		}
		for _, n := range l.cfg.neoStores() {
			if all[i].overlaps(&n.Declared) {
				l.warnOverlap(&all[i], n.key)
			}
		}
	}
}

// doubtTokens warns about tokens that would be in bundles, for all who read those.
func (l *loader) doubtTokens() {
	slices.Sort(l.tokens)
	for _, path := range slices.Compact(l.tokens) {
		for _, d := range l.cfg.Declared {
			if holdsFiles(d.Store.V) && d.takesFile(path) {
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

// neoStore is a store of the preset neo, seen as a declared source would be.
type neoStore struct {
	key string
	Declared
}

func (c *Config) neoStores() []neoStore {
	if !c.Neo() {
		return nil
	}
	concepts := c.Concepts
	concepts.V.Pattern = jsonl
	var stores []neoStore
	for _, n := range []neoStore{
		{"stores.kb", Declared{Vectors: c.KB, Collections: []string{c.KnowledgeBase.V}}},
		{"stores.mc", Declared{Vectors: c.MC, Collections: []string{c.Memories.V, c.Summaries.V}}},
		{"stores.graph", Declared{Vectors: Vectors{Store: c.Graph}}},
		{"stores.concepts", Declared{Vectors: Vectors{Store: concepts}}},
		{"stores.trajectories", Declared{Vectors: Vectors{Store: c.Trajectories}}},
		{"stores.mailbox", Declared{Vectors: Vectors{Store: c.Mailbox}}},
	} {
		if n.Store.V.Kind != "" {
			stores = append(stores, n)
		}
	}
	return stores
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
	mine, others := d.Collections, other.Collections
	if len(mine) == 0 {
		mine = []string{"*"}
	}
	if len(others) == 0 {
		others = []string{"*"}
	}
	return slices.ContainsFunc(examples(mine, others), func(name string) bool { return d.Takes(name) && other.Takes(name) })
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
