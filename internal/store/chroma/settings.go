package chroma

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/swapmark"
	"keepsake/internal/store/rows"
)

// settle gives the collection the records' metadata, and says what could not be
// changed in place and what came meanwhile.
func (p *inPlace) settle(ctx context.Context, found *collection, late int64) ([]memory.Finding, error) {
	var findings []memory.Finding
	if late > 0 {
		findings = append(findings, memory.Finding{
			Level: memory.Warning, Code: "late-rows", Section: p.spec.Name,
			Message: fmt.Sprintf("%d rows came while it was replaced, and were kept", late),
		})
	}
	kept, err := p.configure(ctx, found)
	if kept != "" {
		findings = append(findings, memory.Finding{
			Level: memory.Note, Code: "collection-settings", Section: p.spec.Name,
			Message: kept,
			Hint:    "a replace that is not in place makes the collection anew, with its settings",
		})
	}
	return findings, err
}

// configure sets the metadata of the bundle's collection and returns what was
// not, or could not be, set. Settings of the index are fixed when a collection
// is made, and are kept in the metadata of old ones: written there afterwards
// they would only be said. Arrays crash a worker of the server.
func (p *inPlace) configure(ctx context.Context, found *collection) (string, error) {
	from := p.spec.Collection
	if from == nil {
		return "", nil
	}
	want, have := members(withoutNotes(from.Metadata)), members(found.Metadata)
	for key, value := range have {
		if key == guard.MarkKey || key == swapmark.Key {
			want[key] = value
		}
	}
	switch {
	case sameMembers(want, have):
		return sameSettings(found, from), nil
	case !plain(want):
		return "its metadata cannot be set: the bundle's holds more than text and numbers", nil
	case !sameMembers(only(want, "hnsw:"), only(have, "hnsw:")):
		return "its metadata was not set: the bundle's says that the index has other settings", nil
	}
	var metadata memory.RawJSON
	if len(want) > 0 {
		var err error
		if metadata, err = json.Marshal(want); err != nil {
			return "", err
		}
	}
	return sameSettings(found, from), p.server.client.annotate(ctx, found.ID, metadata)
}

// members takes an object apart; what is none has no members.
func members(object memory.RawJSON) map[string]memory.RawJSON {
	found := map[string]memory.RawJSON{}
	_ = json.Unmarshal(object, &found)
	if found == nil { // it was null
		found = map[string]memory.RawJSON{}
	}
	return found
}

func sameMembers(a, b map[string]memory.RawJSON) bool { return maps.EqualFunc(a, b, sameJSON) }

func sameJSON(a, b memory.RawJSON) bool { return rows.SameJSON(a, b) }

// plain reports whether no value is an array or object.
func plain(values map[string]memory.RawJSON) bool {
	for _, value := range values {
		if value[0] == '[' || value[0] == '{' {
			return false
		}
	}
	return true
}

// only returns the members whose key begins so.
func only(values map[string]memory.RawJSON, prefix string) map[string]memory.RawJSON {
	kept := maps.Clone(values)
	maps.DeleteFunc(kept, func(key string, _ memory.RawJSON) bool { return !strings.HasPrefix(key, prefix) })
	return kept
}

// sameSettings says which settings of a collection are not the bundle's, of those
// that both name. A schema grows with the rows, so it is no measure.
func sameSettings(found *collection, from *memory.Collection) string {
	is, was := members(found.Configuration), members(from.Configuration)
	var differ []string
	for _, part := range slices.Sorted(maps.Keys(is)) {
		if was[part] == nil || string(is[part]) == "null" && string(was[part]) == "null" {
			continue
		}
		if part == "embedding_function" {
			if !sameJSON(is[part], was[part]) {
				differ = append(differ, part)
			}
			continue
		}
		theirs := members(was[part])
		for key, value := range members(is[part]) {
			if theirs[key] != nil && !sameJSON(value, theirs[key]) {
				differ = append(differ, part+"."+key)
			}
		}
	}
	if len(differ) == 0 {
		return ""
	}
	slices.Sort(differ)
	return "it keeps its own settings, which are not the bundle's: " + strings.Join(differ, ", ")
}
