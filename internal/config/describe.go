package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"keepsake/internal/memory"
)

// Row is one setting as a person reads it. Secrets are withheld.
type Row struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Describe returns every setting in a fixed order. Names are those of the keys of
// keepsake.yaml, with dots between them; a value that is not set is "".
func (c *Config) Describe() []Row {
	var rows []Row
	add := func(name, value string, source Source) {
		rows = append(rows, Row{name, value, source.String()})
	}
	add("config", c.File.V, c.File.Source)
	add("preset", c.Preset.V, c.Preset.Source)
	add("data-dir", c.DataDir.V, c.DataDir.Source)
	add("backup-root", c.BackupRoot.V, c.BackupRoot.Source)
	if c.Neo() {
		c.describeNeo(add)
	}
	for _, d := range c.Declared {
		d.describe(add)
	}
	c.Retention.describe(add)
	add("doctor.max-age", ageText(c.Doctor.MaxAge.V), c.Doctor.MaxAge.Source)
	if c.Neo() {
		add("vector-dimension", strconv.Itoa(c.VectorDimension.V), c.VectorDimension.Source)
	}
	add("production-destructive", strconv.FormatBool(c.AllowProduction.V), c.AllowProduction.Source)
	return rows
}

func (c *Config) describeNeo(add func(name, value string, source Source)) {
	add("topology", c.Topology().Name(), c.Unified.Source)
	c.KB.describe("stores.kb", add)
	c.MC.describe("stores.mc", add)
	for _, s := range []struct {
		name  string
		store Value[Store]
	}{
		{"stores.graph", c.Graph},
		{"stores.concepts", c.Concepts},
		{"stores.trajectories", c.Trajectories},
		{"stores.mailbox", c.Mailbox},
	} {
		add(s.name, s.store.V.String(), s.store.Source)
	}
	add("collections.knowledge-base", c.KnowledgeBase.V, c.KnowledgeBase.Source)
	add("collections.memory", c.Memories.V, c.Memories.Source)
	add("collections.summaries", c.Summaries.V, c.Summaries.Source)
}

func (r *Retention) describe(add func(name, value string, source Source)) {
	for _, l := range []struct {
		name  string
		limit Limit
	}{
		{"keep", r.Keep},
		{"days", r.Days},
		{"keep-daily", r.KeepDaily},
		{"keep-weekly", r.KeepWeekly},
		{"keep-monthly", r.KeepMonthly},
		{"max-bytes", r.MaxBytes},
		{"safety-days", r.SafetyDays},
	} {
		add("retention."+l.name, l.limit.String(), l.limit.Source)
	}
}

func (v Vectors) describe(name string, add func(name, value string, source Source)) {
	add(name, v.Store.V.String(), v.Store.Source)
	if v.Way.V != "" {
		add(name+".source", string(v.Way.V), v.Way.Source)
	}
	if v.Directory.V != "" && v.Store.V.Kind == memory.KindChroma {
		add(name+".directory", v.Directory.V, v.Directory.Source)
	}
	if v.Token.Source.Kind != "" { // files and the like have none
		add(name+".token", v.Token.V.String(), v.Token.Source)
	}
	if len(v.Headers.V) > 0 {
		names := slices.Sorted(maps.Keys(v.Headers.V))
		add(name+".headers", strings.Join(names, ", ")+" (values withheld)", v.Headers.Source)
	}
	for _, n := range []struct {
		name  string
		value Value[int]
	}{{"page-rows", v.PageRows}, {"page-bytes", v.PageBytes}} {
		if n.value.V > 0 {
			add(fmt.Sprintf("%s.%s", name, n.name), strconv.Itoa(n.value.V), n.value.Source)
		}
	}
}

func (d Declared) describe(add func(name, value string, source Source)) {
	name := "sources." + string(d.Name)
	d.Vectors.describe(name, add)
	if d.Way.V != "" {
		taken := strings.Join(d.Collections, ", ")
		if taken == "" {
			taken = "*"
		}
		add(name+".collections", taken, d.collectionsFrom)
	}
	if len(d.Exclude) > 0 {
		add(name+".exclude", strings.Join(d.Exclude, ", "), d.excludeFrom)
	}
	if d.Store.V.Kind == memory.KindFiles {
		add(name+".keyed", strconv.FormatBool(d.Keyed), d.keyedFrom)
	}
}
