package cli_test

import (
	"fmt"
	"maps"
	"net/http"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

// world is what a memory held when it was bundled.
type world struct {
	bundle  string
	digests records
	// Of its collections, since it lived for the last time:
	ids  map[memory.Section]string
	rows map[memory.Section]map[string]string
}

// worlds makes two memories, one after the other, and bundles each; what lives is
// the second.
func (a *agent) worlds() (both [2]world) {
	a.t.Helper()
	a.remember()
	both[0] = world{bundle: a.backup(), digests: a.digests()}
	both[0].lives(a)
	a.changes()
	both[1] = world{bundle: a.backup(), digests: a.digests()}
	both[1].lives(a)
	return both
}

// lives notes the collections of the memory that lives.
func (w *world) lives(a *agent) {
	a.t.Helper()
	w.ids, w.rows = a.liveIDs(), map[memory.Section]map[string]string{}
	for section, id := range w.ids {
		w.rows[section] = a.rowsOf(section, id)
	}
}

// liveIDs returns the ids of the collections that bear their section's name.
func (a *agent) liveIDs() map[memory.Section]string {
	a.t.Helper()
	ids := map[memory.Section]string{}
	for section, name := range collectionNames() {
		if id := a.collections(section)[name]; id != "" {
			ids[section] = id
		}
	}
	return ids
}

// collections lists all that are on the server of a section: ids by names.
func (a *agent) collections(section memory.Section) map[string]string {
	a.t.Helper()
	var listed []struct{ ID, Name string }
	s := a.at(section)
	s.Call(a.t, http.MethodGet, chromatest.Collections(s.database), nil, &listed)
	ids := map[string]string{}
	for _, c := range listed {
		ids[c.Name] = c.ID
	}
	return ids
}

// rowsOf returns the rows of a collection, each as one text, by their ids. It
// looks past keepsake, which reads no collection that is in the middle of a swap.
func (a *agent) rowsOf(section memory.Section, id string) map[string]string {
	a.t.Helper()
	var got struct {
		IDs                              []string
		Embeddings, Documents, Metadatas []any
	}
	s := a.at(section)
	s.Call(a.t, http.MethodPost, chromatest.Collections(s.database)+"/"+id+"/get",
		map[string]any{"include": []string{"embeddings", "documents", "metadatas"}}, &got)
	rows := map[string]string{}
	for i, id := range got.IDs {
		rows[id] = fmt.Sprint(got.Embeddings[i], got.Documents[i], got.Metadatas[i])
	}
	return rows
}

// oldOrNew wants each section to be one of the two, whole. Instead of a collection
// there may be nothing: the old one has another name by then, and the new one not
// its own yet.
func (a *agent) oldOrNew(old, want world) {
	a.t.Helper()
	for _, spec := range sample.Sections() {
		if s := spec.Name; spec.Kind == memory.Vectors {
			a.oldOrNewRows(s, old, want)
		} else if got := a.recordsOf(a.target(s), s); !maps.Equal(got, old.digests[s]) && !maps.Equal(got, want.digests[s]) {
			a.t.Errorf("%s is neither the old nor the new one: %d records", s, len(got))
		}
	}
}

func (a *agent) oldOrNewRows(section memory.Section, old, want world) {
	a.t.Helper()
	if now := a.liveIDs()[section]; now != "" {
		got := a.rowsOf(section, now)
		if !maps.Equal(got, old.rows[section]) && !maps.Equal(got, want.rows[section]) {
			a.t.Errorf("%s is neither the old nor the new one: %d rows", section, len(got))
		}
		return
	}
	var hasOld, hasNew bool
	for _, id := range a.collections(section) {
		held := a.rowsOf(section, id)
		hasOld = hasOld || id == old.ids[section] && maps.Equal(held, old.rows[section])
		hasNew = hasNew || id != old.ids[section] && maps.Equal(held, want.rows[section])
	}
	if !hasOld || !hasNew {
		a.t.Errorf("%s is not there; elsewhere is the old one: %t, the new one: %t", section, hasOld, hasNew)
	}
}

// halfWay wants each row of the collections to be one of old, or one of want.
func (a *agent) halfWay(old, want world) {
	a.t.Helper()
	for section, id := range a.liveIDs() {
		for row, is := range a.rowsOf(section, id) {
			if is != old.rows[section][row] && is != want.rows[section][row] {
				a.t.Errorf("%s: row %s is %s, want %s or %s", section, row, is, old.rows[section][row], want.rows[section][row])
			}
		}
	}
}

// keptAside wants the collections of a memory to be there still, whole, under
// other names.
func (a *agent) keptAside(old world) {
	a.t.Helper()
	live := a.liveIDs()
	for section, id := range old.ids {
		if live[section] == "" || live[section] == id {
			a.t.Errorf("%s: got collection %q, want another than before", section, live[section])
		}
		if !maps.Equal(a.rowsOf(section, id), old.rows[section]) {
			a.t.Errorf("%s: what is kept aside is not what was there", section)
		}
	}
}
