package chroma_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
)

const swapKey = "keepsake:swap"

// annotate gives the collection that metadata.
func (p place) annotate(t testing.TB, metadata map[string]any) {
	t.Helper()
	p.Call(t, http.MethodPut, strings.TrimSuffix(p.rows(t, ""), "/"), map[string]any{"new_metadata": metadata}, nil)
}

func (p place) id(t testing.TB) string {
	t.Helper()
	id, _ := p.look(t)["id"].(string)
	return id
}

func survey(t testing.TB, w store.Target) store.Survey {
	t.Helper()
	seen, err := w.Survey(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// TestTarget is what the guard makes of a collection: production, unless it
// bears a disposable mark with its own id.
func TestTarget(t *testing.T) {
	for _, tt := range []struct {
		name string
		mark func(id string) any
		want guard.Class
	}{
		{"None", nil, guard.Production},
		{"Own", func(id string) any { return guard.Mark{Kind: guard.MarkDisposable, ID: id}.Encode() }, guard.Disposable},
		{"Another's", func(string) any { return guard.Mark{Kind: guard.MarkDisposable, ID: "other"}.Encode() }, guard.Production},
		{"NoText", func(string) any { return 7 }, guard.Production},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := filled(t, 3)
			if tt.mark != nil {
				p.annotate(t, map[string]any{"a": 1, guard.MarkKey: tt.mark(p.id(t))})
			}
			seen := survey(t, open(t, p.config(p.URL())))
			if got, why := (guard.Rules{}).Classify(seen.Target); got != tt.want || seen.Target.Locator() != seen.Locator {
				t.Errorf("got %s (%s) at %s, want %s at %s", got, why, seen.Target.Locator(), tt.want, seen.Locator)
			}
		})
	}
}

// TestLook is what a server answers the guard.
func TestLook(t *testing.T) {
	p, _ := filled(t, 3)
	p.annotate(t, map[string]any{guard.MarkKey: "here"})
	s := open(t, p.config(p.URL()))
	at := survey(t, s).Locator
	other := func(change func(*memory.Locator)) memory.Locator {
		l := at
		change(&l)
		return l
	}
	stands := guard.Sighting{Exists: true, CollectionID: p.id(t), Mark: "here"}
	for _, tt := range []struct {
		name string
		at   memory.Locator
		want guard.Sighting
		err  string
	}{
		{"Stands", at, stands, ""},
		{"AnotherID", other(func(l *memory.Locator) { l.CollectionID = "x" }), stands, ""},
		{"Absent", other(func(l *memory.Locator) { l.Collection = "nothing" }), guard.Sighting{}, ""},
		{"ErrServer", other(func(l *memory.Locator) { l.Address = "http://127.0.0.1:1" }), guard.Sighting{}, "it is not of"},
		{"ErrDatabase", other(func(l *memory.Locator) { l.Database = "x" }), guard.Sighting{}, "it is not of"},
		{"ErrKind", other(func(l *memory.Locator) { l.Kind = memory.KindChromaDir }), guard.Sighting{}, "it is not of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.Look(t.Context(), tt.at)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %+v, %v, want %+v, %q", got, err, tt.want, tt.err)
			}
		})
	}
	t.Run("ErrUnreachable", func(t *testing.T) {
		proxy := chromatest.Proxy(t, p.Server, func(chromatest.Request) chromatest.Fault { return chromatest.Fault{Reset: true} })
		there := at
		there.Address = proxy.URL()
		if got, err := open(t, p.config(proxy.URL())).Look(t.Context(), there); err == nil || got.Exists {
			t.Errorf("got %+v, %v, want an error", got, err)
		}
	})
	t.Run("ErrNoDatabase", func(t *testing.T) {
		config := p.config(p.URL())
		config.Database = "nowhere"
		there := at
		there.Database = config.Database
		if got, err := open(t, config).Look(t.Context(), there); err == nil || got.Exists {
			t.Errorf("got %+v, %v, want an error: the database is not there", got, err)
		}
	})
}

// TestTargetOfAnAbsentCollection is one that the guard can look at.
func TestTargetOfAnAbsentCollection(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	seen := survey(t, open(t, p.config(p.URL())))
	if got, why := (guard.Rules{}).Classify(seen.Target); seen.Exists || got != guard.Production {
		t.Errorf("got %s (%s), exists %t, want production that is not there", got, why, seen.Exists)
	}
}

// TestNotesStayBehind has what keepsake writes for itself neither leave with a
// backup nor arrive with a restore.
func TestNotesStayBehind(t *testing.T) {
	notes := map[string]any{guard.MarkKey: "m", swapKey: "s"}
	for _, tt := range []struct {
		name     string
		metadata map[string]any // beside the notes
	}{
		{"AmongOthers", map[string]any{"what": "<a> & b", "n": 1, "f": 2.0}},
		{"Alone", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, rows := filled(t, 3)
			metadata := maps.Clone(notes)
			maps.Copy(metadata, tt.metadata)
			p.annotate(t, metadata)
			s := open(t, p.config(p.URL()))
			session, err := s.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			specs, err := session.Sections(t.Context())
			if err != nil || len(specs) != 1 {
				t.Fatalf("got %+v, %v", specs, err)
			}
			wantMetadata(t, specs[0].Collection.Metadata, tt.metadata)
			wantMetadata(t, survey(t, s).Collection.Metadata, tt.metadata)

			copied := newPlace(t, p.Server)
			spec := specs[0]
			if spec.Collection.Metadata, err = json.Marshal(metadata); err != nil {
				t.Fatal(err)
			}
			merge(t, open(t, copied.config(copied.URL())), spec, rows)
			got, err := json.Marshal(copied.look(t)["metadata"])
			if err != nil {
				t.Fatal(err)
			}
			wantMetadata(t, got, tt.metadata)
		})
	}
}

func wantMetadata(t *testing.T, got memory.RawJSON, want map[string]any) {
	t.Helper()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		if len(got) > 0 && string(got) != "null" {
			t.Errorf("got metadata %s, want none", got)
		}
		return
	}
	var is, was map[string]any
	if json.Unmarshal(got, &is) != nil || json.Unmarshal(text, &was) != nil || !maps.Equal(is, was) {
		t.Errorf("got metadata %s, want %s", got, text)
	}
}

// TestMetadataWithoutNotes is kept to the byte.
func TestMetadataWithoutNotes(t *testing.T) {
	p, _ := filled(t, 1)
	const metadata = `{"z":"<&>\u00e9","keepsake":"keepsake:mark","a":[1.50,2]}`
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op != name {
			return chromatest.Fault{}
		}
		return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
			return []byte(strings.Replace(string(body), `"metadata":null`, `"metadata":`+metadata, 1)), nil
		}}
	})
	if got := survey(t, open(t, p.config(proxy.URL()))).Collection.Metadata; string(got) != metadata {
		t.Errorf("got  %s\nwant %s", got, metadata)
	}
}
