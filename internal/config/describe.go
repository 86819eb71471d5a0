package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
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
	if c.HasTopology() {
		add("topology", c.Topology().Name(), c.Unified.Source)
	}
	for i := range c.Declared {
		c.Declared[i].describe(c.kinds, add)
		if last := i+1 == len(c.Declared) || !c.Declared[i+1].Preset; c.Declared[i].Preset && last {
			c.describeNames(add)
		}
	}
	c.Retention.describe(add)
	add("doctor.max-age", ageText(c.Doctor.MaxAge.V), c.Doctor.MaxAge.Source)
	if len(c.Doctor.Accept.V) > 0 {
		add("doctor.accept", strings.Join(c.Doctor.Accept.V, ", "), c.Doctor.Accept.Source)
	}
	add("alarm.lost", shareText(c.Alarm.Lost.V), c.Alarm.Lost.Source)
	if c.VectorDimension.V > 0 {
		add("vector-dimension", strconv.Itoa(c.VectorDimension.V), c.VectorDimension.Source)
	}
	add("production-destructive", strconv.FormatBool(c.AllowProduction.V), c.AllowProduction.Source)
	return rows
}

// describeNames tells what the collections of the preset's sources are called.
func (c *Config) describeNames(add func(name, value string, source Source)) {
	for _, d := range c.Declared {
		for _, n := range d.Named {
			if n.key != "" {
				add("collections."+n.key, n.Collection.V, n.Collection.Source)
			}
		}
	}
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
		{"gone-days", r.GoneDays},
	} {
		add("retention."+l.name, l.limit.String(), l.limit.Source)
	}
}

func (d *Declared) describe(kinds store.Kinds, add func(name, value string, source Source)) {
	name, kind := d.Key(), kinds.Of(d.Store.V.Kind)
	add(name, d.Store.V.String(), d.Store.Source)
	if d.Way.V != "" {
		add(name+".source", string(d.Way.V), d.Way.Source)
	}
	if d.Directory.V != "" && kind.Server {
		add(name+".directory", d.Directory.V, d.Directory.Source)
	}
	if d.Token.Source.Kind != "" { // files and the like have none
		add(name+".token", d.Token.V.String(), d.Token.Source)
	}
	if len(d.Headers.V) > 0 {
		names := slices.Sorted(maps.Keys(d.Headers.V))
		add(name+".headers", strings.Join(names, ", ")+" (values withheld)", d.Headers.Source)
	}
	for _, n := range []struct {
		name  string
		value Value[int]
	}{{"page-rows", d.PageRows}, {"page-bytes", d.PageBytes}} {
		if n.value.V > 0 {
			add(fmt.Sprintf("%s.%s", name, n.name), strconv.Itoa(n.value.V), n.value.Source)
		}
	}
	if d.Timeout.V > 0 {
		add(name+".timeout", ageText(d.Timeout.V), d.Timeout.Source)
	}
	if !d.Preset {
		d.describeTaken(kind, add)
	}
}

// describeTaken tells what a declared source takes of its store.
func (d *Declared) describeTaken(kind store.Kind, add func(name, value string, source Source)) {
	if d.Way.V != "" {
		taken := strings.Join(d.Collections, ", ")
		if taken == "" {
			taken = "*"
		}
		add(d.Key()+".collections", taken, d.collectionsFrom)
	}
	if len(d.Exclude) > 0 {
		add(d.Key()+".exclude", strings.Join(d.Exclude, ", "), d.excludeFrom)
	}
	if kind.CanHold(memory.Lines) {
		add(d.Key()+".keyed", strconv.FormatBool(d.Keyed), d.keyedFrom)
	}
}
