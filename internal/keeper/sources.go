package keeper

import (
	"context"
	"slices"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/either"
)

// source is a part of the memory as it is opened.
type source struct {
	config.Declared

	title string
}

// parts are the sources of the memory, in the order in which they are opened. Two of
// the preset that are one store are one part: where the topology is unified.
func (m *Memory) parts() (parts []source) {
	for _, d := range m.cfg.InOrder() {
		vectors := m.kind(&d).CanHold(memory.Vectors)
		last := len(parts) - 1
		switch {
		case d.Store.V.Kind == "": // without a data folder there is none
		case !d.Preset:
			parts = append(parts, source{d, "source " + string(d.Name)})
		case !vectors:
			parts = append(parts, source{d, string(d.Name)})
		case m.cfg.Unified.V && last >= 0 && parts[last].Store.V.Same(d.Store.V):
			parts[last].title = "store of " + string(d.Name) + " and " + string(parts[last].Name)
			parts[last].Named = slices.Concat(parts[last].Named, d.Named)
		default:
			parts = append(parts, source{d, "store of " + string(d.Name)})
		}
	}
	return parts
}

// kinds is the table of kinds of store.
func (m *Memory) kinds() store.Kinds { return m.opts.Config.Kinds }

// kind is what is known of the kind of a source's store.
func (m *Memory) kind(d *config.Declared) store.Kind { return m.kinds().Of(d.Store.V.Kind) }

// opening is what of its store a source means.
func (m *Memory) opening(d *config.Declared) store.Opening {
	headers := map[string]string{}
	for name, value := range d.Headers.V {
		headers[name] = value.Reveal()
	}
	o := store.Opening{
		Ref: d.Store.V, Subsystem: d.Name, Takes: d.Takes, Exclude: d.Exclude, Folder: d.Folder, Keyed: d.Keyed,
		Token: d.Token.V.Reveal(), Headers: headers, PageRows: d.PageRows.V, PageBytes: int64(d.PageBytes.V), Timeout: d.Timeout.V,
		Literal: d.Literal(), Plans: restore.Plans(m.restores()), Temp: m.temporary, Now: m.opts.Now, FS: m.opts.FS,
	}
	if len(d.Named) > 0 {
		o.Collections = namesOf(d)
	}
	return o
}

// known says of the collections of a source's store whether any source of the same
// store reads them.
func (m *Memory) known(of *config.Declared) func(tenant, database, collection string) bool {
	if !m.kind(of).Databases {
		return nil
	}
	same := func(d *config.Declared) bool {
		address := of.Store.V.Address()
		return address != "" && d.Store.V.Address() == address || of.Directory.V != "" && d.Directory.V == of.Directory.V
	}
	return func(tenant, database, collection string) bool {
		return slices.ContainsFunc(m.cfg.Declared, func(d config.Declared) bool {
			in := d.Store.V.InDatabase()
			return m.kind(&d).Databases && same(&d) && in.Tenant == tenant && in.Database == database && d.Knows(collection)
		})
	}
}

// namesOf maps the sections that are known beforehand to their collections.
func namesOf(d *config.Declared) map[memory.Section]string {
	names := map[memory.Section]string{}
	for _, n := range d.Named {
		names[n.Section] = n.Collection.V
	}
	return names
}

// sources lists the stores in the order in which they are opened.
func (m *Memory) sources() (out []backup.Source, err error) {
	for _, part := range m.parts() {
		opened, err := m.reader(&part.Declared)
		if err != nil {
			return nil, usage(err)
		}
		for _, o := range opened {
			out = append(out, backup.Source{
				Name: part.title, Kind: o.Kind, Store: o.Store, Sections: o.Sections,
				Literal: o.Literal, Subsystem: part.Name, Declared: !part.Preset,
			})
		}
	}
	return out, nil
}

// reader makes what a source is read by, in the way that was chosen.
func (m *Memory) reader(d *config.Declared) ([]store.Opened, error) {
	o := m.opening(d)
	o.Known = m.known(d)
	if way := d.Way.V; way != config.WayDirectory && way != config.WayAuto || !m.kind(d).Server {
		return m.kind(d).Sources(o)
	}
	persisted := o
	persisted.Ref = store.Ref{Kind: memory.KindChromaDir, Path: d.Directory.V, Tenant: o.Tenant, Database: o.Database}
	opened, err := m.kinds().Of(memory.KindChromaDir).Sources(persisted)
	if err != nil || d.Way.V == config.WayDirectory {
		return opened, err
	}
	served, err := m.kind(d).Sources(o)
	if err == nil {
		opened[0].Store = either.New(served[0].Store, opened[0].Store)
	}
	return opened, err
}

// misplaced reports whether the collections of MC are on KB's server though the
// topology says otherwise. It is only asked to explain an error.
func (m *Memory) misplaced() bool {
	const patience = 5 * time.Second
	kb := *m.cfg.Source(memory.KB)
	kb.Named = m.cfg.Source(memory.MC).Named
	if !m.cfg.HasTopology() || m.cfg.Unified.V || !m.kind(&kb).Server {
		return false
	}
	there, err := m.kind(&kb).Target(m.opening(&kb), memory.Vectors)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	survey, err := there.Survey(ctx, memory.Memories)
	return err == nil && survey.Exists
}

// like is a store that a command names. Credentials go to the server that they are
// for, and to no other.
func (m *Memory) like(at store.Ref, same func(store.Ref) bool) config.Declared {
	d := config.Declared{}
	for _, known := range m.cfg.Declared {
		if same(known.Store.V) {
			d.Way, d.Token, d.Headers, d.PageRows, d.PageBytes, d.Timeout = known.Way, known.Token, known.Headers, known.PageRows, known.PageBytes, known.Timeout
		}
	}
	d.Store.V = at
	return d
}

// subsystems are those that the memory is made of.
func (m *Memory) subsystems() (all []memory.Subsystem) {
	for _, d := range m.cfg.Declared {
		all = append(all, d.Name)
	}
	return all
}

// collectionName is what the collection of a section is to be called.
func collectionName(spec memory.SectionSpec, as map[memory.Section]string) string {
	if name, ok := as[spec.Name]; ok {
		return name
	}
	if spec.Collection != nil && spec.Collection.Name != "" {
		return spec.Collection.Name
	}
	return spec.Name.Name()
}

// sectionsOf are the sections of a bundle; none without one.
func sectionsOf(b *bundle.Bundle) []memory.SectionSpec {
	if b == nil {
		return nil
	}
	return b.Sections()
}
